//! Programs that are killed while they save, and what the next program finds.

use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The variable with the directory in which a child process of the test saves its network.
const FOLDER: &str = "SAVE_UNTIL_KILLED_IN";

/// What a child process prints after each save, before the number of rounds of the saved network.
const SAVED: &str = "saved rounds: ";

/// How many programs are killed.
const KILLED: usize = 20;

/// Longest time from a save to the end of a program, in microseconds: several saves on most machines.
const LIFE_MICROS_MAX: u64 = 40_000;

/// The name of the test below, as the test program knows it.
const NAME: &str =
    "state_dir::tests::crashes::a_program_that_is_killed_while_it_saves_leaves_a_complete_save";

/// The network in a directory, and its canister. Without a state there, a new one.
fn restored(state: &mut StateDir) -> (Instance, CanisterId) {
    let (new, canister) = network();
    let restored = state.has_state().then(|| state.restore(false).expect("the state is complete"));
    (restored.unwrap_or(new), canister)
}

/// Changes a network and saves it, again and again.
fn save_until_killed(folder: &Path) {
    let mut state = open(folder);
    let (mut instance, canister) = restored(&mut state);
    for value in (0..=u8::MAX).cycle() {
        update(&mut instance, CanisterCall::anonymous(canister, "set", vec![value]));
        state.save(&instance, false).expect("it can be saved");
        println!("{SAVED}{}", instance.network().rounds());
    }
}

/// The number of rounds in a line that a child process prints.
fn rounds(line: std::io::Result<String>) -> Option<u64> {
    line.expect("the line is text").split_once(SAVED)?.1.parse().ok()
}

#[test]
fn a_program_that_is_killed_while_it_saves_leaves_a_complete_save() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return save_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let mut rounds_before = 0;
    for _ in 0..KILLED {
        let mut child = Command::new(std::env::current_exe().expect("the test is a program"))
            .args(["--exact", NAME, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test program starts");
        let output = child.stdout.take().expect("it is a pipe");
        let mut lines = BufReader::new(output).lines();
        let first = lines.by_ref().find_map(rounds).expect("the child saves");
        std::thread::sleep(Duration::from_micros(random.gen_range(0..LIFE_MICROS_MAX)));
        child.kill().expect("the child runs");
        child.wait().expect("the child has ended");
        let latest = lines.filter_map(rounds).last().unwrap_or(first);
        let mut state = open(folder.path());
        let (mut instance, canister) = restored(&mut state);
        let saved = instance.network().rounds();
        assert!(saved >= latest, "{saved} rounds are left of {latest}");
        assert!(saved > rounds_before, "nothing was saved");
        update(&mut instance, CanisterCall::anonymous(canister, "set", vec![1]));
        rounds_before = saved;
    }
}

#[test]
fn a_run_that_did_not_end_is_known_until_a_later_run_ends() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (instance, _) = network();
    let run = || {
        let mut state = open(folder.path());
        let crashed = state.crashed_run();
        state.save(&instance, false).expect("it can be saved");
        state.begin_run().expect("the folder is writable");
        assert_eq!(state.crashed_run(), None, "this run goes on");
        (state, crashed)
    };
    let (_, crashed) = run();
    assert_eq!(crashed, None, "there was no run before");
    for _ in 0..2 {
        let document = folder.path().join(NETWORK).metadata().expect("the state was saved");
        let (_, crashed) = run();
        assert_eq!(crashed, document.modified().ok(), "the time of the latest save");
    }
    let (mut state, crashed) = run();
    assert!(crashed.is_some());
    state.end_run().expect("the folder is writable");
    drop(state);
    assert!(!files(folder.path()).contains("running"));
    assert_eq!(run().1, None);
}

#[test]
fn a_directory_that_is_written_again_still_says_that_a_run_goes_on() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = folder.path().join("state");
    let (instance, _) = network();
    let mut state = open(&path);
    state.save(&instance, false).expect("it can be saved");
    state.begin_run().expect("the folder is writable");
    std::fs::remove_dir_all(&path).expect("the folder exists");
    state.save(&instance, false).expect("it can be saved");
    drop(state);
    assert!(open(&path).crashed_run().is_some());
}

#[test]
fn a_directory_is_unlocked_although_a_process_that_is_being_started_has_the_file_open() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let state = open(folder.path());
    let inherited = state.lock.file().try_clone().expect("there are more files");
    assert!(matches!(StateDir::open(folder.path()), Err(StateDirError::InUse(_))));
    drop(state);
    open(folder.path());
    drop(inherited);
}
