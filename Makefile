.PHONY: demo test browser llama check notebooks images setup clean

PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0
TORCH_CPU := $(TORCH)+cpu --extra-index-url https://download.pytorch.org/whl/cpu --retries 0 --timeout 5

demo: .venv/demo  ## set up, walk the whole road, print the path of the page
	@$(BIN)/amazon-ft demo --run runs/demo

test: .venv/dev  ## set up, check style and types, pass the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=25

browser: .venv/dev  ## drive page and panel in a Chromium that is there: JupyterLab, Voila, classic Notebook
	$(BIN)/pip install -q -e '.[browser]'
	$(BIN)/python tests/browser/environments.py
	$(BIN)/python -m pytest tests/browser -rs

llama: .venv/dev  ## build llama-cpp-python beside (ten minutes, needs a compiler), read our GGUF files with it
	test -x .venv/llama/bin/python || $(PYTHON) -m venv .venv/llama
	.venv/llama/bin/pip install -q 'llama-cpp-python[server]==0.3.36'
	AMAZON_FT_LLAMA_CPP=$(CURDIR)/.venv/llama/bin/python $(BIN)/python -m pytest -n auto -rs \
	tests/test_gguf_answers.py tests/test_llama_cpp.py tests/test_llama_cpp_server.py tests/test_ollama.py tests/test_parity.py

check: .venv/dev  ## style and types alone, in seconds
	$(BIN)/pre-commit run --all-files

notebooks: .venv/dev  ## make the .ipynb twins from the .py sources
	$(BIN)/python tests/twins.py

images: .venv/dev  ## draw the README's pictures from a recorded run
	$(BIN)/python images/draw.py

setup: .venv/dev

clean:
	rm -rf .venv .cache runs

.venv/demo: pyproject.toml requirements-cpu.txt
	$(PYTHON) -m venv .venv
	@if nvidia-smi >/dev/null 2>&1; then $(BIN)/pip install -q $(TORCH); \
	else $(BIN)/pip install -q $(TORCH_CPU) 2>/dev/null || $(BIN)/pip install -q $(TORCH); fi
	$(BIN)/pip install -q -r requirements-cpu.txt -e .
	@touch $@

.venv/dev: .venv/demo
	$(BIN)/pip install -q -e '.[dev]'
	@touch $@
