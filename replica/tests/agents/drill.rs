//! The restart drill: a saved network with the pair of this workspace ends with Ctrl-C or is killed, and starts
//! again.

use crate::calls::{query, update};
use crate::dfx::{create, install};
use crate::identities::{Named, ed25519};
use crate::network::{number, run};
use crate::program::Program;
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use embedded_replica::server::{LiveConfig, LiveNetwork};
use embedded_replica::topology::SubnetKind;
use ic_agent::Agent;
use ic_utils::interfaces::ManagementCanister;
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use pocket_ic::CanisterStatusResult;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use test_support::patience::{PATIENCE, in_one_of_ten};
use test_support::{counter, decode, rust_canister};

const SUBNETS: [&str; 4] = ["--subnet", "application", "--subnet", "application"];

#[derive(CandidType)]
struct JobSpec {
    calls: u64,
    window: Option<u32>,
}

#[derive(Debug, CandidType, Deserialize)]
enum JobState {
    Running,
    Cancelled,
    Finished,
}

#[derive(Debug, CandidType, Deserialize)]
struct JobStatus {
    state: JobState,
    calls: u64,
    succeeded: u64,
    remaining: u64,
}

#[derive(CandidType)]
struct RawRequest {
    canister: Principal,
    method: String,
    arg: Vec<u8>,
}

#[derive(Debug, CandidType, Deserialize)]
struct OutboxStatus {
    entries: u64,
    waiting: u64,
    succeeded: u64,
    paused: bool,
}

/// The pair on a network, for an agent of its controller.
struct Pair<'a> {
    agent: &'a Agent,
    caller: Principal,
    callee: Principal,
}

fn user() -> Named {
    ed25519(1)
}

/// An id of a canister of the second application subnet. The ids are the same on each network with two of them.
fn on_second_subnet() -> Principal {
    let subnets = vec![SubnetKind::Application; 2];
    let network = LiveNetwork::start(LiveConfig { subnets, ..LiveConfig::default() }).unwrap();
    network.subnets()[3].place.canister_ranges[0].0.principal()
}

/// An id of a canister of the first application subnet.
fn on_first_subnet() -> Principal {
    LiveNetwork::start(LiveConfig::default()).unwrap().default_effective_canister().principal()
}

/// Installs the pair on two subnets, and names the callee to the caller. Returns the caller and the callee.
async fn deploy(agent: &Agent) -> [Principal; 2] {
    let caller = create(agent, on_first_subnet()).await;
    let callee = create(agent, on_second_subnet()).await;
    for (canister, package) in [(caller, "caller"), (callee, "callee")] {
        let module = fs::read(rust_canister(package)).unwrap();
        install(agent, canister, &module, CanisterInstallMode::Install).await;
    }
    let pair = Pair { agent, caller, callee };
    pair.update::<()>("setup_callee", (callee,)).await;
    [caller, callee]
}

impl Pair<'_> {
    async fn update<T: CandidType + DeserializeOwned>(
        &self,
        method: &str,
        arguments: impl ArgumentEncoder,
    ) -> T {
        let argument = candid::encode_args(arguments).unwrap();
        let call = self.agent.update(&self.caller, method).with_arg(argument);
        decode(&call.call_and_wait().await.unwrap())
    }

    async fn query<T: CandidType + DeserializeOwned>(
        &self,
        method: &str,
        arguments: impl ArgumentEncoder,
    ) -> T {
        let argument = candid::encode_args(arguments).unwrap();
        let call = self.agent.query(&self.caller, method).with_arg(argument);
        decode(&call.call().await.unwrap())
    }

    async fn start_job(&self, calls: u64, window: Option<u32>) -> u64 {
        let started: Result<u64, String> =
            self.update("start_job", (JobSpec { calls, window },)).await;
        started.unwrap()
    }

    async fn job(&self, number: u64) -> JobStatus {
        self.query::<Option<JobStatus>>("job_status", (number,)).await.unwrap()
    }

    async fn outbox(&self) -> OutboxStatus {
        self.query("outbox_status", ()).await
    }

    /// Appends so many calls to the outbox.
    async fn enqueue(&self, calls: usize) {
        let request = || RawRequest {
            canister: self.callee,
            method: "ping".into(),
            arg: candid::encode_args(()).unwrap(),
        };
        let requests: Vec<RawRequest> = (0..calls).map(|_| request()).collect();
        let enqueued: Result<u64, String> = self.update("enqueue", (requests,)).await;
        assert_eq!(enqueued, Ok(0));
    }

    async fn status(&self, canister: Principal) -> CanisterStatusResult {
        let management = ManagementCanister::create(self.agent);
        management.canister_status(&canister).as_update().call().await.unwrap().0
    }

    /// Waits until the job has this many successful calls.
    async fn job_reaches(&self, number: u64, succeeded: u64) -> JobStatus {
        let started = Instant::now();
        loop {
            let job = self.job(number).await;
            if job.succeeded >= succeeded {
                return job;
            }
            assert!(started.elapsed() < PATIENCE, "the job does not go on: {job:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Fails unless settings, code and state of a canister are as before.
fn assert_same_canister(before: &CanisterStatusResult, after: &CanisterStatusResult) {
    assert_eq!(after.settings, before.settings);
    assert_eq!(after.module_hash, before.module_hash);
    assert_eq!(after.status, before.status);
}

/// More than the callee pays for the execution of a call. Most of it is the fee for a message, 5 M cycles.
const CYCLES_PER_CALL_MAX: u64 = 10_000_000;

/// Calls to the callee that can be open at a time.
const OPEN_CALLS_MAX: u64 = 500;

/// Fails unless the balance of the callee is as large as before, but for what the callee pays for its memory and for
/// at most so many calls.
fn assert_same_balance(before: &CanisterStatusResult, after: &CanisterStatusResult, calls: u64) {
    let [before, after] = [before, after].map(|status| status.cycles.0.clone());
    assert!(after <= before, "{after} cycles, {before} before");
    let paid_most = &before / 1_000_u32 + calls * CYCLES_PER_CALL_MAX;
    assert!(&before - &after < paid_most, "{after} cycles, {before} before {calls} calls");
}

#[test]
fn a_network_that_ends_with_ctrl_c_continues_with_ids_balances_callee_jobs_and_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::saved_with(folder.path(), &SUBNETS);
    let [caller, callee] = run(async {
        let agent = first.agent(user()).await;
        let [caller, callee] = deploy(&agent).await;
        let pair = Pair { agent: &agent, caller, callee };
        pair.update::<()>("pause_outbox", ()).await;
        pair.enqueue(50).await;
        [caller, callee]
    });
    assert_eq!(first.interrupt(), "", "nothing to complain of");
    // A call to the other subnet takes two seconds, so the job cannot finish before Ctrl-C.
    let slow = Program::saved_with(folder.path(), &["--profile", "mainnet"]);
    let (job, before) = run(async {
        let agent = slow.agent(user()).await;
        let pair = Pair { agent: &agent, caller, callee };
        let before = [pair.status(caller).await, pair.status(callee).await];
        (pair.start_job(200, Some(1)).await, before)
    });
    assert_eq!(slow.interrupt(), "", "the run before ended properly");
    let last = Program::saved(folder.path());
    run(async {
        let agent = last.agent(user()).await;
        let pair = Pair { agent: &agent, caller, callee };
        let after = [pair.status(caller).await, pair.status(callee).await];
        before.iter().zip(&after).for_each(|(before, after)| assert_same_canister(before, after));
        assert_same_balance(&before[1], &after[1], 200);
        // The caller has set cycles aside for the call of its job that is open.
        assert!(after[0].cycles <= before[0].cycles);
        assert!(&after[0].cycles.0 * 10_u32 > &before[0].cycles.0 * 9_u32, "{after:?} {before:?}");
        let outbox = pair.outbox().await;
        assert!(outbox.paused && outbox.waiting == 50, "{outbox:?}");
        pair.update::<()>("resume_outbox", ()).await;
        // The profile is that of this run, so the rest of the job takes moments.
        let finished = pair.job_reaches(job, 200).await;
        assert!(matches!(finished.state, JobState::Finished), "{finished:?}");
        assert_eq!((finished.calls, finished.remaining), (200, 0));
        let made: u64 = pair.update("parallel_calls", (100_u64,)).await;
        assert_eq!(made, 100, "the caller has its callee");
        while pair.outbox().await.succeeded < 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(pair.outbox().await.entries, 50);
    });
    assert_eq!(last.interrupt(), "", "the run before ended properly");
}

/// Waits for the ends of two saves: the first one may have begun before.
async fn saved_twice(folder: &Path, mut use_network: impl AsyncFnMut()) {
    let saved = || fs::metadata(folder.join("network.state")).unwrap().modified().unwrap();
    let started = Instant::now();
    for _ in 0..2 {
        let before: SystemTime = saved();
        while saved() == before {
            assert!(started.elapsed() < PATIENCE, "the network is not saved");
            use_network().await;
        }
    }
}

#[test]
fn a_network_that_is_killed_amid_a_job_says_at_the_next_start_what_is_lost_and_the_job_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::saved_with(folder.path(), &SUBNETS);
    let ([caller, callee], job, kept, before) = run(async {
        let agent = first.agent(user()).await;
        let [caller, callee] = deploy(&agent).await;
        let pair = Pair { agent: &agent, caller, callee };
        let before = [pair.status(caller).await, pair.status(callee).await];
        // Far more calls than the network makes during the test.
        let job = pair.start_job(1_000_000_000, None).await;
        let kept = pair.job_reaches(job, 1).await.succeeded;
        let use_job = async || {
            let _ = pair.job(job).await;
        };
        saved_twice(folder.path(), use_job).await;
        ([caller, callee], job, kept, before)
    });
    assert_eq!(first.kill(), "", "the first run has none before it");
    let second = Program::saved(folder.path());
    run(async {
        let agent = second.agent(user()).await;
        let pair = Pair { agent: &agent, caller, callee };
        let found = pair.job(job).await;
        assert!(matches!(found.state, JobState::Running), "{found:?}");
        assert!(found.succeeded >= kept, "{found:?}, and {kept} were saved");
        let after = [pair.status(caller).await, pair.status(callee).await];
        before.iter().zip(&after).for_each(|(before, after)| assert_same_canister(before, after));
        let later = pair.job_reaches(job, found.succeeded + 1).await;
        assert_same_balance(&before[1], &after[1], later.succeeded + OPEN_CALLS_MAX);
        assert_eq!(later.calls, later.succeeded + later.remaining, "no call has failed");
        let cancelled: Result<(), String> = pair.update("cancel_job", (job,)).await;
        assert_eq!(cancelled, Ok(()));
        assert!(!matches!(pair.job(job).await.state, JobState::Finished));
        let made: u64 = pair.update("parallel_calls", (10_u64,)).await;
        assert_eq!(made, 10, "the caller has its callee");
    });
    let said = second.interrupt();
    for part in ["did not end properly", "latest save", "What happened after", "second"] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
    assert_eq!(Program::saved(folder.path()).interrupt(), "", "the run before ended properly");
}

/// Saves of a network, one after the other, in use.
const SAVES: usize = 4;

/// Longest time between two saves of a network in use, on a machine that is not busy: a second, and the time of a save.
const SAVES_APART: Duration = Duration::from_millis(1_500);

/// A time of the day in UTC, in whole seconds, as the program prints it.
fn time_of_day(moment: SystemTime) -> String {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    format!("T{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

#[test]
fn a_network_in_use_is_saved_every_second_and_a_crash_loses_only_what_came_after_the_latest_save() {
    let folder = tempfile::tempdir().unwrap();
    let saved = || fs::metadata(folder.path().join("network.state")).unwrap().modified().unwrap();
    let first = Program::saved(folder.path());
    let counting = run(async {
        let agent = first.agent(user()).await;
        let id = create(&agent, on_first_subnet()).await;
        install(&agent, id, &counter(), CanisterInstallMode::Install).await;
        id
    });
    first.interrupt();
    // The time between two saves depends on the machine; what is kept does not.
    in_one_of_ten(|| {
        let program = Program::saved(folder.path());
        // The count at the first sight of each save.
        let mut saves: Vec<(SystemTime, u64)> = vec![(saved(), 0)];
        run(async {
            let agent = program.agent(user()).await;
            while saves.len() <= SAVES {
                let count = number(&update(&agent, counting, "count").await.unwrap());
                if saved() != saves[saves.len() - 1].0 {
                    saves.push((saved(), count));
                }
            }
        });
        program.kill();
        let last = saved();
        let again = Program::saved(folder.path());
        let found = run(async {
            let agent = again.agent(user()).await;
            number(&query(&agent, counting, "read").await.unwrap())
        });
        // The last save that was seen began after the one before was seen.
        let kept = saves[SAVES - 1].1;
        assert!(found >= kept, "{found} calls of at least {kept}");
        let said = again.interrupt();
        assert!(said.contains(&time_of_day(last)), "{last:?}: {said}");
        let gaps = saves.windows(2).map(|two| two[1].0.duration_since(two[0].0).unwrap());
        let longest = gaps.skip(1).max().unwrap();
        if longest <= SAVES_APART { Ok(()) } else { Err(format!("{longest:?} between two saves")) }
    });
}

/// All files below a folder, with their contents and the times at which they were changed.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            found.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    found
}

#[test]
fn a_directory_of_another_version_or_of_somebody_else_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    Program::saved(folder.path()).interrupt();
    let document = folder.path().join("network.state");
    let saved = fs::read(&document).unwrap();
    let line = saved.iter().position(|byte| *byte == b'\n').unwrap();
    let refused = |fragment: &str| {
        let before = files(folder.path());
        let said = Program::refusal(&["--state", folder.path().to_str().unwrap()]);
        assert!(said.contains(fragment), "{said}");
        assert!(said.contains("choose an empty"), "{said}");
        assert_eq!(files(folder.path()), before, "{said}");
    };
    let other = [b"embedded-replica state, format 1".as_slice(), &saved[line..]].concat();
    fs::write(&document, other).unwrap();
    refused("which this version of the embedded replica cannot read");
    fs::write(&document, [b"diary".as_slice(), &saved].concat()).unwrap();
    refused("does not begin with its format");
    fs::remove_file(&document).unwrap();
    fs::write(folder.path().join("diary.txt"), "Dear diary").unwrap();
    refused("files that are not a state");
    fs::write(folder.path().join("topology.json"), "{}").unwrap();
    refused("a state of DFINITY's PocketIC server");
}
