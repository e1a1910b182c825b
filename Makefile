# Everything happens in .venv. `make run` and `make test` set it up first if need be.

BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup run test lint check bench bench-gpu fuzz screenshots samples clean

setup: $(READY)

# Made again when what it is made from changes.
$(READY): pyproject.toml packaging/constraints.txt
	@python=$$(PYTHON="$(PYTHON)" packaging/find_python.sh) && \
	if command -v uv >/dev/null; then \
		{ [ -x $(BIN)/python ] || uv venv --quiet --python "$$python" .venv; } && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[dev,qwen]' -c packaging/constraints.txt; \
	else \
		{ [ -x $(BIN)/pip ] || "$$python" -m venv .venv; } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,qwen]' -c packaging/constraints.txt; \
	fi
	@touch $@

run: $(READY)
	@packaging/system_packages.sh run
	@$(BIN)/semblance

test: $(READY)
	@packaging/system_packages.sh test
	@$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint
	@$(MAKE) --no-print-directory test

bench: $(READY)
	@packaging/system_packages.sh test
	@$(BIN)/python -m tests.bench.run

# On a machine with CUDA: random weights of the real shapes, so nothing is fetched.
bench-gpu: $(READY)
	@$(BIN)/python -m tests.bench.qwen --device cuda --shapes 2B 8B

# Ten thousand broken files through the real engine; about a quarter of an hour.
fuzz: $(READY)
	@$(BIN)/python -m tests.fuzz.run --files 10000

screenshots: $(READY)
	@packaging/system_packages.sh test
	@$(BIN)/python packaging/screenshots.py

# The sample library in resources/samples; committed, so only needed after a change to how it is drawn.
samples: $(READY)
	@$(BIN)/python -m resources.draw_samples

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
