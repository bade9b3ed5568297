# Everything happens in virtual environments beside this file; nothing is installed into the system or into Blender.
# Variables: PYTHON (interpreter to use), PIP_ARGS (more options for every pip install), PYTEST_ARGS.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint weights system clean

VENV := .venv
BIN := $(VENV)/bin
BLENDERS := 4.2 4.5 5.2 5.3
BPY_STAMPS := $(BLENDERS:%=.venv-bpy-%/.installed)

help:
	@echo "make setup   prepare .venv, the network weights and the Blender modules for tests"
	@echo "make demo    setup, then solve the bundled shot end to end"
	@echo "make test    setup, then run every test"
	@echo "make lint    ruff and mypy"
	@echo "make clean   remove the virtual environments and caches"

setup: $(BIN)/.installed $(BPY_STAMPS) weights system
	@echo "Ready. Try: make demo"

# Stamps are written last: an installation that was interrupted is taken up again, a finished one is left alone.
$(BIN)/.installed: pyproject.toml constraints.txt
	@tools/make_environment.sh $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install $(PIP_ARGS) --constraint constraints.txt --no-deps face-alignment
	@touch $@

# Blender's own module, one folder a version, each with its own version of Python (tools/make_blender.sh).
.venv-bpy-%/.installed: tools/make_blender.sh
	@tools/make_blender.sh $* $(PIP_ARGS)

weights: $(BIN)/.installed
	@$(BIN)/python -m solver_core weights fetch
	@$(BIN)/python -m solver_core weights fetch dlib_cnn

system: $(BPY_STAMPS)
	@$(BIN)/python tools/check_system.py $(BLENDERS:%=.venv-bpy-%)

# The newest Blender whose Python this machine has.
DEMO_BLENDER = $(shell tools/find_python.sh 3.13 >/dev/null 2>&1 && echo 5.3 || echo 4.5)

demo: $(BIN)/.installed weights
	@$(MAKE) --no-print-directory .venv-bpy-$(DEMO_BLENDER)/.installed
	@$(BIN)/python tools/check_system.py .venv-bpy-$(DEMO_BLENDER)
	$(BIN)/python -m demo.run

test: setup
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests blender_tests

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .venv-bpy-* .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist demo/out demo/build
