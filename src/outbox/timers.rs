//! Tasks and timers of a canister.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use ic_cdk_timers::{clear_timer, set_timer_interval};

use super::Runtime;
use crate::Canister;

/// The shortest time until a timer runs.
const DELAY_MIN: Duration = Duration::from_secs(1);

impl Runtime for Canister {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()>>>) {
        ic_cdk::futures::spawn(task);
    }

    /// Waits at least a second.
    ///
    /// This is the timer of an interval, which ends when its task runs for the first time. A timer without an
    /// interval would be lost if the canister is stopped after the system has started it and before its task runs:
    /// the system rejects the call of the canister to itself by which `ic-cdk-timers` runs a task.
    fn run_after(&self, delay: Duration, task: Box<dyn FnOnce()>) {
        let timer = Rc::new(Cell::new(None));
        let task = Rc::new(Cell::new(Some(task)));
        let timer_of_task = timer.clone();
        let run = move || {
            let (timer, task) = (timer_of_task.clone(), task.clone());
            async move {
                if let Some(timer) = timer.take() {
                    clear_timer(timer);
                }
                if let Some(task) = task.take() {
                    task();
                }
            }
        };
        timer.set(Some(set_timer_interval(delay.max(DELAY_MIN), run)));
    }
}
