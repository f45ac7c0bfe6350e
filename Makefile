# make demo   explain a few texts with the model that ships, and write demo.html
# make test   run the tests
# make paper  every experiment of the paper, from training to report, in runs/paper
# make bench  what explaining costs beside other libraries, in docs/benchmarks.md (20 minutes)
# make bench-quick  whether a ratio became worse than the committed one (2 minutes)
# make lint   formatter, linter, type checker
PYTHON ?= python3
BIN := .venv/bin
BENCH := .venv-bench/bin

.PHONY: demo test paper bench bench-quick lint clean

demo: .venv/runs
	$(BIN)/whyword explain examples/*.txt
	$(BIN)/whyword explain examples/*.txt --html demo.html

test: .venv/develops
	$(BIN)/pytest

paper: .venv/develops
	$(BIN)/whyword paper --output runs/paper

bench: .venv-bench/measures
	$(BENCH)/python benchmarks/run.py

bench-quick: .venv-bench/measures
	$(BENCH)/python benchmarks/run.py --quick

lint: .venv/develops
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-bench .pytest_cache .ruff_cache .mypy_cache .hypothesis demo.html

# torch is named first and pinned, so that no other package chooses its build.
.venv/runs: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/develops: .venv/runs
	$(BIN)/pip install --quiet --disable-pip-version-check "torch==2.13.0" --editable ".[dev]"
	touch $@

# zennit and lxt ask for torchvision and quantisation, which no text classifier here needs.
.venv-bench/measures: pyproject.toml benchmarks/peers.txt benchmarks/peers-alone.txt
	test -x $(BENCH)/python || $(PYTHON) -m venv .venv-bench
	$(BENCH)/pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(BENCH)/pip install --quiet --disable-pip-version-check "torch==2.13.0" \
		--editable ".[dev]" --requirement benchmarks/peers.txt
	$(BENCH)/pip install --quiet --disable-pip-version-check \
		--no-deps --requirement benchmarks/peers-alone.txt
	touch $@
