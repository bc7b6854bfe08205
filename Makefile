.PHONY: demo test lint bench bench-ansible kerberos readme picture lock clean

# Bots are started often: their bytecode is kept, whatever the caller's environment says.
PYTEST = PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest

demo: .venv/demo
	@.venv/bin/nps demo

# Stories mostly wait; the boxes of .ci/run do not, so it asks for fewer.
WORKERS = 4
test: lint
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not bench"

lint: .venv/dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

bench: .venv/dev
	$(PYTEST) tests/bench -s --ignore tests/bench/ansible

bench-ansible: .venv/dev .venv-ansible/ready
	$(PYTEST) tests/bench/ansible -s

# The stamps: an environment that is as new as what it was made from is left alone.
.venv/demo: requirements/demo.txt pyproject.toml
	@echo "Setting up .venv, less than a minute ..."
	@.ci/venv $<
	@touch $@

# All that demo needs is in dev too, so making dev makes both.
.venv/dev: requirements/dev.txt pyproject.toml
	@echo "Setting up .venv, less than a minute ..."
	@.ci/venv $<
	@touch .venv/demo $@

# Ansible in an environment of its own; the bot needs nothing of it.
.venv-ansible/ready: tests/bench/ansible/requirements.txt tests/bench/ansible/venv | .venv/dev
	@echo "Setting up .venv-ansible, less than a minute ..."
	@tests/bench/ansible/venv

# Built from source (gcc, python3-dev, libkrb5-dev), so whoever does not test Kerberos need not have it.
kerberos: .venv/dev
	.venv/bin/python -m pip --disable-pip-version-check -qq install --require-hashes -r requirements/kerberos.txt

# uv is not among the requirements: only who changes a dependency needs it.
LOCK = uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11
COMPILE = $(LOCK) pyproject.toml --group build
lock:
	$(COMPILE) --extra lab --extra keyring --group dev -o requirements/dev.txt
	$(COMPILE) --extra lab -c requirements/dev.txt -o requirements/demo.txt
	$(COMPILE) -c requirements/dev.txt -o requirements/runtime.txt
	$(LOCK) --group ansible -o tests/bench/ansible/requirements.txt
	$(COMPILE) --extra kerberos -c requirements/dev.txt -o requirements/kerberos.txt

readme: .venv/dev
	.venv/bin/python docs/commands.py
	.venv/bin/python docs/settings.py
	.venv/bin/python docs/windows.py

picture: .venv/dev
	.venv/bin/python docs/picture.py
	.venv/bin/python docs/cards.py

clean:
	rm -rf .venv .venv-ansible build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
