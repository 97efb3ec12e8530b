# make run: install and open the pages on port 8501.   make check: style and types.   make test: the tests.
# make test-all: style, types, and every test there is.   Each installs what it needs; docs/testing.md says when to run what.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PORT ?= 8501
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Every run is a process that imports everything anew: what was compiled is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

PYTEST := $(VENV)/bin/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

.PHONY: run check test test-all clean

run: $(VENV)/installed
	$(VENV)/bin/streamlit run streamlit_app.py --server.port $(PORT)

test: $(VENV)/installed-dev
	$(PYTEST) $(ARGS)

test-all: check
	$(PYTEST) -m "" $(ARGS)

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --num-workers 2

# The newest pip finds what to install in half of the time of those that come with Python.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements.txt
	touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) --no-compile -r requirements-dev.txt
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
