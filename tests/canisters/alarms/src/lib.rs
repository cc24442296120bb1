//! An alarm clock: a test canister that uses timers of `ic-cdk-timers`.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use candid::{CandidType, Principal};
use ic_cdk::call::Call;
use ic_cdk::{init, post_upgrade, query, update};
use ic_cdk_timers::{TimerId, clear_timer, set_timer, set_timer_interval};
use serde::Deserialize;

/// The alarm that the installation sets, and each upgrade again.
const NOON: (&str, Duration) = ("noon", Duration::from_secs(3_600));

#[derive(Clone, CandidType, Deserialize)]
enum Action {
    #[serde(rename = "ring")]
    Ring,
    #[serde(rename = "copy")]
    Copy(Principal),
    #[serde(rename = "trap")]
    Trap,
}

thread_local! {
    static TIMERS: RefCell<BTreeMap<String, TimerId>> = RefCell::default();
    static RINGS: RefCell<BTreeMap<String, u64>> = RefCell::default();
}

#[init]
fn init() {
    let (name, interval) = NOON;
    keep(name, set_timer_interval(interval, || act(NOON.0.into(), Action::Ring)));
}

#[post_upgrade]
fn post_upgrade() {
    init();
}

#[update]
fn once(name: String, seconds: u64, action: Action) {
    let timer = set_timer(Duration::from_secs(seconds), act(name.clone(), action));
    keep(&name, timer);
}

#[update]
fn every(name: String, seconds: u64, action: Action) {
    let alarm = name.clone();
    let timer = set_timer_interval(Duration::from_secs(seconds), move || {
        act(alarm.clone(), action.clone())
    });
    keep(&name, timer);
}

#[update]
fn cancel(name: String) {
    match TIMERS.with_borrow_mut(|timers| timers.remove(&name)) {
        Some(timer) => clear_timer(timer),
        None => ic_cdk::trap(format!("there is no alarm {name}")),
    }
}

#[query]
fn rings(name: String) -> u64 {
    RINGS.with_borrow(|rings| rings.get(&name).copied().unwrap_or(0))
}

fn keep(name: &str, timer: TimerId) {
    TIMERS.with_borrow_mut(|timers| timers.insert(name.into(), timer));
}

async fn act(name: String, action: Action) {
    match action {
        Action::Ring => ring(name, 1),
        Action::Copy(other) => {
            let answer = Call::bounded_wait(other, "rings").with_arg(&name).await;
            ring(name, answer.expect("the other answers").candid().expect("with a number"));
        }
        Action::Trap => {
            ring(name, 1);
            ic_cdk::trap("the alarm is broken");
        }
    }
}

fn ring(name: String, times: u64) {
    RINGS.with_borrow_mut(|rings| *rings.entry(name).or_default() += times);
}
