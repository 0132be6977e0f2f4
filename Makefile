# The commands of this project; `make` alone lists them.
PYTHON ?= python3
CLOUD ?= aws
FILE ?= parameters/local-$(CLOUD).yaml
BIN := .venv/bin
READY := .venv/.ready
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
UV := $(shell sed -n 's,^\(uv==[^ ]*\).*,\1,p' requirements.lock)

.DEFAULT_GOAL := help
.PHONY: help setup runbook lab test test-fast live mutations lint bench docs findings screenshots notebooks lock sbom audit clean

help: ## list these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## make .venv with the pinned versions

$(READY): requirements.lock pyproject.toml
	@test ! -L .venv || { echo "make: .venv is a link, and would be emptied where it leads. Next: rm .venv"; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11. Next: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 3; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv module. Next: apt-get install python3-venv"; exit 3; }
	$(PYTHON) -m venv --clear .venv
	@# uv installs this lock file about ten times faster; plain pip gives the same result.
	@# --no-deps: the file names all there is to install, and leaves out what nobody here imports.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV) && \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock || { \
		echo "make: not with uv; plain pip does the same and takes some minutes"; \
		sed '/^uv==/,/[^\]$$/d' requirements.lock > .venv/without-uv.txt; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/without-uv.txt; \
	}
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

runbook: $(READY) ## run all steps on the embedded stand-in and write the record
	$(BIN)/xcomkit run -f parameters/local-$(CLOUD).yaml

lab: $(READY) ## walk through the notebooks in JupyterLab: make lab [CLOUD=azure] [FILE=parameters/aws.yaml]
	$(BIN)/xcomkit lab -f $(FILE)

test: $(READY) ## run every test (17 minutes on two cores)
	$(BIN)/python -m pytest $(PARALLEL) --durations=10

test-fast: $(READY) ## run the tests without planes, whole lines, notebooks and a browser (2.5 minutes)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

live: $(READY) ## run the contract on live clouds: XCOMKIT_LIVE=aws XCOMKIT_LIVE_AWS=FILE make live
	@test -n "$$XCOMKIT_LIVE" || { echo "make: name the clouds. Next: XCOMKIT_LIVE=aws XCOMKIT_LIVE_AWS=my-aws.yaml make live"; exit 2; }
	for cloud in $$(echo $$XCOMKIT_LIVE | tr , ' '); do $(BIN)/python -m pytest tests/clouds/test_$${cloud}_contract.py || exit 1; done

mutations: $(READY) ## tell which single faults no test sees: make mutations [ROOM=dag_scan]
	$(BIN)/python tests/mutations/run.py $(ROOM)

lint: $(READY) ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure where a warm run's time goes
	$(BIN)/python benchmarks/warm_run.py

docs: $(READY) ## write what of docs/ is made from the rules and the settings
	$(BIN)/python -m xcomkit.lint.symptoms > docs/troubleshooting.md
	$(BIN)/python -m xcomkit.steps.rule_index > docs/checks.md
	$(BIN)/python -m xcomkit.settings.reference > docs/parameters.md
	$(BIN)/python docs/make_schema.py > docs/values.schema.json

findings: $(READY) ## run every backend on every stand-in and write docs/findings.md (25 minutes)
	rm -rf runs/findings
	for cloud in aws azure gcp; do for backend in stock durable; do \
		$(BIN)/xcomkit run 00 01 02 03 04 -f parameters/local-$$cloud.yaml --out runs/findings \
			-p backend=$$backend -p fault_depth=full -p payload_sizes=100000,5000000 || true; \
	done; done
	$(BIN)/python docs/make_findings.py runs/findings/*/ > runs/findings.md
	PYTHONPATH=tests/backend:tests/clouds $(BIN)/python docs/by_version.py >> runs/findings.md
	mv runs/findings.md docs/

screenshots: $(READY) ## take the pictures of the docs anew, from a run on the stand-in (3 minutes)
	PYTHONPATH=tests/browser:tests $(BIN)/python docs/screenshots.py

notebooks: $(READY) ## write the settings into every notebook's parameters cell
	$(BIN)/python tests/notebooks/sync_parameters.py

lock: $(READY) ## choose new versions for requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock

sbom: $(READY) ## write sbom.json (CycloneDX) of requirements.lock
	$(BIN)/uv tool run --from cyclonedx-bom cyclonedx-py requirements requirements.lock --output-format JSON -o sbom.json

audit: $(READY) ## ask the advisory database about requirements.lock; fails where it cannot be reached
	$(BIN)/uv tool run pip-audit --strict -r requirements.lock --no-deps --disable-pip

clean: ## remove what make and tests left behind; runs stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
