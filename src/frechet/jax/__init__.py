"""The door to JAX."""
