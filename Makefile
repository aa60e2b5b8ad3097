# make run: exporter, Prometheus, Alertmanager, and Grafana where it is installed. make test: everything CI runs.
# Both install what they need into .venv, locked and hash-checked.

PYTHON ?= python3
BIN := .venv/bin
# Where it is set, each of some hundred programs that the tests start would compile all of ours anew: half of their time.
unexport PYTHONDONTWRITEBYTECODE
# Debian's packages that the tests start for real; services are not to be started at installation.
DEBIAN := prometheus prometheus-alertmanager prometheus-blackbox-exporter nginx-light dnsmasq microsocks tinyproxy \
  iproute2 util-linux systemd curl chromium fonts-dejavu-core \
  victoria-metrics
INSTALL := apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends

# Where `make run` keeps everything. More options for run and demo: make run ARGS="--port prometheus=9091".
DATA ?= data
ARGS ?=

.PHONY: run demo programs test test-long test-live test-rest test-simulated lint bench lock clean

run: .venv/run programs
	@exec $(BIN)/python -m deploy.local.stack --data "$(DATA)" $(ARGS)

demo: .venv/dev programs
	@exec $(BIN)/python -m tests.servers.demo $(ARGS)

# What can be installed is; what cannot be is told when the stack starts, and the rest runs.
programs:
	@missing=; command -v prometheus >/dev/null || missing=prometheus; \
	  command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || \
	    missing="$$missing prometheus-alertmanager"; \
	  if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(INSTALL) $$missing || true; fi

# All at once, by rank: what watches real programs comes first, what starts commands and computes takes what those leave,
# and promtool's simulated time the rest.
test:
	@$(MAKE) -j4 --output-sync=target lint test-live test-rest test-simulated

PUNCTUAL := tests/net tests/probes
LIVE := tests/stack tests/alerts tests/servers tests/grafana
SIMULATED := tests/replays tests/alerts/test_rules.py
# Files stay whole, because most of those that wait have servers of their own.
SIDE_BY_SIDE := --dist=loadfile --numprocesses=2
ignore = $(addprefix --ignore=,$1)

# What measures to a tenth of a second has no equal beside it. Two of the others keep a processor busy between them, and a
# third would make their probes late; the longest come first. The rest, which ends sooner, makes do with one.
test-live: .venv/dev .venv/debian
	$(BIN)/pytest $(PUNCTUAL)
	$(BIN)/pytest $(SIDE_BY_SIDE) --no-loadscope-reorder $(LIVE) $(call ignore,$(SIMULATED))

test-rest: .venv/dev .venv/debian
	nice -n 5 $(BIN)/pytest $(call ignore,$(PUNCTUAL) $(LIVE) $(SIMULATED))

# Go's collector would take a sixth of the time.
test-simulated: .venv/dev .venv/debian
	GOGC=400 GOMAXPROCS=1 nice -n 15 $(BIN)/pytest $(SIDE_BY_SIDE) $(SIMULATED)

# The image built, compose.yaml and the unit started for real, with no registry, three sites with faults, the box watched from
# nine regions, all replays, hours of rules, every page by axe, torture, and every page of /probe beside blackbox_exporter's.
# As root; twenty minutes, 3 GB in /tmp.
LONG := podman runc netavark aardvark-dns iptables debootstrap
test-long: .venv/dev .venv/debian .venv/long
	$(BIN)/pytest tests/*/long_*.py tests/stack/browser/long_*.py
	$(BIN)/python -m tests.blackbox

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	nice -n 5 $(BIN)/mypy

bench: .venv/dev .venv/debian
	$(BIN)/python -m bench

.venv/bin/python:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; [ "$$(id -u)" = 0 ] && apt-get update -q && \
	  apt-get install -y -q --no-install-recommends python3-venv && $(PYTHON) -m venv .venv; }

.venv/run: .venv/bin/python deploy/lock/stack.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r deploy/lock/stack.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

# The locked pip first: that of Python 3.11 takes twice as long to find the rest. setuptools is locked too.
.venv/dev: .venv/bin/python deploy/lock/dev.txt pyproject.toml
	@sed -n '/^pip==/,/# via/p' deploy/lock/dev.txt > .venv/pip.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r .venv/pip.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r deploy/lock/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ .venv/run

.venv/debian: Makefile .venv/bin/python
	@dpkg -s $(DEBIAN) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] || { \
	  echo "The tests need these Debian packages; install them as root: $(DEBIAN)"; exit 1; }; \
	  $(INSTALL) $(DEBIAN); }
	@touch $@

.venv/long: Makefile .venv/bin/python
	@dpkg -s $(LONG) >/dev/null 2>&1 || $(INSTALL) $(LONG)
	@touch $@

# The container has runtime.txt alone; a supervisor is for `make run`, the rest for tests.
COMPILE := $(BIN)/pip-compile -q --upgrade --generate-hashes --strip-extras --no-header --no-emit-index-url \
  --no-emit-find-links --no-emit-trusted-host
lock: .venv/dev
	$(COMPILE) -o deploy/lock/runtime.txt pyproject.toml
	$(COMPILE) --extra stack -c deploy/lock/runtime.txt -o deploy/lock/stack.txt pyproject.toml
	$(COMPILE) --allow-unsafe --extra dev --extra stack --extra http3 -c deploy/lock/runtime.txt -o deploy/lock/dev.txt pyproject.toml

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
