//! The JSON lines of every event, and the document that describes them.

use candid::Principal;
use embedded_replica::error::{ErrorCode, RejectCode};
use embedded_replica::trace::json_lines::{Amount, Line, VERSION, write};
use embedded_replica::trace::*;
use embedded_replica::types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Events of every kind, in an order that can happen. Together, their lines have every field.
fn every_event() -> Vec<Event> {
    let canister = CanisterId::new(Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 1]));
    let subnet = SubnetId::new(Principal::from_slice(&[7; 29]));
    let call = CallId { caller: canister, callback: CallbackId(3) };
    let (time, call_context_id) = (Time::GENESIS, CallContextId(0));
    let executed = |work, result| Event::Executed {
        canister: canister.into(),
        work,
        call_context_id: Some(call_context_id),
        result,
        instructions: 2_000_000,
        fee: 3,
        accepted: 4,
        burned: u128::MAX,
    };
    let reject = Some(RejectCode::SysUnknown);
    vec![
        Event::Round { subnet, time },
        Event::Slice { canister, number: 1, of: 2 },
        Event::Sent {
            call,
            callee: canister.into(),
            method: "ping".into(),
            call_context_id,
            cycles: 5,
            withheld: 6,
            deadline: Some(time.plus_secs(300)),
        },
        Event::Refused {
            caller: canister,
            callee: canister.into(),
            call_context_id,
            limit: Refusal::QueueFull,
            calls: 8,
        },
        executed(Work::Ingress(MessageId([9; 32])), Ok(())),
        Event::Inducted { call },
        executed(Work::Request(call), Err(ErrorCode::CanisterCalledTrap)),
        Event::Responded { call, by: Responder::Deadline, reject, refund: 5 },
        Event::Returned { call },
        executed(Work::Response { call, reject, refund: 5, unspent: 1 }, Ok(())),
        executed(Work::Task, Ok(())),
        Event::Dropped { call, what: Drop::Late, cycles: 5, credited: true },
        Event::Refunded { canister, cycles: 5, arrived: true },
        Event::Credited { canister, cycles: 5 },
        Event::Charged { canister, fee: Fee::Resources, cycles: 5 },
        Event::Uninstalled { canister },
        Event::Deleted { canister, cycles: 5 },
    ]
}

/// All lines as they are written.
fn written() -> Vec<String> {
    let recording = Recording::of(every_event());
    let mut out = Vec::new();
    write(&mut out, "all", &recording, &Names::new()).expect("memory takes everything");
    String::from_utf8(out).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn every_event_is_read_as_it_was_written() {
    for line in written() {
        let read: Line = serde_json::from_str(&line).expect(&line);
        assert_eq!(serde_json::to_string(&read).expect("JSON"), line);
    }
}

#[test]
fn the_document_lists_every_event_and_every_field() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/trace.md");
    let document = fs::read_to_string(document).expect("it is in the workspace");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in written() {
        let line: BTreeMap<String, serde_json::Value> = serde_json::from_str(&line).expect("JSON");
        let event = line["event"].as_str().expect("text").to_owned();
        found.entry(event).or_default().extend(line.into_keys().filter(|key| key != "event"));
    }
    let rows = document.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let words = |cell: &str| -> BTreeSet<String> {
        // What stands in parentheses explains a field.
        let outside = cell.split('(').map(|part| part.rsplit(')').next().unwrap_or_default());
        let outside: String = outside.collect();
        outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let documented: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            (words(cells[0]).into_iter().next().expect("an event"), words(cells[2]))
        })
        .collect();
    assert_eq!(documented, found);
    assert!(document.contains(&format!("The version of this format is {VERSION}.")));
}

#[test]
fn an_amount_that_does_not_fit_into_64_bits_is_text() {
    let amounts = [Amount(u64::MAX.into()), Amount(u128::MAX)];
    let written = amounts.map(|amount| serde_json::to_string(&amount).expect("JSON"));
    assert_eq!(written, [u64::MAX.to_string(), format!("\"{}\"", u128::MAX)]);
}
