# Every target builds what it needs first: a virtual environment in .venv, and in it frechet (editable, its C++
# kernels compiled) with the extras of pyproject.toml that the target uses. A stamp file marks each extra as
# installed; after a change of the kernels' sources the next target compiles them again.
#
#   make demo | test | test-jax-oldest | sanitize | bench | lint | docs | clean
#   make test ARGS="-k fft"          further arguments for pytest, the benchmarks or the demo
#   make demo PYTHON=python3.12      another interpreter (Python 3.11 or later)

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin

# One thread per process: the tests run in two processes, and tiny matrices are slower with threads.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help demo test test-jax-oldest sanitize bench lint docs clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    fit models, optimise an MRI scan, check the examples, save pictures"
	@echo "make test    run all tests, with the examples of the docs and the README"
	@echo "make test-jax-oldest  test frechet.jax with the oldest JAX that it supports"
	@echo "make sanitize  test the C++ code of the nonuniform transforms with the compiler's sanitizers"
	@echo "make bench   time Frechet beside PyTorch, JAX and autograd"
	@echo "make lint    ruff and mypy"
	@echo "make docs    build the documentation into docs/_build"
	@echo "make clean   remove what the other targets made"

demo: $(VENV)/.with-demo
	$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.with-test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 $(ARGS)

# frechet.jax with the oldest JAX that it supports, in an environment of its own; absl is for its jax.export.
test-jax-oldest: VENV := .venv-jax-oldest
test-jax-oldest:
	$(MAKE) VENV=$(VENV) $(VENV)/.with-test
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check jax==0.6.0 jaxlib==0.6.0 absl-py
	$(ONE_THREAD) $(VENV)/bin/python -m pytest tests/jax src/frechet/jax docs/jax.md $(ARGS)

sanitize:
	tests/core/sanitize.sh

# Everything on one thread, and the Fourier rows on two as well.
bench: $(VENV)/.with-bench
	$(BIN)/python -m benchmarks $(ARGS)
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m benchmarks fourier --threads 2
endif

lint: $(VENV)/.with-lint
	$(BIN)/python -m ruff check src tests benchmarks docs examples
	$(BIN)/python -m mypy

docs: $(VENV)/.with-docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf $(VENV) .venv-jax-oldest docs/_build benchmarks/results demo_output build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit("Frechet needs Python 3.11 or later, and $(PYTHON) is " \
	  + sys.version.split()[0] + ": make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# With JAX among the extras, the functions that XLA calls are built, too, and stay when another target installs anew.
$(VENV)/.with-test $(VENV)/.with-bench $(VENV)/.with-docs: export FRECHET_XLA := 1
ifneq ($(wildcard $(VENV)/.with-test $(VENV)/.with-bench $(VENV)/.with-docs),)
export FRECHET_XLA := 1
endif

$(VENV)/.with-%: pyproject.toml CMakeLists.txt $(wildcard src/core/* src/core/*/*) | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
