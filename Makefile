# `make` alone prints the targets.

# What `make run` passes on to the benchmark, and `make serve` to the network, as in:
# make run ARGS='--same-subnet --calls 2000'
ARGS ?=

# What `icp` and `dfx` remember of a network that has ended
FORGET = --forget .icp/data/mappings/live.ids.json --forget .dfx/local/canister_ids.json

# How many scenarios `make soak` tries
SCENARIOS ?= 100000

.DEFAULT_GOAL := help
.PHONY: help run serve test soak bench canisters fmt clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: canisters ## Build all and print the benchmark (ARGS='--help' for its options)
	cargo run --locked -- $(ARGS)

serve: ## Run a local network for icp, dfx and agents on 127.0.0.1:4943 (ARGS='--help' for its options)
	cargo run --locked --bin embedded-replica -- serve $(FORGET) $(ARGS)

test: canisters ## Check formatting, lints and documentation, and run all tests
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet
	cargo test --locked --workspace

soak: canisters ## Check 100,000 random scenarios on the replica (SCENARIOS=... for another number), a job of a million calls, and half a minute of two hundred agents
	SCENARIOS=$(SCENARIOS) cargo test --locked --workspace --test scenarios random -- --nocapture
	cargo test --locked --workspace --test pair -- --ignored a_million_calls_finish
	cargo test --locked --workspace --test agents -- --ignored --nocapture load

bench: canisters ## Run the benchmarks, and the tests that measure
	cargo bench --locked --workspace --profile dev --bench '*'
	cargo test --locked --workspace --test server -- --ignored --nocapture

canisters: ## Build the canisters to Wasm and print their sizes
	@scripts/build-canisters

fmt: ## Format the code
	cargo fmt --all

clean: ## Remove everything built
	cargo clean
