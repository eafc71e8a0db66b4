# make demo   a network trained on generated data, in minutes, with figures in runs/
# make lab    JupyterLab on the explore notebooks: from your own images to a trained network and its predictions
# make test   all tests: what decides whether a change lands
# make test-fast   after a change, within two minutes: style, rooms, tree and parameters, the tests that import what the
#                  working tree or the last commit changed, and its notebooks with the nearest that import them
# make format   format notebooks, tests and setup.py
# make cells   write the parameter cells of the run notebooks, after a parameter or its help has changed
# make ceilings   lower the numbers of tests/test_style.py after a repair
# make docs   the documentation as a static site in _docs/
# All make the environment (.venv) first, when it is not there. PYTHON=/path/to/python chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin

.PHONY: help env demo lab test test-fast format cells ceilings readme docs clean
.DEFAULT_GOAL := help

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

env: $(VENV)/.ready

# The first Python from 3.10 to 3.12 that answers; MindSpore 2.10 has no build for others.
$(VENV)/.ready: settings.ini setup.py
	@[ "$$(uname -s)" = Linux ] || { echo "unet_nb is built and tested on Linux; this is $$(uname -s). Use a Linux machine, WSL or a container."; exit 1; }
	@found=; for p in $(PYTHON) python3 python3.12 python3.11 python3.10 python; do \
	  if $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; then found=$$p; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "unet_nb needs Python 3.10, 3.11 or 3.12 (MindSpore has no build for others); found: $$(python3 --version 2>&1 || echo none)."; \
	  echo "Install one (Debian, Ubuntu: apt-get install python3.11 python3.11-venv), or name it: make $(or $(MAKECMDGOALS),env) PYTHON=/path/to/python3.11"; exit 1; fi; \
	echo "environment: $(VENV), from $$($$found --version) ($$found)"; \
	$$found -m venv --clear $(VENV) || { echo "python -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { echo "OpenCV finds no libGL here; its build without windows does as well and is installed instead"; \
	  $(BIN)/python -m pip uninstall --quiet -y opencv-python; $(BIN)/python -m pip install --quiet --disable-pip-version-check 'opencv-python-headless<5'; }
	@touch $@

demo: env
	$(BIN)/unet_nb run train -f params/demo.yaml

# Settings of this environment's JupyterLab: notebooks are saved with the state of their widgets, so they show when opened
# again; no request for news.
lab: env
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@echo '{"@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": true}, "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > $(VENV)/share/jupyter/lab/settings/overrides.json
	$(BIN)/unet_nb lab

test: env
	$(BIN)/python -m pytest

test-fast: env
	$(BIN)/python -m pytest --changed

format: env
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix --select I --quiet

cells: env
	$(BIN)/python tests/write_cells.py

# Only downwards: what is counted there may not grow.
ceilings: env
	$(BIN)/python tests/test_style.py

# README.md is nbs/index.ipynb as Markdown.
readme: env
	$(BIN)/python tests/render_readme.py

# A link to a page or heading that is not there ends the build.
docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

clean:
	rm -rf $(VENV) _docs build dist *.egg-info
