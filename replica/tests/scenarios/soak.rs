//! Runs many scenarios on all processors. A scenario that fails is made smaller and printed.

use crate::scenario::{Scenario, scenario};
use crate::{checks, predict, run};
use embedded_replica::limits::WASM_STACK_BYTES;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What scenarios came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub scenarios: u64,
    pub executions: u64,
    /// All kinds of things that were seen.
    pub kinds: BTreeSet<String>,
}

/// Runs scenarios of these seeds until one goes wrong, and panics with it.
pub fn soak(seeds: std::ops::Range<u64>) -> Outcome {
    let begin = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let failure: Mutex<Option<(u64, String)>> = Mutex::default();
    let outcome: Mutex<Outcome> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failure.lock().unwrap().is_some() {
                break;
            }
            show_progress(seed - seeds.start, seeds.end - seeds.start);
            let mut seen = Outcome::default();
            match try_out(&scenario(seed), &mut seen) {
                Ok(()) => outcome.lock().unwrap().add(seen),
                Err(text) => *failure.lock().unwrap() = Some((seed, text)),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // Enough for Wasm, which is otherwise given a stack for every execution.
            let thread = std::thread::Builder::new().stack_size(2 * WASM_STACK_BYTES);
            thread.spawn_scoped(scope, work).expect("there can be as many threads as processors");
        }
    });
    if let Some((seed, text)) = failure.into_inner().unwrap() {
        panic!("{}", explain(seed, &text));
    }
    let outcome = outcome.into_inner().unwrap();
    println!(
        "{} scenarios with {} executions, no violation, in {:.0?}",
        outcome.scenarios,
        outcome.executions,
        begin.elapsed()
    );
    outcome
}

/// Runs a scenario, compares it with the model's prediction and has the checkers look at it.
pub fn try_out(scenario: &Scenario, outcome: &mut Outcome) -> Result<(), String> {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let run = run::run(scenario);
        let objections = checks::check(&run);
        if let Some(objection) = objections.first() {
            return Err(format!("{}: {}", objection.checker, objection.text));
        }
        predict::compare(scenario, &run)?;
        Ok(run)
    }));
    let run = tried.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })?;
    outcome.scenarios += 1;
    outcome.note(&run);
    Ok(())
}

impl Outcome {
    fn note(&mut self, run: &run::Run) {
        self.executions += run.done().iter().map(|done| done.len() as u64).sum::<u64>();
        self.kinds.extend(run.kinds());
    }

    fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.executions += other.executions;
        self.kinds.extend(other.kinds);
    }
}

fn explain(seed: u64, text: &str) -> String {
    let small = shrunk(scenario(seed));
    let wrong = try_out(&small, &mut Outcome::default()).err().unwrap_or_default();
    format!(
        "seed {seed}: {text}\n\nThe same with {} actions: {wrong}\n{small:#?}\n\nTo try it again: \
         SCENARIO_SEED={seed} cargo test -p embedded-replica --test scenarios",
        small.actions.len()
    )
}

/// Half of the actions, as long as that is enough to go wrong.
fn shrunk(mut scenario: Scenario) -> Scenario {
    loop {
        let half = scenario.actions.len().div_ceil(2);
        let (first, second) = scenario.actions.split_at(half);
        let halves = [first.to_vec(), second.to_vec()];
        let smaller = halves.into_iter().find_map(|actions| {
            let candidate = Scenario { actions, ..scenario.clone() };
            let fails = try_out(&candidate, &mut Outcome::default()).is_err();
            (fails && candidate.actions.len() < scenario.actions.len()).then_some(candidate)
        });
        match smaller {
            Some(smaller) => scenario = smaller,
            None => return scenario,
        }
    }
}

fn show_progress(done: u64, of: u64) {
    let mut terminal = std::io::stderr();
    if done.is_multiple_of(500) && terminal.is_terminal() {
        // Whether it can be shown does not matter.
        let _ = write!(terminal, "\r{done} of {of} scenarios ");
    }
}
