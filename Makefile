# Two commands matter: `make demo` shows it at work, `make test` proves it.
# The machine needs Node 20 or newer with npm; Node 24 itself comes with `npm ci` and is used for everything after it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo demo-acapy test install lint format types build clean

# Debian packages for Kafka brokers (tools/kafka): Java, Maven, which gets them, and openssl for their certificates.
APT_FOR_KAFKA := java:default-jre-headless mvn:maven openssl

# Debian packages that the tests call: a compiler for a library that refuses writes, Python for a second reader of the
# spool; for a second judge of rules (tools/event-ruler) Java's compiler; Kafka.
APT_FOR_TESTS := gcc python3 javac:default-jdk-headless $(APT_FOR_KAFKA)

# Node 24 before the machine's own.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

help: ## Lists these commands.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: install ## Runs the demo: a sample library, traffic, and what Sidestream makes of it. DEMO_SECONDS=30 ends it by itself, KAFKA=host:port publishes there too.
	@exec node src/cli/main.ts demo $(if $(KAFKA),--kafka "$(KAFKA)")

demo-acapy: install ## Runs the demo with an agent: Kafka, Sidestream and an ACA-Py agent with two tenants, whose messages arrive in a topic. DEMO_SECONDS=30 ends it by itself. Needs Python 3.13.
	@tools/apt-need.sh $(APT_FOR_KAFKA)
	@exec node tools/acapy/demo/main.ts

test: install ## Lint, format, types, then every test.
	@tools/apt-need.sh $(APT_FOR_TESTS)
	@exec tools/test.sh

install: ## Installs the npm packages when the lock file changed.
	@tools/install.sh

lint: install ## Lint with type information.
	@exec oxlint

format: install ## Formats every file in place.
	@exec oxfmt

types: install ## Type check.
	@exec tsc -p .

build: install ## Compiles to dist/.
	@rm -rf dist
	@exec tsc -p tsconfig.build.json

clean: ## Removes what was built; keeps node_modules.
	@rm -rf dist coverage
