//! Jobs: any number of calls of `ping`, too many for one message. A timer drives the jobs. Stable memory holds their
//! progress after every step, so they continue after an upgrade.

use std::cell::{Cell, RefCell};
use std::iter;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use candid::{CandidType, Principal};
use ic_cdk_macros::{query, update};
use ic_cdk_timers::{TimerId, clear_timer, set_timer, set_timer_interval_serial};
use ic_stable_structures::StableVec;
use parallel_calls::canister::Canister;
use parallel_calls::{FanOut, Job, ReasonKind, Request, SlotClaim, Transport, Wait, Window};
use serde::Deserialize;

use crate::memory::{self, Memory};
use crate::run::{Failures, failures};
use crate::window::plan_window;
use crate::{callee, guards};
use record::JobRecord;

mod record;

/// While a job is unfinished, a timer runs its task in this interval.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long one task of the timer starts calls. Then it waits for the last responses ([`WAIT`]) and ends. All of this
/// must take less than 300 s. After 300 s, `ic-cdk-timers` counts a task as failed and starts another one.
const TASK_MAX: Duration = Duration::from_secs(60);

/// How long a call of a job waits for its response.
const WAIT: Wait = Wait::Bounded(Duration::from_secs(120));

/// The number of jobs that this canister remembers. A new job replaces the oldest one.
const JOBS_MAX: u64 = 16;

/// Attempts per call, if the job does not set a number.
const ATTEMPTS_DEFAULT: u32 = 3;

/// The largest number of attempts per call.
const ATTEMPTS_MAX: u32 = 100;

/// The largest number of calls whose cost a plan takes into account. A job may have more calls than the cycles are
/// enough for now: somebody may add cycles while the job is running.
const PLANNED_CALLS_MAX: u64 = 10_000;

/// The number of a job.
pub type JobId = u64;

/// A job to start.
#[derive(CandidType, Deserialize)]
pub struct JobSpec {
    pub calls: u64,
    pub window: Option<u32>,
    pub attempts: Option<u32>,
    pub idempotent: Option<bool>,
}

/// The progress of a job.
#[derive(CandidType)]
pub struct JobStatus {
    pub state: JobState,
    pub calls: u64,
    pub succeeded: u64,
    pub not_done: u64,
    pub unknown: u64,
    pub remaining: u64,
    pub in_flight: u64,
    pub max_in_flight: u32,
    pub failures: Vec<Failures>,
    pub waiting_for: Option<String>,
}

/// The state of a job.
#[derive(CandidType)]
pub enum JobState {
    /// The job makes calls.
    Running,
    /// The job was cancelled. Calls may still be open.
    Cancelled,
    /// Every call has an outcome.
    Finished,
}

thread_local! {
    static JOBS: RefCell<StableVec<JobRecord, Memory>> =
        RefCell::new(StableVec::init(memory::get(memory::JOBS)));
    static TIMER: Cell<Option<TimerId>> = const { Cell::new(None) };
    /// For each callee to which a job waits for a slot: a share of the slots. Between two tasks of the timer, other
    /// messages leave these slots free.
    static CLAIMS: RefCell<Vec<(Principal, SlotClaim)>> = const { RefCell::new(Vec::new()) };
    /// The job that had the latest turn.
    static LAST: Cell<Option<JobId>> = const { Cell::new(None) };
}

/// Starts a job of calls to `ping`, of any number.
#[update(guard = "guards::controllers_only")]
fn start_job(spec: JobSpec) -> Result<JobId, String> {
    let attempts = spec.attempts.unwrap_or(ATTEMPTS_DEFAULT);
    if attempts > ATTEMPTS_MAX {
        return Err(format!("{attempts} attempts are too many: the maximum is {ATTEMPTS_MAX}"));
    }
    let callee = callee::find()?;
    let id = remembered().end;
    // The new job takes the place of the oldest one.
    if let Some(oldest) = id.checked_sub(JOBS_MAX).filter(|oldest| !is_finished(*oldest)) {
        return Err(format!("{JOBS_MAX} jobs are unfinished: wait for job {oldest}, or cancel it"));
    }
    let job = Job::new(spec.calls, spec.window, attempts, spec.idempotent.unwrap_or(false));
    JOBS.with_borrow_mut(|jobs| {
        let record = JobRecord { id, callee, job };
        if id < JOBS_MAX {
            jobs.push(&record);
        } else {
            jobs.set(id % JOBS_MAX, &record);
        }
    });
    ensure_timer();
    Ok(id)
}

/// Returns the progress of a job, or nothing for a job that this canister does not remember.
#[query(guard = "guards::controllers_only")]
fn job_status(id: JobId) -> Option<JobStatus> {
    let JobRecord { job, .. } = find(id)?;
    let state = if job.cancelled {
        JobState::Cancelled
    } else if job.is_finished() {
        JobState::Finished
    } else {
        JobState::Running
    };
    Some(JobStatus {
        state,
        calls: job.calls(),
        succeeded: job.summary.succeeded,
        not_done: job.summary.not_done(),
        unknown: job.summary.unknown(),
        remaining: job.remaining(),
        in_flight: job.open(),
        max_in_flight: job.summary.max_in_flight,
        failures: failures(&job.summary),
        waiting_for: job.waiting_for.map(|kind| kind.label().into()),
    })
}

/// Cancels the calls of a job that are not open.
#[update(guard = "guards::controllers_only")]
fn cancel_job(id: JobId) -> Result<(), String> {
    match find(id) {
        None => Err(format!("there is no job {id}")),
        Some(JobRecord { job, .. }) if job.is_finished() => Err(format!("job {id} is finished")),
        Some(JobRecord { callee, .. }) => {
            change(id, Job::cancel);
            give_claim_back(callee);
            Ok(())
        }
    }
}

/// Continues unfinished jobs after an upgrade.
pub fn resume() {
    if remembered().any(|id| !is_finished(id)) {
        ensure_timer();
    }
}

/// Starts the timer that drives the jobs, unless it runs.
fn ensure_timer() {
    if TIMER.get().is_none() {
        TIMER.set(Some(set_timer_interval_serial(INTERVAL, run_jobs)));
    }
}

/// The task of the timer: gives each job a turn, until [`TASK_MAX`] is over. The next task continues with the next job.
async fn run_jobs() {
    let until = Canister.now() + TASK_MAX;
    let ids = remembered();
    let next = LAST.get().map_or(ids.start, |last| last + 1);
    for id in (next.max(ids.start)..ids.end).chain(ids.start..next.min(ids.end)) {
        LAST.set(Some(id));
        make_calls(id, until).await;
        if Canister.now() >= until {
            break;
        }
    }
    if remembered().all(is_finished) {
        // A task must not clear its own timer. So another timer does it.
        set_timer(Duration::ZERO, async { stop_timer() });
    }
}

/// Clears the timer, unless a job was started in the meantime.
fn stop_timer() {
    if remembered().all(is_finished)
        && let Some(timer) = TIMER.take()
    {
        clear_timer(timer);
    }
}

/// Makes the calls of a job that can be made now. Begins no call after `until`.
async fn make_calls(id: JobId, until: Duration) {
    let Some(JobRecord { callee, job, .. }) = find(id) else { return };
    // Only one task runs at a time. So calls counted as open are left over from a task that an upgrade or a trap ended.
    if job.open() > 0 {
        change(id, |job| job.interrupt(Canister.now()));
    }
    if Canister.is_stopping()
        || job.next_call_in(Canister.now()).is_none_or(|pause| !pause.is_zero())
    {
        return;
    }
    give_claim_back(callee);
    let ping = Rc::new(Request::new(callee, "ping").with_wait(WAIT));
    let window = match job.window {
        Some(calls) => Ok(calls),
        None => plan_window(&ping, job.remaining().min(PLANNED_CALLS_MAX))
            .or_else(|_| plan_window(&ping, 1))
            .map(|window| window.per_callee),
    };
    let Ok(window) = window else {
        change(id, |job| job.postpone(ReasonKind::Cycles, Canister.now()));
        return;
    };
    let calls = iter::from_fn(|| {
        let now = Canister.now();
        let started =
            now < until && !Canister.is_stopping() && change(id, |job| job.start_call(now));
        started.then(|| ping.clone())
    });
    // Calls that find no slot are given back to the job, which waits with the timer.
    let fan_out = FanOut::new(Window::of(window).without_look_ahead())
        .sending_for(until.saturating_sub(Canister.now()))
        .without_waiting_for_slots();
    let finish = |_, outcome| change(id, |job| job.finish_call(&outcome, Canister.now()));
    fan_out.run(&Canister, calls, finish).await;
    let waits_for_slot = |job: &Job| job.waiting_for == Some(ReasonKind::QueueFull);
    if find(id).is_some_and(|record| waits_for_slot(&record.job)) {
        let claim = Canister.slots(callee).claim(window);
        CLAIMS.with_borrow_mut(|claims| claims.push((callee, claim)));
    }
}

/// Gives the slots to a callee back that a job has claimed while it waited.
fn give_claim_back(callee: Principal) {
    CLAIMS.with_borrow_mut(|claims| claims.retain(|(claimed, _)| *claimed != callee));
}

/// The numbers of the jobs that this canister remembers.
fn remembered() -> Range<JobId> {
    let next = JOBS.with_borrow(|jobs| jobs.iter().map(|record| record.id + 1).max().unwrap_or(0));
    next.saturating_sub(JOBS_MAX)..next
}

fn is_finished(id: JobId) -> bool {
    find(id).is_none_or(|record| record.job.is_finished())
}

fn find(id: JobId) -> Option<JobRecord> {
    remembered().contains(&id).then(|| JOBS.with_borrow(|jobs| jobs.get(id % JOBS_MAX)))?
}

/// Changes a job in stable memory.
fn change<T>(id: JobId, change: impl FnOnce(&mut Job) -> T) -> T {
    JOBS.with_borrow_mut(|jobs| {
        let mut record = jobs.get(id % JOBS_MAX).expect("a running job is remembered");
        let result = change(&mut record.job);
        jobs.set(id % JOBS_MAX, &record);
        result
    })
}
