//! The command line tool `icp`, as it is published, with the workspace's canisters.

use crate::JAVASCRIPT_AGENT;
use crate::packages::{Client, ClientScript};
use crate::project::Project;

/// A network with the pair on it; nothing where there is no tool.
fn deployed() -> Option<Project> {
    let mut project = Project::new()?;
    project.serve(&[]);
    project.ok("icp deploy -e live --cycles 30t");
    Some(project)
}

const ONE_CALL: &str = "icp canister call -e live caller parallel_calls '(1 : nat64)'";

#[test]
fn canisters_keep_their_state_when_they_are_deployed_again() {
    let Some(project) = deployed() else { return };
    // A canister that is not there: neither the one that the tool tells the caller, nor any.
    project.ok("icp canister call -e live caller setup_callee '(principal \"lxzze-o7777-77777-aaaaa-cai\")'");
    assert_eq!(project.ok(ONE_CALL), "(0 : nat64)");
    project.ok("icp deploy -e live --yes");
    assert_eq!(project.ok(ONE_CALL), "(0 : nat64)");
    let callee = project.ok("icp canister status -e live callee --id-only");
    let setup = format!("icp canister call -e live caller setup_callee '(principal \"{callee}\")'");
    assert_eq!(project.ok(&setup), "()");
    assert_eq!(project.ok(ONE_CALL), "(1 : nat64)");
}

#[test]
fn canisters_can_be_looked_at_stopped_and_started() {
    let Some(project) = deployed() else { return };
    let status = project.ok("icp canister status -e live caller");
    for line in ["Controllers:", "Module hash: 0x", "PUBLIC_CANISTER_ID:callee"] {
        assert!(status.contains(line), "{line} is missing in {status}");
    }
    assert!(project.ok("icp canister status -e live caller --public").contains("Module hash: 0x"));
    project.ok("icp canister logs -e live caller");
    project.ok("icp canister stop -e live caller");
    let stopped = project.fails(ONE_CALL);
    assert!(stopped.contains("IC0508"), "{stopped}");
    project.ok("icp canister start -e live caller");
    assert_eq!(project.ok(ONE_CALL), "(1 : nat64)");
}

#[test]
fn a_second_identity_is_refused_what_controllers_may_do() {
    let Some(project) = deployed() else { return };
    project.ok("icp identity new stranger --storage plaintext");
    let callee = project.ok("icp canister status -e live callee --id-only");
    let refused = project.fails(&format!(
        "icp canister call --identity stranger -e live caller setup_callee '(principal \"{callee}\")'"
    ));
    assert!(refused.contains("controller"), "{refused}");
    let stop = project.fails("icp canister stop --identity stranger -e live caller");
    assert!(stop.contains("IC0512"), "{stop}");
}

#[test]
fn what_canisters_get_is_paid_from_the_accounts_of_who_asks() {
    let Some(mut project) = Project::new() else { return };
    project.serve(&[]);
    let balance = || project.ok("icp cycles balance -e live");
    assert_eq!(balance(), "Balance: 1_000_000_000_000_000_000 cycles");
    assert_eq!(project.ok("icp token balance -e live"), "Balance: 10000000.00000000 ICP");
    project.ok("icp deploy -e live callee");
    assert_eq!(balance(), "Balance: 999_997_999_900_000_000 cycles");
    project.ok("icp canister top-up -e live callee --amount 3t");
    assert_eq!(balance(), "Balance: 999_994_999_800_000_000 cycles");
    let status = project.ok("icp canister status -e live callee");
    assert!(status.contains("Cycles: 4_4"), "2 T less the fee for creation, and 3 T: {status}");
    // A canister with two trillion cycles, less that fee, can hold so many calls open.
    project.ok("icp deploy -e live caller");
    let calls = "icp canister call -e live caller parallel_calls '(90 : nat64)'";
    assert_eq!(project.ok(calls), "(34 : nat64)");
}

#[test]
fn a_network_that_the_tool_starts_gives_each_identity_what_the_tool_seeds() {
    let Some(mut project) = Project::new() else { return };
    project.assign(&format!("export ICP_CLI_NETWORK_LAUNCHER_PATH='{}'", crate::BINARY));
    project.ok("icp identity new somebody --storage plaintext");
    let started = project.run("icp network start -d");
    assert!(started.succeeded, "{}", started.errors);
    let cycles = project.ok("icp cycles balance --identity somebody");
    assert_eq!(cycles, "Balance: 1_000_000_000_000_000 cycles");
    let icp = project.ok("icp token balance --identity somebody");
    assert_eq!(icp, "Balance: 1000000.00000000 ICP");
    project.ok("icp network ping");
    project.ok("icp network stop");
    project.fails("icp network ping");
}

#[test]
fn the_tools_memory_of_an_earlier_network_is_removed_only_with_forget() {
    let Some(mut project) = deployed() else { return };
    project.serve(&[]);
    let stale = project.fails(ONE_CALL);
    assert!(stale.contains("IC0301"), "{stale}");
    project.serve(&["--forget", ".icp/data/mappings/live.ids.json"]);
    project.ok("icp deploy -e live --cycles 30t");
    assert_eq!(project.ok(ONE_CALL), "(1 : nat64)");
}

#[test]
fn a_canister_that_is_deleted_leaves_its_cycles_to_who_deletes_it() {
    let Some(project) = deployed() else { return };
    let balance = || {
        let printed = project.ok("icp cycles balance -e live");
        let digits: String = printed.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u128>().unwrap()
    };
    let before = balance();
    project.ok("icp canister stop -e live callee");
    project.ok("icp canister delete -e live callee");
    let trillion = 1_000_000_000_000;
    let got = balance() - before;
    assert!((28 * trillion..30 * trillion).contains(&got), "{got}");
    assert_eq!(project.ok(ONE_CALL), "(0 : nat64)");
}

#[test]
fn the_javascript_agent_calls_the_pair_that_the_tool_has_deployed() {
    let Some(project) = deployed() else { return };
    let Some(agent) = Client::javascript(JAVASCRIPT_AGENT) else { return };
    let id = |name| project.ok(&format!("icp canister status -e live {name} --id-only"));
    let [caller, callee] = ["caller", "callee"].map(id);
    agent.run(ClientScript {
        name: "pair.mjs",
        arguments: &[&agent.folder(), project.url().as_ref(), caller.as_ref(), callee.as_ref()],
        passed: 4,
    });
}
