//! Every command that `icp` lists in its help, tried on a live network.

use crate::project::Project;
use std::collections::BTreeSet;

/// What a command does.
enum Expected {
    /// The command succeeds and prints this, among other things.
    Prints(&'static str),
    /// The command fails and says this, among other things.
    Fails(&'static str),
}

use Expected::{Fails, Prints};

/// A command of the tool, a shell command that tries it, and what is expected.
type Step = (&'static str, &'static str, Expected);

/// Steps in the order in which they are tried.
const STEPS: &[Step] = &[
    ("settings", "icp settings telemetry", Prints("")),
    ("completions", "icp completions bash", Prints("COMPLETE=bash")),
    ("project show", "icp project show", Prints("callee")),
    ("environment list", "icp environment list", Prints("live")),
    ("network list", "icp network list", Prints("live")),
    ("network ping", "icp network ping live --wait-healthy", Prints("healthy")),
    ("network status", "icp network status -e live --json", Prints("gateway_url")),
    ("build", "icp build callee", Prints("built")),
    ("deploy", "icp deploy -e live --cycles 30t", Prints("Deployed canisters")),
    ("sync", "icp sync -e live", Prints("")),
    ("canister list", "icp canister list -e live", Prints("caller")),
    ("canister metadata", "icp canister metadata -e live callee candid:service", Prints("ping")),
    (
        "canister call",
        "icp canister call -e live caller parallel_calls '(1 : nat64)'",
        Prints("(1 : nat64)"),
    ),
    (
        "message send",
        "icp canister call -e live caller parallel_calls '(1 : nat64)' --sign-only message \
         && icp message send message -y",
        Prints("(1 : nat64)"),
    ),
    ("canister status", "icp canister status -e live", Prints("Running")),
    ("canister logs", "icp canister logs -e live caller", Prints("")),
    (
        "canister settings update",
        "icp canister settings update -e live callee --compute-allocation 1",
        Prints(""),
    ),
    (
        "canister settings show",
        "icp canister settings show -e live callee",
        Prints("Compute allocation: 1"),
    ),
    ("canister settings sync", "icp canister settings sync -e live callee", Prints("")),
    ("canister stop", "icp canister stop -e live callee", Prints("")),
    (
        "canister snapshot create",
        "icp canister snapshot create -e live callee -q > snapshot",
        Prints(""),
    ),
    (
        "canister snapshot list",
        "icp canister snapshot list -e live callee | grep $(cat snapshot)",
        Prints("MiB"),
    ),
    (
        "canister snapshot download",
        "icp canister snapshot download -e live callee $(cat snapshot) -o files",
        Prints("Snapshot downloaded"),
    ),
    (
        "canister snapshot restore",
        "icp canister snapshot restore -e live callee $(cat snapshot)",
        Prints("Restored"),
    ),
    (
        "canister snapshot delete",
        "icp canister snapshot delete -e live callee $(cat snapshot)",
        Prints("Deleted"),
    ),
    (
        "canister snapshot upload",
        "icp canister snapshot upload -e live callee -i files",
        Prints("Created snapshot"),
    ),
    ("canister start", "icp canister start -e live callee", Prints("")),
    ("canister top-up", "icp canister top-up -e live callee --amount 1t", Prints("Topped up")),
    ("canister create", "icp canister create -e live --detached -q > detached", Prints("")),
    (
        "canister create",
        "icp canister create -e live --detached --with-icp 2 -q > bought",
        Prints(""),
    ),
    (
        "canister install",
        "icp canister install -e live $(cat detached) \
         --wasm $CARGO_TARGET_DIR/wasm32-unknown-unknown/release/callee.wasm",
        Prints("installed successfully"),
    ),
    (
        "canister delete",
        "icp canister stop -e live $(cat detached) && icp canister delete -e live $(cat detached)",
        Prints("Recovered"),
    ),
    ("canister link", "icp canister link -e live callee $(cat bought) --force", Prints("Linked")),
    // A network of PocketIC converts at the same rate.
    ("cycles mint", "icp cycles mint -e live --icp 5", Prints("Minted 17_599_900_000_000 cycles")),
    (
        "cycles mint",
        "icp cycles mint -e live --cycles 1T",
        Prints("Minted 1_000_000_006_400 cycles"),
    ),
    ("cycles balance", "icp cycles balance -e live", Prints("Balance: ")),
    ("identity new", "icp identity new bob --storage plaintext", Prints("seed phrase")),
    (
        "cycles transfer",
        "icp cycles transfer -e live 1t $(icp identity principal --identity bob)",
        Prints("Transferred 1_000_000_000_000 cycles"),
    ),
    (
        "token transfer",
        "icp token transfer -e live 1 $(icp identity principal --identity bob)",
        Prints("Transferred 1.00000000 ICP"),
    ),
    ("token balance", "icp token balance -e live --identity bob", Prints("ICP")),
    (
        "token approve",
        "icp token approve -e live 1 $(icp identity principal --identity bob)",
        Prints("to spend up to 1.00000000 ICP"),
    ),
    (
        "token allowance",
        "icp token allowance -e live $(icp identity principal --identity bob)",
        Prints("Allowance: 1.00000000 ICP"),
    ),
    ("identity list", "icp identity list", Prints("bob")),
    ("identity default", "icp identity default bob && icp identity default", Prints("bob")),
    ("identity principal", "icp identity principal", Prints("-")),
    ("identity account-id", "icp identity account-id", Prints("")),
    ("identity rename", "icp identity rename bob rob", Prints("")),
    ("identity export", "icp identity export rob > key.pem", Prints("")),
    (
        "identity import",
        "icp identity import copy --from-pem key.pem --storage plaintext",
        Prints(""),
    ),
    (
        "identity delegation request",
        "icp identity delegation request guest --storage plaintext > guest.pem",
        Prints(""),
    ),
    (
        "identity delegation sign",
        "icp identity delegation sign --key-pem guest.pem --duration 1h > chain.json",
        Prints(""),
    ),
    (
        "identity delegation use",
        "icp identity delegation use guest --from-json chain.json",
        Prints(""),
    ),
    ("cycles balance", "icp cycles balance -e live --identity guest", Prints("Balance: ")),
    ("identity reauth", "icp identity reauth rob", Fails("does not support logins")),
    ("identity delete", "icp identity default anonymous && icp identity delete rob", Prints("")),
    ("network start", "icp network start -d", Prints("Network started")),
    ("network stop", "icp network stop", Prints("stopped")),
];

/// Commands that ask other machines, or need a device, and do not use the network.
const ELSEWHERE: [&str; 4] = ["identity link hsm", "identity link web", "network update", "new"];

/// The one command that another test tries: it needs two networks' worth of canisters.
const MIGRATION: &str = "canister migrate-id";

/// The commands below a command that have no commands below them.
fn commands(project: &Project, path: &str) -> BTreeSet<String> {
    let help = project.ok(&format!("icp {path} --help"));
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = below
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    let found: BTreeSet<String> =
        names.flat_map(|name| commands(project, format!("{path} {name}").trim_start())).collect();
    if found.is_empty() { [path.to_owned()].into() } else { found }
}

#[test]
fn every_command_of_the_tool_works_or_says_that_it_does_not() {
    let Some(mut project) = Project::new() else { return };
    let listed = commands(&project, "");
    let tried = STEPS.iter().map(|(command, _, _)| *command).chain(ELSEWHERE).chain([MIGRATION]);
    assert_eq!(listed, tried.map(str::to_owned).collect());
    project.assign(&format!("export ICP_CLI_NETWORK_LAUNCHER_PATH='{}'", crate::BINARY));
    project.serve(&[]);
    for (_, command, expected) in STEPS {
        let outcome = project.run(command);
        let printed = outcome.output + &outcome.errors;
        let (succeeds, text) = match expected {
            Prints(text) => (true, text),
            Fails(text) => (false, text),
        };
        assert_eq!(outcome.succeeded, succeeds, "{command}:\n{printed}");
        assert!(printed.contains(text), "{command} does not print {text}:\n{printed}");
    }
}

#[test]
fn a_migration_of_a_canister_id_is_refused_before_anything_changes() {
    let Some(mut project) = Project::new() else { return };
    project.serve(&["--subnet", "application", "--subnet", "fiduciary"]);
    let subnets = project.subnets();
    let make = |kind: &str| {
        let subnet = subnets.iter().find_map(|line| line.strip_suffix(kind)).expect("it is there");
        let create = "icp canister create -e live --detached -q --cycles 20t --subnet";
        let id = project.ok(&format!("{create} {}", subnet.trim()));
        project.ok(&format!("icp canister stop -e live {id}"));
        id
    };
    let [source, target] = ["application", "fiduciary"].map(make);
    let settings = |id: &str| project.ok(&format!("icp canister settings show -e live {id}"));
    let before = [settings(&source), settings(&target)];
    let migrate = format!("icp canister migrate-id -e live {source} --replace {target} -y");
    let message = project.fails(&migrate);
    assert!(message.contains("no migration canister"), "{message}");
    assert_eq!([settings(&source), settings(&target)], before);
}
