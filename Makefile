# Everything that is done with a clone. `make help` lists it.

.PHONY: help setup demo test test-all check docs reference proofs promises mutants comparison screenshots pictures bench chaos fuzz up test-relays test-rabbitmq4 lock clean
.DEFAULT_GOAL := help
bin := .venv/bin

# Six processes share one collection, since many tests wait.
run_tests := PYTHONDONTWRITEBYTECODE= $(bin)/pytest --forks 6
# Folders whose tests start whole processes, browsers or foreign servers: test-all runs them (docs/adr/0076).
long_tests := acceptance browser oidc relays verifiers
without_servers = $$([ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || echo --ignore=tests/integration/test_embedded_rabbitmq.py --ignore=tests/integration/test_broker_kept.py --ignore=tests/acceptance/test_outage.py) $$([ -x /usr/sbin/pgbouncer ] || echo --ignore=tests/integration/test_pgbouncer.py) $$([ -x /usr/sbin/nginx ] && [ -x /usr/bin/caddy ] || echo --ignore=tests/integration/test_proxies.py)

help:  ## lists what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/dev  ## makes the virtual environment .venv, with all that development needs
	@echo 'setup: to type mailer without a path: export PATH="$(CURDIR)/.venv/bin:$$PATH"'

# A stamp a set of requirements; pip asks no index for what is installed already.
.venv/%: requirements/%.txt requirements/build.txt pyproject.toml scripts/setup-venv
	@scripts/setup-venv $*

demo: .venv/run  ## runs the whole pipeline once on this machine; STAY=1 leaves it up
	@$(bin)/mailer demo $(if $(STAY),--stay)

test: .venv/dev  ## runs the tests that a change needs, in a few minutes: all but browsers, whole processes and foreign servers; PYTEST="-k word" chooses
	@scripts/setup-services
	@scripts/setup-letters --if-possible
	@$(run_tests) $(foreach folder,$(long_tests),--ignore=tests/$(folder)) $(without_servers) $(PYTEST)

test-all: .venv/dev  ## runs every test, as CI does; PYTEST="-k word" chooses
	@scripts/setup-services
	@scripts/setup-letters --if-possible
	@scripts/setup-relays --if-possible postfix dovecot
	@scripts/setup-verifiers --if-possible
	@scripts/setup-axe --if-possible
	@scripts/setup-oidc --if-possible
	@$(run_tests) --ignore=tests/relays/test_relays.py $$([ -e .cache/relays/postfix/usable ] || echo --ignore=tests/relays) $$([ -e .cache/relays/dovecot/usable ] || echo --ignore=tests/relays/test_dovecot.py) $$(ls .cache/verifiers/usable-* >/dev/null 2>&1 || echo --ignore=tests/verifiers) $$([ -e .cache/oidc/usable ] || echo --ignore=tests/oidc) $$([ -x /usr/bin/chromium ] || echo --ignore=tests/browser) $$(ls .cache/axe/usable-* >/dev/null 2>&1 || echo --ignore=tests/browser/test_every_page.py) $(without_servers) $(PYTEST)

check: .venv/dev  ## formatting, lint, types, layers and sizes
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/python scripts/check_sizes.py

docs: .cache/docs/docs  ## builds the documentation site into build/site, and checks each link of it
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. .cache/docs/bin/mkdocs build --strict
	@.cache/docs/bin/python scripts/check_site.py build/site

.cache/docs/docs: requirements/docs.txt scripts/setup-venv
	@scripts/setup-venv docs .cache/docs

reference: .venv/dev  ## writes docs/reference/ from the code: settings, commands, routes, event fields, reasons, metrics
	@$(bin)/python -m scripts.publish_reference

proofs: .venv/dev  ## holds each promise against the last run of all tests
	@$(bin)/mailer policy check --record .cache/promises.json

promises: .venv/dev  ## writes docs/promises.md: each promise with its rules and its proofs
	@$(bin)/python -m scripts.publish_promises

mutants: .venv/dev  ## takes each rule and clause away, changes each value that decides, and expects a test to fail; RULES="opt-out" chooses rules
	@scripts/setup-services
	@status=0; for kind in $(if $(RULES),,clauses values) rules; do echo "mutants: $$kind"; $(bin)/python -m scripts.mutate_$$kind $$([ $$kind != rules ] || echo "$(RULES)") || status=1; done; exit $$status

comparison: .venv/dev  ## writes docs/comparison.md: the same mail to the same people under each policy
	@$(bin)/python -m bench.comparison docs/comparison.md

screenshots: .venv/dev  ## makes pictures of all pages in build/screenshots, where Chromium is
	@scripts/setup-pictures
	@$(bin)/python -m scripts.screenshots

pictures: .venv/dev  ## makes the pictures of the documentation, in docs/pictures, where Chromium is
	@scripts/setup-pictures
	@$(bin)/python -m scripts.screenshots docs

bench: .venv/dev  ## measures, beside peers; BENCH="latency" chooses, BENCH_OUT=docs/bench.md keeps the table
	@scripts/setup-services
	@scripts/setup-bench
	@BENCH_OUT=$(BENCH_OUT) .cache/bench/mailer/bin/python -m bench $(BENCH)

chaos: .venv/dev  ## breaks everything at random while mail flows, and checks every promise; MINUTES=5 SEED=7 LEASE=5
	@scripts/setup-services
	@$(bin)/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(LEASE),--lease $(LEASE))

fuzz: .venv/dev  ## fuzzes the readers of received mail, requests, webhooks and SMTP with atheris; MINUTES=5 TARGETS="reports words"
	@[ .cache/fuzz/dev -nt requirements/fuzz.txt ] || { scripts/setup-venv dev .cache/fuzz && .cache/fuzz/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements/fuzz.txt; }
	@.cache/fuzz/bin/python -m tests.fuzzing $(if $(MINUTES),--minutes $(MINUTES)) $(TARGETS)

up: .venv/dev  ## runs the Procfile on MAILER_DATABASE_URL and MAILER_BROKER_URL, or on private services
	@$(bin)/python scripts/up.py

test-relays: .venv/dev  ## mails by real Postfix, Exim, OpenSMTPD and Haraka in every set-up, and a mailbox of a real Dovecot (root only); PYTEST="-k exim" chooses
	@scripts/setup-services
	@scripts/setup-relays
	@$(bin)/pytest -n logical --maxprocesses 4 tests/relays $(PYTEST)

test-rabbitmq4: .venv/dev  ## runs the broker and acceptance suites on RabbitMQ 4, in a Debian of its own (root only)
	@scripts/rabbitmq4.sh .cache/trixie
	@rm -rf .cache/trixie/tmp/*
	@MAILER_TEST_RABBITMQ_CHROOT=$(CURDIR)/.cache/trixie $(bin)/pytest tests/contract tests/acceptance tests/integration/test_broker_kept.py $(PYTEST)

lock: .venv/dev  ## brings requirements/*.txt up to date with pyproject.toml
	@scripts/lock

clean:  ## removes all that was made here
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
