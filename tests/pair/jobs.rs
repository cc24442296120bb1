//! Jobs: fan-outs that outlast a message, a stop and an upgrade.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use candid::{Principal, decode_one, encode_one};
use ic_management_canister_types::{CanisterInstallMode, InstallCodeArgs, UpgradeFlags};
use pocket_ic::common::rest::RawEffectivePrincipal;
use pocket_ic::{RejectResponse, call_candid_as};
use test_support::{on_every_server, rust_canister};

use crate::answers::{JobSpec, JobState, JobStatus};
use crate::moody::Mood;
use crate::pair::{
    OPEN_CALLS_MAX, PLANNED_CALLS_MAX, Pair, Parallel, caller_module, controller, nothing,
};

/// How long it may take until the caller looks after its jobs.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// The longest that a job waits for anything.
pub const HOLD: Duration = Duration::from_secs(10);

impl Pair {
    pub fn start_job(&self, spec: JobSpec) -> u64 {
        let started: Result<u64, String> = self.ask("start_job", spec);
        started.expect("there is room for a job")
    }

    pub fn job(&self, id: u64) -> JobStatus {
        let argument = encode_one(id).expect("the value has a Candid type");
        let reply = self
            .pic
            .query_call(self.caller, controller(), "job_status", argument)
            .expect("a controller may ask");
        let status: Option<JobStatus> = decode_one(&reply).expect("the reply is a status");
        status.expect("the job is known")
    }

    /// Waits until a job is finished.
    pub fn finished(&self, id: u64) -> JobStatus {
        for _ in 0..1_000 {
            let job = self.job(id);
            if job.state != JobState::Running {
                return job;
            }
            self.wait(INTERVAL, 10);
        }
        panic!("the job does not finish: {:?}", self.job(id));
    }

    pub fn upgrade_caller_with(&self, skip_pre_upgrade: bool) -> Result<(), RejectResponse> {
        self.upgrade_caller_to(caller_module(), skip_pre_upgrade)
    }

    fn upgrade_caller_to(
        &self,
        wasm_module: Vec<u8>,
        skip_pre_upgrade: bool,
    ) -> Result<(), RejectResponse> {
        let flags = UpgradeFlags {
            skip_pre_upgrade: Some(skip_pre_upgrade),
            wasm_memory_persistence: None,
        };
        let argument = InstallCodeArgs {
            mode: CanisterInstallMode::Upgrade(Some(flags)),
            canister_id: self.caller,
            wasm_module,
            arg: nothing(),
            sender_canister_version: None,
        };
        let installed: Result<(), _> = call_candid_as(
            &self.pic,
            Principal::management_canister(),
            RawEffectivePrincipal::CanisterId(self.caller.as_slice().to_vec()),
            controller(),
            "install_code",
            (argument,),
        );
        installed
    }
}

pub fn calls(calls: u64) -> JobSpec {
    JobSpec { calls, ..JobSpec::default() }
}

#[test]
fn a_job_makes_all_its_calls() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let jobs = [0, 1, 700, 5_000].map(|n| (n, pair.start_job(calls(n))));
            for (n, id) in jobs {
                let job = pair.finished(id);
                assert_eq!((job.calls, job.succeeded, job.remaining), (n, n, 0));
                assert_eq!(job.max_in_flight, n.min(PLANNED_CALLS_MAX) as u32);
                assert_eq!(job.failures(), BTreeMap::new());
            }
        }
    });
}

#[test]
fn a_job_goes_on_after_a_stop_and_no_call_is_lost() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(JobSpec { window: Some(300), ..calls(3_000) });
        pair.wait(INTERVAL, 3);
        assert_eq!(pair.job(id).in_flight, 300);
        pair.stop_caller();
        pair.upgrade_caller_with(false).expect("nothing is open");
        pair.start_caller();
        let job = pair.finished(id);
        assert_eq!((job.succeeded, job.unknown, job.not_done), (3_000, 0, 0));
    });
}

#[test]
fn an_upgrade_while_calls_are_open_is_refused_and_nothing_is_lost() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(JobSpec { window: Some(300), ..calls(1_000) });
        pair.wait(INTERVAL, 3);
        let refusal = pair.upgrade_caller_with(false).expect_err("calls are open");
        assert!(refusal.reject_message.contains("stop this canister"), "{refusal:?}");
        assert_eq!(pair.finished(id).succeeded, 1_000);
    });
}

/// The same program as the caller in another module: by another profile of the compiler.
fn another_caller_module() -> Vec<u8> {
    let module = fs::read(rust_canister("caller")).expect("the canister was built");
    assert_ne!(module, caller_module());
    module
}

#[test]
fn calls_that_a_forced_upgrade_interrupts_are_unknown_or_made_again() {
    on_every_server(|server| {
        for module in [caller_module(), another_caller_module()] {
            for (idempotent, interrupted) in [(false, 300), (true, 0)] {
                let pair = Pair::ready(server, 2);
                pair.moody_callee();
                let spec = JobSpec { window: Some(300), ..calls(1_000) };
                let id = pair.start_job(JobSpec { idempotent: Some(idempotent), ..spec });
                pair.wait(INTERVAL, 3);
                let job = pair.job(id);
                assert_eq!(job.in_flight, 300);
                assert!(job.succeeded < 1_000, "{}", job.succeeded);
                pair.upgrade_caller_to(module.clone(), true).expect("nothing refuses");
                let job = pair.finished(id);
                assert_eq!((job.calls, job.unknown), (1_000, interrupted));
                assert_eq!(job.succeeded, 1_000 - interrupted);
                // All were done once, and what was made again, twice.
                let twice = if idempotent { 300 } else { 0 };
                assert_eq!(pair.calls_that_arrived(), 1_000 + twice);
            }
        }
    });
}

#[test]
fn after_answers_to_calls_from_before_a_forced_upgrade_a_stop_and_an_upgrade_let_a_job_finish() {
    on_every_server(|server| {
        for module in [caller_module(), another_caller_module()] {
            let pair = Pair::ready(server, 2);
            pair.moody_callee();
            pair.set_mood(Mood::Silence);
            let id = pair.start_job(JobSpec { window: Some(100), ..calls(300) });
            pair.wait(INTERVAL, 3);
            pair.upgrade_caller_to(module, true).expect("nothing refuses");
            pair.wait(INTERVAL, 3);
            assert_eq!((pair.job(id).unknown, pair.job(id).in_flight), (100, 100));
            // Now the calls of the earlier program get their responses. `ic-cdk` finds a call by an address in memory,
            // and the new program has something else there: often another call, which then never ends. A stop and an
            // upgrade without force are the way out.
            pair.set_mood(Mood::Answer);
            pair.wait(INTERVAL, 10);
            pair.stop_caller();
            pair.upgrade_caller_with(false).expect("nothing is open");
            pair.start_caller();
            let job = pair.finished(id);
            assert_eq!((job.calls, job.succeeded + job.unknown, job.not_done), (300, 300, 0));
            assert!(job.unknown >= 100, "{job:?}");
            assert_eq!(pair.calls_that_arrived(), 300, "each call was made once");
            assert_eq!(pair.successes(Parallel, OPEN_CALLS_MAX), OPEN_CALLS_MAX);
        }
    });
}

#[test]
fn ten_thousand_calls_through_three_upgrades_each_reach_the_callee_once() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.moody_callee();
        let id = pair.start_job(JobSpec { window: Some(400), ..calls(10_000) });
        for _ in 0..3 {
            pair.wait(INTERVAL, 5);
            assert_eq!(pair.job(id).state, JobState::Running);
            pair.stop_caller();
            pair.upgrade_caller_with(false).expect("nothing is open");
            pair.start_caller();
        }
        let job = pair.finished(id);
        assert_eq!((job.succeeded, job.calls), (10_000, 10_000));
        assert_eq!(pair.calls_that_arrived(), 10_000);
    });
}

#[test]
fn a_cancelled_job_makes_no_further_calls() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(JobSpec { window: Some(10), ..calls(1_000) });
        pair.wait(INTERVAL, 4);
        let cancelled: Result<(), String> = pair.ask("cancel_job", id);
        assert_eq!(cancelled, Ok(()));
        pair.wait(INTERVAL, 4);
        let job = pair.job(id);
        assert_eq!((job.state, job.remaining), (JobState::Cancelled, 0));
        assert_eq!(job.failures(), BTreeMap::from([("cancelled", 1_000 - job.succeeded)]));
        assert!(job.succeeded > 0 && job.succeeded < 1_000, "{}", job.succeeded);
        for id in [id, 99] {
            let cancelled: Result<(), String> = pair.ask("cancel_job", id);
            let refusal = cancelled.expect_err("the job is finished, or there is no such job");
            assert!(refusal.contains(&format!("job {id}")), "{refusal}");
        }
    });
}

#[test]
fn a_job_may_have_as_many_calls_as_can_be_written() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(calls(u64::MAX));
        pair.wait(INTERVAL, 4);
        let job = pair.job(id);
        assert_eq!((job.calls, job.in_flight), (u64::MAX, PLANNED_CALLS_MAX));
        assert_eq!(job.succeeded + job.remaining, u64::MAX);
        let cancelled: Result<(), String> = pair.ask("cancel_job", id);
        assert_eq!(cancelled, Ok(()));
        pair.wait(INTERVAL, 4);
        assert_eq!((pair.job(id).calls, pair.job(id).remaining), (u64::MAX, 0));
    });
}

#[test]
fn a_failing_callee_is_called_again_as_often_as_requested() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        pair.pic.stop_canister(pair.callee, Some(controller())).expect("it stops");
        let spec = JobSpec { attempts: Some(3), idempotent: Some(true), ..calls(20) };
        let once = pair.start_job(JobSpec { attempts: Some(1), ..spec.clone() });
        let often = pair.start_job(spec);
        pair.wait(INTERVAL, 6);
        assert_eq!(pair.job(once).failures(), BTreeMap::from([("canister_error", 20)]));
        assert_eq!(pair.job(often).remaining, 20);
        pair.pic.start_canister(pair.callee, Some(controller())).expect("it starts");
        assert_eq!(pair.finished(often).succeeded, 20);
    });
}

#[test]
fn a_job_with_too_many_attempts_is_refused() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let spec = |attempts| JobSpec { attempts: Some(attempts), ..calls(1) };
        for attempts in [101, u32::MAX] {
            let refused: Result<u64, String> = pair.ask("start_job", spec(attempts));
            let expected = format!("{attempts} attempts are too many: the maximum is 100");
            assert_eq!(refused, Err(expected));
        }
        for attempts in [0, 100] {
            assert_eq!(pair.finished(pair.start_job(spec(attempts))).succeeded, 1);
        }
    });
}

#[test]
fn a_job_without_cycles_waits_for_them() {
    on_every_server(|server| {
        let pair = Pair::ready_with_cycles(server, 2, 400_000_000_000);
        let id = pair.start_job(calls(100));
        pair.leave_cycles(85_000_000_000);
        pair.wait(INTERVAL, 5);
        let job = pair.job(id);
        assert_eq!((job.succeeded, job.waiting_for.as_deref()), (0, Some("cycles")));
        pair.pic.add_cycles(pair.caller, 2_000_000_000_000);
        pair.wait(HOLD, 5);
        assert_eq!(pair.finished(id).succeeded, 100);
    });
}

#[test]
fn sixteen_unfinished_jobs_are_the_most() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let ids: Vec<u64> = (0..16).map(|_| pair.start_job(calls(2))).collect();
        let refused: Result<u64, String> = pair.ask("start_job", calls(2));
        assert!(refused.expect_err("there is no room").contains("unfinished"));
        assert_eq!(pair.finished(ids[15]).succeeded, 2);
        let next = pair.start_job(calls(2));
        assert_eq!(next, 16);
        assert_eq!(pair.finished(next).succeeded, 2);
        let reply = pair.pic.query_call(
            pair.caller,
            controller(),
            "job_status",
            encode_one(ids[0]).expect("the value has a Candid type"),
        );
        let forgotten: Option<JobStatus> = decode_one(&reply.expect("answered")).expect("decodes");
        assert!(forgotten.is_none());
    });
}

#[test]
#[ignore = "takes minutes; `make soak` runs it"]
fn a_million_calls_finish() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let id = pair.start_job(calls(1_000_000));
        for _ in 0..10_000 {
            if pair.job(id).state == JobState::Finished {
                break;
            }
            pair.wait(INTERVAL, 100);
        }
        assert_eq!(pair.job(id).succeeded, 1_000_000);
    });
}
