use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use candid::Principal;
use embedded_replica::error::{ErrorCode, RejectCode};
use embedded_replica::trace::{CallId, Event, Recording, Refusal, Responder, Work};
use embedded_replica::types::*;

use super::svg::WIDTH;
use super::*;
use crate::recorded::{RecordedModule, RecordedStrategy};
use crate::report::Measurement;
use crate::sweep::{Point, Series, Wall};

pub(super) const CALLER: CanisterId = CanisterId::new(Principal::from_slice(&[1, 1]));
pub(super) const CALLEE: CanisterId = CanisterId::new(Principal::from_slice(&[2, 1]));
const CALLER_SUBNET: SubnetId = SubnetId::new(Principal::from_slice(&[1; 29]));
const CALLEE_SUBNET: SubnetId = SubnetId::new(Principal::from_slice(&[2; 29]));
pub(super) const SET_ASIDE: u128 = 42_102_000_000;

/// Events of a caller and a callee whose messages need a second.
#[derive(Default)]
pub(super) struct Script {
    pub(super) events: Vec<Event>,
    seconds: u64,
}

impl Script {
    pub(super) fn round(&mut self, on_caller: Vec<Event>, on_callee: Vec<Event>) {
        let time = Time::GENESIS.plus_secs(self.seconds);
        self.seconds += 1;
        self.events.push(Event::Round { subnet: CALLER_SUBNET, time });
        self.events.extend(on_caller);
        self.events.push(Event::Round { subnet: CALLEE_SUBNET, time });
        self.events.extend(on_callee);
    }
}

fn id(number: u64) -> CallId {
    CallId { caller: CALLER, callback: CallbackId(number) }
}

pub(super) fn sent(number: u64) -> Event {
    Event::Sent {
        call: id(number),
        callee: CALLEE.into(),
        method: "ping".into(),
        call_context_id: CallContextId(0),
        cycles: 0,
        withheld: SET_ASIDE,
        deadline: None,
    }
}

fn executed(canister: CanisterId, work: Work, result: Result<(), ErrorCode>) -> Event {
    Event::Executed {
        canister: canister.into(),
        work,
        call_context_id: Some(CallContextId(0)),
        result,
        instructions: 20_000,
        fee: 5_020_000,
        accepted: 0,
        burned: 0,
    }
}

pub(super) fn ingress() -> Event {
    executed(CALLER, Work::Ingress(MessageId([0; 32])), Ok(()))
}

/// The callee executes a call. Each call with a number in `traps` fails.
pub(super) fn at_callee(number: u64, traps: &[u64]) -> [Event; 2] {
    let is_trap = traps.contains(&number);
    let result = if is_trap { Err(ErrorCode::CanisterCalledTrap) } else { Ok(()) };
    let reject = is_trap.then_some(RejectCode::CanisterError);
    let responded = Event::Responded { call: id(number), by: Responder::Callee, reject, refund: 0 };
    [executed(CALLEE, Work::Request(id(number)), result), responded]
}

pub(super) fn callback(number: u64, traps: &[u64]) -> Event {
    let reject = traps.contains(&number).then_some(RejectCode::CanisterError);
    let unspent = SET_ASIDE - 260_000 - 7_000 - 5_020_000;
    executed(CALLER, Work::Response { call: id(number), reject, refund: 0, unspent }, Ok(()))
}

fn sequential(calls: u64) -> Vec<Event> {
    let mut script = Script::default();
    script.round(vec![sent(0), ingress()], vec![]);
    for number in 0..calls {
        script.round(vec![], at_callee(number, &[]).into());
        let next = (number + 1 < calls).then(|| sent(number + 1));
        script.round(next.into_iter().chain([callback(number, &[])]).collect(), vec![]);
    }
    script.events
}

/// Calls all at once. Of them, those in `traps` fail at the callee, and `refused` calls are not made.
pub(super) fn parallel(calls: u64, refused: u64, traps: &[u64]) -> Vec<Event> {
    let mut script = Script::default();
    let mut start: Vec<Event> = (0..calls).map(sent).collect();
    if refused > 0 {
        start.push(Event::Refused {
            caller: CALLER,
            callee: CALLEE.into(),
            call_context_id: CallContextId(0),
            limit: Refusal::QueueFull,
            calls: refused,
        });
    }
    start.push(ingress());
    script.round(start, vec![]);
    script.round(vec![], (0..calls).flat_map(|number| at_callee(number, traps)).collect());
    script.round((0..calls).map(|number| callback(number, traps)).collect(), vec![]);
    script.events
}

pub(super) fn strategy(
    name: &'static str,
    attempted: u64,
    failed: u64,
    events: Vec<Event>,
) -> RecordedStrategy {
    let recording = Recording::of(events);
    let last = recording.rounds().iter().map(|round| round.at.nanos).max().unwrap_or(0);
    let measurement = Measurement {
        name,
        attempted,
        succeeded: attempted - failed,
        failed,
        failures: None,
        rounds: 3,
        model_time: Duration::from_nanos(last),
        host_time: Duration::from_millis(17),
        cycles: 5_287_000 * u128::from(attempted),
    };
    RecordedStrategy { measurement, balance: 100_000_000_000_000, recording }
}

pub(super) fn recorded(strategies: Vec<RecordedStrategy>) -> Recorded {
    let module = |name| RecordedModule { name, bytes: 1_234, sha256: "00ff".into() };
    let modules = vec![module("caller"), module("callee")];
    Recorded { caller: CALLER, callee: CALLEE, modules, strategies }
}

/// Six calls: all succeed one by one; in parallel, two fail at the callee and three are refused.
pub(super) fn few() -> Recorded {
    recorded(vec![
        strategy("sequential", 6, 0, sequential(6)),
        strategy("parallel", 9, 5, parallel(6, 3, &[2, 4])),
        strategy("windowed", 6, 0, parallel(6, 0, &[])),
    ])
}

pub(super) fn many() -> Recorded {
    recorded(vec![
        strategy("sequential", 2_000, 0, sequential(2_000)),
        strategy("parallel", 2_000, 1_500, parallel(500, 1_500, &[])),
    ])
}

/// The names of the elements of a picture, in order. All elements must be closed.
pub(super) fn elements(xml: &str) -> Vec<&str> {
    let mut open = Vec::new();
    let mut names = Vec::new();
    for tag in xml.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        match tag.strip_prefix('/') {
            Some(name) => {
                assert_eq!(open.pop(), Some(name), "an element is closed that is not open")
            }
            None => {
                let name = tag.split(' ').next().unwrap_or_default();
                names.push(name);
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    names
}

/// The texts of a picture that can be seen, with their class.
pub(super) fn texts(xml: &str) -> Vec<(&str, &str)> {
    xml.split("<text class=\"")
        .skip(1)
        .map(|rest| {
            let (class, rest) = rest.split_once('"').expect("a class");
            let content = rest.split_once('>').expect("a start").1;
            (class, content.split_once('<').expect("an end").0)
        })
        .collect()
}

#[test]
fn the_pictures_of_a_few_calls_are_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    for picture in of_run(&few()) {
        let file = folder.join(format!("{}.svg", picture.name));
        test_support::assert_golden(&file, &picture.svg.to_file());
    }
}

#[test]
fn every_picture_has_a_title_and_a_description_and_is_well_formed() {
    for recorded in [few(), many(), recorded(vec![])] {
        let mut ids = BTreeSet::new();
        for Picture { name, svg } in of_run(&recorded) {
            let file = svg.to_file();
            let elements = elements(&file);
            assert_eq!(elements[..3], ["svg", "title", "desc"], "{name}");
            assert!(
                svg.title.len() > 5
                    && (recorded.strategies.is_empty() || svg.description.len() > 40),
                "{name}"
            );
            for id in file.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(ids.insert(id.to_owned()), "{name}: two elements have the id {id}");
            }
            assert!(!file.contains("NaN") && !file.contains("inf"), "{name}");
            assert!(!file.contains("href"), "{name}: it needs nothing from elsewhere");
        }
    }
}

#[test]
fn every_call_tells_its_story() {
    let few = few();
    let stories = |strategy| timeline(&few, &few.strategies[strategy]).to_file();
    let sequential = stories(0);
    assert_eq!(sequential.matches("class=\"call\" tabindex=\"0\"").count(), 6);
    assert!(
        sequential
            .contains("Call 2: sent at 2.0 s, executed at 3.0 s, callback at 4.0 s; 5.3 M cycles")
    );
    let parallel = stories(1);
    assert!(parallel.contains("Call 3: sent at"), "{parallel}");
    assert!(parallel.contains("failed at 2.0 s: CanisterError (CanisterCalledTrap); 5.3 M cycles"));
    assert!(parallel.contains("3 calls failed at 10 us: only 500 can be open to one canister"));
}

#[test]
fn failures_are_hatched_and_crossed_so_that_their_colour_is_not_needed() {
    let few = few();
    let shapes = |strategy: &RecordedStrategy| {
        let picture = timeline(&few, strategy).to_file();
        ["class=\"bad\" fill=\"url(#", "class=\"cross\""]
            .map(|shape| picture.matches(shape).count())
    };
    assert_eq!(shapes(&few.strategies[0]), [0, 0]);
    // Two calls, the block of those that were not made, and the legend.
    assert_eq!(shapes(&few.strategies[1]), [4, 4]);
}

#[test]
fn thousands_of_calls_are_drawn_in_bands() {
    let many = many();
    for strategy in &many.strategies {
        let picture = timeline(&many, strategy).to_file();
        assert!(picture.contains("each line stands for 14 calls"));
        let rectangles = picture.matches("<rect").count();
        assert!((100..1_000).contains(&rectangles), "{rectangles}");
        assert!(picture.len() < 150_000, "{} bytes", picture.len());
    }
    let parallel = timeline(&many, &many.strategies[1]).to_file();
    assert!(parallel.contains("1,500 calls failed at"), "{parallel}");
}

#[test]
fn the_walls_are_drawn_and_named() {
    let mut many = many();
    let parallel = open_calls(&many, &many.strategies[1]).to_file();
    let names: Vec<&str> = texts(&parallel).into_iter().map(|(_, text)| text).collect();
    assert!(names.contains(&"wall: 500 slots from one canister to another"), "{names:?}");
    assert!(names.contains(&"1,500 calls fail here"), "{names:?}");
    assert!(
        names.iter().any(|name| name.contains("cycles for about 2,374 calls")
            && name.contains("1,000,000 callbacks")),
        "{names:?}"
    );
    many.strategies[1].balance = 2_000_000_000_000;
    let poor = open_calls(&many, &many.strategies[1]).to_file();
    assert!(poor.contains("wall: cycles for about 46 calls (42.1 B each, of 2 T)"), "{poor}");
    assert!(poor.contains("balance: 2 T cycles"), "{poor}");
}

#[test]
fn calls_that_were_refused_and_made_again_are_not_failures() {
    let again = recorded(vec![strategy("windowed", 6, 0, parallel(6, 3, &[]))]);
    let picture = timeline(&again, &again.strategies[0]);
    assert!(!picture.to_file().contains("class=\"bad\""));
    assert!(picture.description.contains("3 attempts were refused and made again later"));
}

#[test]
fn calls_that_the_caller_did_not_even_try_are_failures_with_its_reason() {
    let mut poor = recorded(vec![strategy("parallel", 90, 44, parallel(46, 0, &[]))]);
    let failures = Some([("cycles".to_owned(), 44)].into());
    poor.strategies[0].measurement.failures = failures;
    let picture = timeline(&poor, &poor.strategies[0]).to_file();
    assert!(picture.contains("44 calls failed at 10 us: too few cycles to set aside"), "{picture}");
}

#[test]
fn costs_are_split_into_fees_bytes_and_executions() {
    let few = few();
    let costs = Costs::of(&few.strategies[0].recording, CALLER, CALLEE);
    assert_eq!((costs.base_fees, costs.bytes), (6 * 260_000, 6 * 7_000));
    assert_eq!((costs.callbacks, costs.message), (6 * 5_020_000, 5_020_000));
    assert_eq!(costs.caller_total(), 6 * 5_287_000 + 5_020_000);
    assert_eq!((costs.callee, costs.callee_instructions), (6 * 5_020_000, 6 * 20_000));
}

#[test]
fn no_text_is_wider_than_its_picture() {
    for recorded in [few(), many()] {
        for Picture { name, svg } in of_run(&recorded) {
            let file = svg.to_file();
            for (class, text) in
                texts(&file).iter().filter(|(class, _)| ["message", "hint"].contains(class))
            {
                // The widest usual font, DejaVu, needs about seven pixels for a letter.
                let width = 12.0 + 7.1 * text.chars().count() as f64;
                assert!(width <= WIDTH, "{name}: {class}: {text}");
            }
        }
    }
}

/// A sweep in which parallel calls fail beyond 500.
fn swept() -> Sweep {
    swept_at(&[1, 10, 500, 2_000])
}

/// The same with these numbers of calls.
pub(super) fn swept_at(counts: &[u64]) -> Sweep {
    let measurement = |name, calls: u64, succeeded: u64, rounds: u64| Measurement {
        name,
        attempted: calls,
        succeeded,
        failed: calls - succeeded,
        failures: None,
        rounds,
        model_time: Duration::from_secs(2 * (rounds - 1)),
        host_time: Duration::ZERO,
        cycles: 5_000_000 * u128::from(succeeded),
    };
    let point = |calls: u64| Point {
        calls,
        strategies: vec![
            measurement("sequential", calls, calls, calls + 1),
            measurement("parallel", calls, calls.min(500), 2),
        ],
    };
    let wall = Wall {
        strategy: "parallel",
        calls: 500,
        failed: 1,
        failures: None,
        text: "parallel: all calls succeed up to 500; of 501 calls 1 fails because at most 500 calls may be open \
               from one canister to another"
            .into(),
    };
    let series = Series {
        profile: "pocket-ic",
        same_subnet: false,
        caller_cycles: 100_000_000_000_000,
        points: counts.iter().copied().map(point).collect(),
        walls: vec![wall],
        crossovers: vec![],
    };
    Sweep { server: "embedded".into(), series: vec![series] }
}

#[test]
fn the_charts_of_a_sweep_are_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    let [picture] = &of_sweep(&swept())[..] else { panic!("one series") };
    let file = picture.svg.to_file();
    test_support::assert_golden(&folder.join(format!("{}.svg", picture.name)), &file);
    elements(&file);
    let words: Vec<&str> = texts(&file).into_iter().map(|(_, text)| text).collect();
    assert!(words.contains(&"calls that succeeded") && words.contains(&"parallel"), "{words:?}");
    assert!(picture.svg.description.contains("all calls succeed up to 500"));
    // The wall is in all four charts and in the legend.
    assert_eq!(file.matches("class=\"wall\"").count(), 5);
}
