# Every way into the house. `make help` lists them.
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local

.PHONY: help setup build package web test soak demo demo-ui bench format format-check tidy install clean distclean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## Install what is needed (Debian 12, root or sudo)
	@scripts/setup

build: setup ## Build build/release/aerie
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target aerie aerie_documents

package: ## Build the Debian package; its path is the last line
	@scripts/setup build
	@scripts/package

web: setup ## Build the page alone; prints the folder that has it
	@scripts/build-web --folder

test: setup ## Build and run every test; the last line counts them
	@scripts/test

soak: build ## Kill it 200 times at random on a folder and on MinIO, three processes, a network cut
	@scripts/setup extras
	@scripts/soak

demo: build ## Back up, verify, drop and restore a real Milvus before your eyes
	@scripts/demo

demo-ui: build ## The daemon on a real Milvus, and its page in your browser
	@scripts/demo --ui

bench: setup ## Measure against the peers, on a real Milvus (see bench/README.md)
	@bench/run

format: ## Format C++ and proto files
	@scripts/check-format --fix

format-check: ## Say which files are not formatted
	@scripts/check-format

tidy: setup ## clang-tidy over all sources
	@scripts/tidy

install: build ## Install into PREFIX (default /usr/local)
	@cmake --install build/release --prefix "$(PREFIX)"

clean: ## Remove what was built
	@rm -rf build

distclean: clean ## Remove also what setup put into its private folder
	@rm -rf "$${AERIE_CACHE:-$$HOME/.cache/aerie-dev}"
