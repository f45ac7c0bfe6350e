# make demo   explain a few texts with the model that ships, and write demo.html
# make test   run the tests
# make paper  every experiment of the paper, from training to report, in runs/paper
# make lint   formatter, linter, type checker
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test paper lint clean

demo: .venv/runs
	$(BIN)/whyword explain examples/*.txt
	$(BIN)/whyword explain examples/*.txt --html demo.html

test: .venv/develops
	$(BIN)/pytest

paper: .venv/develops
	$(BIN)/whyword paper --output runs/paper

lint: .venv/develops
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis demo.html

# torch is named first and pinned, so that no other package chooses its build.
.venv/runs: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/develops: .venv/runs
	$(BIN)/pip install --quiet --disable-pip-version-check "torch==2.13.0" --editable ".[dev]"
	touch $@
