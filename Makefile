# make demo   trains the blog's networks on every backend that this machine has
# make test   runs the tests
# Each sets up its own virtual environment first. PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST_FLAGS ?= -n 2

.PHONY: demo test matrix check bench clean

demo: $(VENV)/demo.done
	$(BIN)/portanet demo

test: $(VENV)/test.done
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

# the same with PyTorch, JAX and NVIDIA's compiler installed, in an environment of their own
matrix: $(VENV)-matrix/matrix.done
	$(VENV)-matrix/bin/python -m pytest $(PYTEST_FLAGS)

# portanet beside its peers: writes benchmarks/results.json, docs/benchmarks.md and docs/benchmarks.png;
# make bench BENCH_FLAGS=--quick prints some of it within a minute, and writes nothing
bench: $(VENV)-bench/bench.done
	$(VENV)-bench/bin/python -m benchmarks $(BENCH_FLAGS)

check: $(VENV)/dev.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright

clean:
	rm -rf $(VENV) $(VENV)-matrix $(VENV)-bench build dist *.egg-info

$(VENV)/%.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "portanet needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

# with PyTorch, whose version pip must be told first
$(VENV)-matrix/matrix.done $(VENV)-bench/bench.done: pyproject.toml
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[$(basename $(@F))]'
	@touch $@
