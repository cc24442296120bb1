//! The canisters of a subnet. A round looks only at canisters that may have work: these are awake.
//!
//! A canister falls asleep at the end of a round if no round would change it before a known time, its alarm. It
//! wakes at its alarm, or when anything takes a mutable reference to it. So a round over sleeping canisters is
//! the same as if it had looked at all of them, and its cost does not depend on their number.

use crate::canister::{Canister, LowWasmMemoryHook, Status, Task};
use crate::limits::ALLOCATION_CHARGE_INTERVAL_SECONDS;
use crate::types::{CanisterId, Cycles, NextWork, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;

/// How many rounds pass between two times at which all canisters without work fall asleep. A canister in the
/// middle of calls then seldom falls asleep and wakes.
const ROUNDS_BETWEEN_RESTS: u64 = 16;

/// All canisters of a subnet.
#[derive(Debug, Default)]
pub(super) struct Canisters {
    places: BTreeMap<CanisterId, Place>,
    awake: BTreeSet<CanisterId>,
    /// The canisters that woke at their alarms in this round. Some may sleep again, or may be removed.
    woken: Vec<CanisterId>,
    /// The alarms of all sleeping canisters.
    alarms: BTreeSet<(Time, CanisterId)>,
    asleep: Sums,
}

/// A canister, and its alarm while it sleeps. Boxed, because a map has room for eleven values even if it has
/// only one.
#[derive(Debug)]
struct Place {
    canister: Box<Canister>,
    alarm: Option<Time>,
}

/// Sums over canisters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// The bytes of memory that the canisters have taken.
    pub memory_taken: u64,
    /// The bytes of their state.
    pub state_bytes: u64,
    /// The compute allocations, in percent.
    pub compute: u64,
    pub open_callbacks: usize,
    /// The bytes that unbounded-wait calls take.
    pub guaranteed_bytes: u64,
    consumed: Total,
}

/// A sum of cycles that can be greater than the greatest number of cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    low: Cycles,
    high: u64,
}

impl Total {
    fn plus(self, cycles: Cycles) -> Self {
        let (low, carry) = self.low.overflowing_add(cycles);
        Self { low, high: self.high + u64::from(carry) }
    }

    fn minus(self, cycles: Cycles) -> Self {
        let (low, borrow) = self.low.overflowing_sub(cycles);
        Self { low, high: self.high - u64::from(borrow) }
    }

    fn saturated(self) -> Cycles {
        if self.high > 0 { Cycles::MAX } else { self.low }
    }
}

impl Sums {
    fn add(&mut self, canister: &Canister) {
        let state_bytes = canister.memory_usage().total();
        self.state_bytes += state_bytes;
        self.memory_taken += state_bytes.max(canister.settings.memory_allocation);
        self.compute += canister.settings.compute_allocation;
        self.open_callbacks += canister.contexts.open_callbacks();
        self.guaranteed_bytes += canister.queues.guaranteed_bytes();
        self.consumed = self.consumed.plus(canister.consumption.total());
    }

    fn subtract(&mut self, canister: &Canister) {
        let state_bytes = canister.memory_usage().total();
        self.state_bytes -= state_bytes;
        self.memory_taken -= state_bytes.max(canister.settings.memory_allocation);
        self.compute -= canister.settings.compute_allocation;
        self.open_callbacks -= canister.contexts.open_callbacks();
        self.guaranteed_bytes -= canister.queues.guaranteed_bytes();
        self.consumed = self.consumed.minus(canister.consumption.total());
    }
}

/// The time before which no round would change the canister. `None` if the next round may change it.
fn alarm(canister: &Canister, now: Time) -> Option<Time> {
    let may_change = !canister.queues.is_waiting()
        || canister.is_paused()
        || canister.debits.has_any()
        || matches!(canister.status, Status::Stopping(_))
        || canister.low_wasm_memory_hook == LowWasmMemoryHook::Ready
        || canister.exports(Task::Heartbeat.export());
    if may_change {
        return None;
    }
    let timer = canister.global_timer.filter(|_| canister.exports(Task::GlobalTimer.export()));
    let charge = canister.charged_until.plus_secs(ALLOCATION_CHARGE_INTERVAL_SECONDS);
    let times = timer.into_iter().chain(canister.contexts.next_deadline());
    Some(times.fold(charge, Time::min)).filter(|alarm| *alarm > now)
}

impl Canisters {
    pub fn get(&self, id: &CanisterId) -> Option<&Canister> {
        self.places.get(id).map(|place| place.canister.as_ref())
    }

    /// The canister with this id. It wakes.
    pub fn get_mut(&mut self, id: &CanisterId) -> Option<&mut Canister> {
        let place = self.places.get_mut(id)?;
        if let Some(alarm) = place.alarm.take() {
            self.alarms.remove(&(alarm, *id));
            self.asleep.subtract(&place.canister);
            self.awake.insert(*id);
        }
        Some(&mut place.canister)
    }

    pub fn contains_key(&self, id: &CanisterId) -> bool {
        self.places.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn keys(&self) -> impl Iterator<Item = &CanisterId> {
        self.places.keys()
    }

    /// All canisters, in the order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &Canister> + Clone {
        self.places.values().map(|place| place.canister.as_ref())
    }

    pub fn insert(&mut self, id: CanisterId, canister: Box<Canister>) {
        self.remove(&id);
        self.places.insert(id, Place { canister, alarm: None });
        self.awake.insert(id);
    }

    pub fn remove(&mut self, id: &CanisterId) -> Option<Box<Canister>> {
        self.get_mut(id)?;
        self.awake.remove(id);
        self.places.remove(id).map(|place| place.canister)
    }

    /// The canisters that are awake, in the order of their ids.
    pub fn awake(&self) -> impl Iterator<Item = &Canister> {
        self.awake.iter().filter_map(|id| self.get(id))
    }

    /// The ids of the canisters that are awake, in ascending order.
    pub fn awake_ids(&self) -> Vec<CanisterId> {
        self.awake.iter().copied().collect()
    }

    /// Calls `f` with each canister that is awake, in the order of their ids.
    pub fn for_each_awake(&mut self, mut f: impl FnMut(&mut Canister)) {
        for id in &self.awake {
            if let Some(place) = self.places.get_mut(id) {
                f(&mut place.canister);
            }
        }
    }

    /// Calls `f` with each canister, for changes that no round depends on. No canister wakes.
    pub fn for_each(&mut self, mut f: impl FnMut(&mut Canister)) {
        self.places.values_mut().for_each(|place| f(&mut place.canister));
    }

    /// The sums over the canisters that sleep. Sums over all canisters add those that are awake.
    pub fn asleep(&self) -> &Sums {
        &self.asleep
    }

    pub fn count_asleep(&self) -> usize {
        self.places.len() - self.awake.len()
    }

    /// The consumed cycles of all canisters, and these `others`.
    pub fn consumed(&self, others: Cycles) -> Cycles {
        let consumed = self.awake().map(|canister| canister.consumption.total());
        consumed
            .fold(self.asleep.consumed.saturated(), Cycles::saturating_add)
            .saturating_add(others)
    }

    /// Wakes the canisters whose alarms are not later than `now`.
    pub fn wake_due(&mut self, now: Time) {
        while let Some((_, id)) = self.alarms.first().copied().filter(|(alarm, _)| *alarm <= now) {
            self.get_mut(&id);
            self.woken.push(id);
        }
    }

    /// Lets canisters fall asleep: all in some of the rounds, and in the other rounds those that woke at their
    /// alarms, for example to be charged for their resources.
    pub fn rest(&mut self, round: u64, now: Time) {
        let woken = std::mem::take(&mut self.woken);
        let Self { places, awake, alarms, asleep, .. } = self;
        let mut stays_awake = |id: &CanisterId| {
            let Some(place) = places.get_mut(id) else { return false };
            place.alarm = alarm(&place.canister, now);
            if let Some(alarm) = place.alarm {
                alarms.insert((alarm, *id));
                asleep.add(&place.canister);
            }
            place.alarm.is_none()
        };
        if round.is_multiple_of(ROUNDS_BETWEEN_RESTS) {
            awake.retain(stays_awake);
            return;
        }
        for id in woken {
            if awake.contains(&id) && !stays_awake(&id) {
                awake.remove(&id);
            }
        }
    }

    /// When one of the sleeping canisters next has work to do. `next` returns this for one canister: a time that
    /// is not before its alarm.
    pub fn next_work_asleep(&self, next: impl Fn(&Canister) -> NextWork) -> NextWork {
        let mut earliest = NextWork::Never;
        for (alarm, id) in &self.alarms {
            if NextWork::At(*alarm) >= earliest {
                break;
            }
            earliest = self.get(id).map_or(NextWork::Never, &next).min(earliest);
        }
        earliest
    }
}

impl Index<&CanisterId> for Canisters {
    type Output = Canister;

    fn index(&self, id: &CanisterId) -> &Canister {
        &self.places[id].canister
    }
}

impl FromIterator<(CanisterId, Box<Canister>)> for Canisters {
    fn from_iter<T: IntoIterator<Item = (CanisterId, Box<Canister>)>>(canisters: T) -> Self {
        let mut all = Self::default();
        canisters.into_iter().for_each(|(id, canister)| all.insert(id, canister));
        all
    }
}

/// Only the canisters are saved. After they are restored, all are awake.
impl Serialize for Canisters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.places.iter().map(|(id, place)| (id, &place.canister)))
    }
}

impl<'de> Deserialize<'de> for Canisters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let canisters = BTreeMap::<CanisterId, Box<Canister>>::deserialize(deserializer)?;
        Ok(canisters.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
