# make demo   trains the blog's networks on every backend that this machine has
# make test   runs the tests
# make gpu    on a machine with an NVIDIA GPU: doctor, tests, times, sanitizers; leaves gpu-report.txt
# Each sets up its own virtual environment first. PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST_FLAGS ?= -n 2

.PHONY: demo test matrix check bench gpu clean

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

# GPU_FLAGS=--quick does some of it; CUDA=12 chooses CuPy for CUDA 12 (else as the driver says);
# GPU_PYTHON=python takes an interpreter that has everything, and installs nothing
gpu: $(if $(GPU_PYTHON),,$(VENV)-gpu/gpu.done)
	$(or $(GPU_PYTHON),$(VENV)-gpu/bin/python) -m benchmarks.gpu $(GPU_FLAGS)

check: $(VENV)/dev.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright

clean:
	rm -rf $(VENV) $(VENV)-matrix $(VENV)-bench $(VENV)-gpu build dist *.egg-info

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

# CuPy must fit the driver. PyTorch is a peer, which the report does without: beside CUDA 12 its package would bring
# libraries of CUDA 13, which CuPy would load
$(VENV)-gpu/gpu.done: CUDA ?= $(or $(shell nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p'),13)
$(VENV)-gpu/gpu.done: pyproject.toml
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[cuda$(CUDA),test]'
	-test "$(CUDA)" != 13 || $(@D)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@touch $@
