//! Compares the predictions of the model with the record.

use crate::model::Model;
use crate::run::{Run, State};
use crate::scenario::{Action, Scenario};
use std::fmt::Debug;

/// Nothing, or the first difference.
pub fn compare(scenario: &Scenario, run: &Run) -> Result<(), String> {
    let mut costs = run.costs(scenario);
    let mut model = Model::new(
        &run.ids,
        &scenario.canisters,
        &run.subnets,
        &scenario.actions,
        &mut costs,
        run.begin,
        &run.balances,
    );
    let (mut balances, mut memories) = (Vec::new(), Vec::new());
    for (index, action) in scenario.actions.iter().enumerate() {
        match action {
            Action::Tick => {
                model.tick();
                balances.push(model.balances());
                memories.push(model.memories());
            }
            Action::Wait { seconds } => model.wait(*seconds),
            Action::Call { .. } | Action::Manage { .. } => {
                let seen = run.submitted[&index].map(|_| ());
                same(&format!("submission of action {index}"), &model.submit(index), &seen)?;
            }
        }
    }
    while balances.len() < run.ticks.len() {
        model.tick();
        balances.push(model.balances());
        memories.push(model.memories());
    }
    let done = run.done();
    for (canister, (expected, seen)) in model.done.iter().zip(&done).enumerate() {
        for at in 0..expected.len().max(seen.len()) {
            let what = format!("execution {at} of canister {canister}");
            same(&what, &expected.get(at), &seen.get(at))?;
        }
    }
    for action in run.submitted.keys() {
        let (expected, seen) = (model.answers.get(action), run.answers.get(action));
        same(&format!("answer to action {action}"), &expected, &seen)?;
    }
    for (tick, (expected, seen)) in balances.iter().zip(&run.ticks).enumerate() {
        for (canister, (id, expected)) in run.ids.canisters.iter().zip(expected).enumerate() {
            let seen = seen.states.get(id).map(|state| state.balance);
            same(&format!("balance of canister {canister} after tick {tick}"), expected, &seen)?;
        }
    }
    for (tick, (expected, seen)) in memories.iter().zip(&run.ticks).enumerate() {
        for (canister, (id, expected)) in run.ids.canisters.iter().zip(expected).enumerate() {
            if let Some(State { is_paused: true, memory, .. }) = seen.states.get(id) {
                same(
                    &format!("memory of canister {canister} after tick {tick}"),
                    expected,
                    memory,
                )?;
            }
        }
    }
    for (canister, (expected, seen)) in model.memories().iter().zip(&run.memories).enumerate() {
        same(&format!("memory of canister {canister}"), expected, seen)?;
    }
    Ok(())
}

fn same<T: Debug + PartialEq>(what: &str, expected: &T, seen: &T) -> Result<(), String> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("{what}:\n  predicted {expected:?}\n  but it is {seen:?}"))
}
