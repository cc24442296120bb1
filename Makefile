# `make` without a target prints the list of targets.

# Arguments of the benchmark (`make run`) and of the network (`make serve`), for example:
# make run ARGS='--same-subnet --calls 2000'
ARGS ?=

# Files in which `icp` and `dfx` store canister ids of an earlier network. `make serve` deletes them.
FORGET = --forget .icp/data/mappings/live.ids.json --forget .dfx/local/canister_ids.json

# Number of random scenarios of `make soak`
SCENARIOS ?= 100000

# The long tests are optimised, and have the debug assertions of the other tests.
DEBUG_ASSERTIONS = --config profile.dev.package.embedded-replica.debug-assertions=true

.DEFAULT_GOAL := help
.PHONY: help run report serve test soak bench canbench semver canisters fmt clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: canisters ## Build everything and run the benchmark (ARGS='--help' prints its options)
	cargo run --locked -- $(ARGS)

report: canisters ## Run the benchmark and write report.html, a page with pictures of all calls (ARGS='--calls 2000' for more calls)
	cargo run --locked -- --report report.html $(ARGS)

serve: ## Run a local network for icp, dfx and agents on 127.0.0.1:4943 (ARGS='--help' prints its options)
	cargo run --locked --bin embedded-replica -- serve $(FORGET) $(ARGS)

test: canisters ## Check formatting, lints and documentation, and run all tests
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet
	cargo test --locked --workspace

soak: canisters ## Run the long tests: 100,000 random scenarios (SCENARIOS=N for another number), a job of a million calls, two hundred agents for half a minute, two hundred open pages beside them, and a browser from npm
	SCENARIOS=$(SCENARIOS) cargo test --locked --workspace --profile dev $(DEBUG_ASSERTIONS) --test scenarios random -- --nocapture
	cargo test --locked --workspace --profile dev $(DEBUG_ASSERTIONS) --test pair -- --ignored a_million_calls_finish
	cargo test --locked --workspace --profile dev $(DEBUG_ASSERTIONS) --test agents -- --ignored --nocapture load
	cargo test --locked --workspace --lib -- --ignored a_machine_without_a_browser

bench: canisters ## Run the benchmarks, and the tests that measure time and memory
	cargo bench --locked --workspace --profile dev --bench '*'
	cargo test --locked --workspace --profile dev --test server -- --ignored --nocapture

canbench: ## Install the tool canbench in the target folder (takes minutes), and test it with the embedded replica as its server
	cargo install --locked --root target/canbench --version 0.7.0 canbench
	CANBENCH="$(CURDIR)/target/canbench/bin/canbench" cargo test --locked --workspace --test clients canbench

semver: ## Compare the crates' public interface with the last release (BASE=REVISION for another revision)
	@scripts/check-semver $(BASE)

canisters: ## Build the canisters to Wasm and print their sizes
	@scripts/build-canisters

fmt: ## Format the code
	cargo fmt --all

clean: ## Delete all build results
	cargo clean
