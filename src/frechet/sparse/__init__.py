"""Sparse matrices with derivatives in their values."""
