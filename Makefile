# make run: the exporter with the configuration that ships. make test: everything CI runs.
# Both install what they need into .venv, locked and hash-checked.

PYTHON ?= python3
BIN := .venv/bin
# Debian's packages that the tests start for real; services are not to be started at installation.
DEBIAN := prometheus prometheus-blackbox-exporter nginx-light dnsmasq microsocks tinyproxy iproute2 util-linux curl

.PHONY: run demo test lint bench lock clean

run: .venv/run
	@echo "Open http://localhost:19720/ - metrics at http://localhost:19720/metrics. Ctrl-C stops."
	@exec $(BIN)/outage-exporter run

demo: .venv/dev
	@exec $(BIN)/python -m tests.servers.demo

test: .venv/dev .venv/debian lint
	$(BIN)/pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev .venv/debian
	$(BIN)/python -m bench

.venv/bin/python:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; [ "$$(id -u)" = 0 ] && apt-get update -q && \
	  apt-get install -y -q --no-install-recommends python3-venv && $(PYTHON) -m venv .venv; }

.venv/run: .venv/bin/python deploy/lock/runtime.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r deploy/lock/runtime.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: .venv/bin/python deploy/lock/dev.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r deploy/lock/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/run

.venv/debian: Makefile .venv/bin/python
	@dpkg -s $(DEBIAN) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] || { \
	  echo "The tests need these Debian packages; install them as root: $(DEBIAN)"; exit 1; }; \
	  apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(DEBIAN); }
	@touch $@

lock: .venv/dev
	$(BIN)/pip-compile -q --upgrade --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host -o deploy/lock/runtime.txt pyproject.toml
	$(BIN)/pip-compile -q --upgrade --generate-hashes --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --allow-unsafe --extra dev -c deploy/lock/runtime.txt -o deploy/lock/dev.txt pyproject.toml

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
