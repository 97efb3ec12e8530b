# make run: install and open the pages on port 8501.   make test: install what the tests need and run them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PORT ?= 8501
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Every run is a process that imports everything anew: what was compiled is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check clean

run: $(VENV)/installed
	$(VENV)/bin/streamlit run streamlit_app.py --server.port $(PORT)

test: check
	$(VENV)/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements.txt
	touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) --no-compile -r requirements-dev.txt
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
