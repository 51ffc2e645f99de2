# The two commands a user needs are `make report` and `make test`; `make` alone lists the rest.

SWIFT ?= swift
# Where the report goes; a report that is there already is replaced.
OUT ?= out/report
# A safetensors file; the shipped sample if empty.
INPUT ?=
# Further options of `ropedrift report`, such as FLAGS='--shifts 0,1024'.
FLAGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build test test-exhaustive report sample check-documents lint format clean

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

report: build ## Write the drift report of the shipped sample, or of INPUT=FILE, into OUT (out/report)
	@mkdir -p -- "$$(dirname -- '$(OUT)')"
	"$$($(SWIFT) build -c release --show-bin-path)/ropedrift" report $(if $(INPUT),'$(INPUT)' )-o '$(OUT)' --force $(FLAGS)

sample: ## Record Reports/sample again, and what documents show of it: figure, columns, outputs
	$(MAKE) report OUT=Reports/sample INPUT= FLAGS=
	Scripts/plot-sample.py
	Scripts/describe-columns.py
	PATH="$$($(SWIFT) build -c release --show-bin-path):$$PATH" Scripts/check-documents.py --update

check-documents: build ## Run the commands that the documents show and compare what they print
	PATH="$$($(SWIFT) build -c release --show-bin-path):$$PATH" Scripts/check-documents.py

lint: ## Check the layout of the code and the keys that it cites
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	Scripts/check-references.sh

format: ## Lay out the code
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

clean: ## Remove what was built
	rm -rf .build .build-exhaustive
