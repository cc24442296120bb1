//! Fan-outs too large for one message: driven by a timer, written down after every step.

use std::cell::{Cell, RefCell};
use std::iter;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use candid::CandidType;
use ic_cdk_timers::{TimerId, clear_timer, set_timer, set_timer_interval_serial};
use ic_stable_structures::StableVec;
use parallel_calls::canister::Canister;
use parallel_calls::{Job, ReasonKind, Retry, Transport, Wait, Window, windowed};

use crate::callee;
use crate::memory::{self, Memory};
use crate::run::{Failures, failures, ping, planned_window};
use record::Record;

mod record;

/// How often it is looked whether there is something to do while a job is unfinished.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a timer's task begins calls. With the wait of the last ones it must stay below the 300 s after which the
/// timers take it for lost, and begin another.
const TASK_MAX: Duration = Duration::from_secs(60);

/// How long a call of a job waits.
const WAIT: Wait = Wait::Bounded(Duration::from_secs(120));

/// Jobs that are remembered: the latest.
const KEPT_MAX: u64 = 16;

/// How often calls of a job are tried when nobody says.
const ATTEMPTS_DEFAULT: u32 = 3;

/// How often they may be tried.
const ATTEMPTS_MAX: u32 = 100;

/// Calls whose cost a plan puts aside at once: cycles may be added while a job is under way.
const PLANNED_CALLS_MAX: u64 = 10_000;

/// The number of a job.
pub type JobId = u64;

wire::record! {
    /// A job that somebody wants.
    #[derive(CandidType)]
    pub struct JobSpec {
        pub calls: u64,
        pub window: Option<u32>,
        pub attempts: Option<u32>,
        pub idempotent: Option<bool>,
    }
}

wire::record! {
    /// How far a job is.
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
}

wire::variant! {
    /// What a job does.
    #[derive(CandidType)]
    pub enum JobState {
        /// It makes calls.
        Running,
        /// It was cancelled, though calls may still be open.
        Cancelled,
        /// Every call is settled.
        Finished,
    }
}

thread_local! {
    static JOBS: RefCell<StableVec<Record, Memory>> =
        RefCell::new(StableVec::init(memory::part(memory::JOBS)));
    static TIMER: Cell<Option<TimerId>> = const { Cell::new(None) };
    /// The job that was worked on last.
    static LAST: Cell<Option<JobId>> = const { Cell::new(None) };
}

/// Writes down a new job and sees to it that it is worked on.
pub fn start(spec: JobSpec) -> Result<JobId, String> {
    let attempts = spec.attempts.unwrap_or(ATTEMPTS_DEFAULT);
    if attempts > ATTEMPTS_MAX {
        return Err(format!("{attempts} attempts are too many: the maximum is {ATTEMPTS_MAX}"));
    }
    let callee = callee::configured()?;
    let id = kept().end;
    // Its place is that of the job before the ones that are kept.
    if let Some(oldest) = id.checked_sub(KEPT_MAX).filter(|oldest| !is_finished(*oldest)) {
        return Err(format!("{KEPT_MAX} jobs are unfinished: wait for job {oldest}, or cancel it"));
    }
    let job = Job::new(spec.calls, spec.window, attempts, spec.idempotent.unwrap_or(false));
    JOBS.with_borrow_mut(|jobs| {
        let record = Record { id, callee, job };
        if id < KEPT_MAX {
            jobs.push(&record);
        } else {
            jobs.set(id % KEPT_MAX, &record);
        }
    });
    wake_up();
    Ok(id)
}

/// How far a job is, unless it is too long ago.
pub fn status(id: JobId) -> Option<JobStatus> {
    let Record { job, .. } = find(id)?;
    let state = match () {
        () if job.cancelled => JobState::Cancelled,
        () if job.is_finished() => JobState::Finished,
        () => JobState::Running,
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

/// Gives up the calls of a job that are not open.
pub fn cancel(id: JobId) -> Result<(), String> {
    match find(id) {
        None => Err(format!("there is no job {id}")),
        Some(Record { job, .. }) if job.is_finished() => Err(format!("job {id} is finished")),
        Some(_) => {
            update(id, Job::cancel);
            Ok(())
        }
    }
}

/// Goes on with unfinished jobs after an upgrade.
pub fn resume() {
    if kept().any(|id| !is_finished(id)) {
        wake_up();
    }
}

/// Sees to it that somebody works on the jobs.
fn wake_up() {
    if TIMER.get().is_none() {
        TIMER.set(Some(set_timer_interval_serial(INTERVAL, work)));
    }
}

/// Works on the jobs in turn, for as long as a timer's task should last.
async fn work() {
    let until = Canister.now() + TASK_MAX;
    let ids = kept();
    let next = LAST.get().map_or(ids.start, |last| last + 1);
    for id in (next.max(ids.start)..ids.end).chain(ids.start..next.min(ids.end)) {
        LAST.set(Some(id));
        make_calls(id, until).await;
        if Canister.now() >= until {
            break;
        }
    }
    if kept().all(is_finished) {
        // A timer must not be cleared by its own task.
        set_timer(Duration::ZERO, async { rest() });
    }
}

/// Clears the timer, unless somebody started a job meanwhile.
fn rest() {
    if kept().all(is_finished)
        && let Some(timer) = TIMER.take()
    {
        clear_timer(timer);
    }
}

/// Makes the calls of a job that can be made now, and begins none later than `until`.
async fn make_calls(id: JobId, until: Duration) {
    let Some(Record { callee, job, .. }) = find(id) else { return };
    // There is one worker, so what is open was left by one that an upgrade or a trap ended.
    if job.open() > 0 {
        update(id, |job| job.interrupt(Canister.now()));
    }
    if Canister.is_stopping()
        || job.next_call_in(Canister.now()).is_none_or(|pause| !pause.is_zero())
    {
        return;
    }
    let window = match job.window {
        Some(calls) => Ok(calls),
        None => planned_window(&ping(callee), job.remaining().min(PLANNED_CALLS_MAX))
            .or_else(|_| planned_window(&ping(callee), 1))
            .map(|window| window.per_callee),
    };
    let Ok(window) = window else {
        update(id, |job| job.postpone(ReasonKind::Cycles, Canister.now()));
        return;
    };
    let ping = Rc::new(ping(callee).with_wait(WAIT));
    let calls = iter::from_fn(|| {
        let now = Canister.now();
        let started =
            now < until && !Canister.is_stopping() && update(id, |job| job.start_call(now));
        started.then(|| ping.clone())
    });
    windowed(
        &Canister,
        calls,
        Window::of(window).without_look_ahead(),
        Retry::NEVER,
        |_, outcome| {
            update(id, |job| job.finish_call(&outcome, Canister.now()));
        },
    )
    .await;
}

/// The jobs that are remembered, the oldest first.
fn kept() -> Range<JobId> {
    let next = JOBS.with_borrow(|jobs| jobs.iter().map(|record| record.id + 1).max().unwrap_or(0));
    next.saturating_sub(KEPT_MAX)..next
}

fn is_finished(id: JobId) -> bool {
    find(id).is_none_or(|record| record.job.is_finished())
}

fn find(id: JobId) -> Option<Record> {
    kept().contains(&id).then(|| JOBS.with_borrow(|jobs| jobs.get(id % KEPT_MAX)))?
}

/// Changes a job, and writes it down.
fn update<T>(id: JobId, change: impl FnOnce(&mut Job) -> T) -> T {
    JOBS.with_borrow_mut(|jobs| {
        let mut record = jobs.get(id % KEPT_MAX).expect("a job that is worked on is kept");
        let result = change(&mut record.job);
        jobs.set(id % KEPT_MAX, &record);
        result
    })
}
