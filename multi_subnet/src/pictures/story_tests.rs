//! What pictures say: the sentence below the title, and the stories of bands.

use std::time::Duration;

use embedded_replica::trace::{Event, Refusal};
use embedded_replica::types::CallContextId;

use super::tests::*;
use super::*;

/// The sentence below the title.
fn sentence(picture: &Svg) -> String {
    assert!(texts(&picture.to_file()).contains(&("message", &picture.message)));
    picture.message.clone()
}

/// Sequential calls and parallel calls that need this many milliseconds, of which `failed` parallel calls fail.
fn compared([sequential, parallel]: [u64; 2], failed: u64) -> String {
    let mut recorded = recorded(vec![
        strategy("sequential", 200, 0, vec![]),
        strategy("parallel", 200, failed, vec![]),
        strategy("windowed", 200, 0, vec![]),
    ]);
    for (strategy, millis) in recorded.strategies.iter_mut().zip([sequential, parallel, parallel]) {
        strategy.measurement.model_time = Duration::from_millis(millis);
    }
    sentence(&overview(&recorded))
}

#[test]
fn the_overview_says_how_fast_parallel_calls_are_compared_with_sequential_ones() {
    for (millis, expected) in [
        ([1_000, 0], "Parallel: within one round instead of 1.0 s."),
        ([0, 0], "Parallel: as fast as sequential."),
        ([2_000, 2_000], "Parallel: as fast as sequential."),
        ([1_000, 2_000], "Parallel: slower than sequential."),
        ([0, 2_000], "Parallel: slower than sequential."),
        ([3_000, 2_000], "Parallel: 1.5 times as fast as sequential."),
        ([2_050, 2_000], "Parallel: a little faster than sequential."),
        ([4_000_000, 2_000], "Parallel: 2,000 times as fast as sequential."),
    ] {
        assert_eq!(compared(millis, 0), expected);
    }
}

#[test]
fn the_overview_compares_the_speed_of_windowed_calls_if_parallel_calls_fail() {
    for (millis, expected) in [
        (
            [4_000, 2_000],
            "Parallel: 3 calls fail. Windowed: all succeed, in 2.0 s, 2 times as fast as sequential.",
        ),
        (
            [1_000, 0],
            "Parallel: 3 calls fail. Windowed: all succeed, within one round instead of 1.0 s.",
        ),
    ] {
        assert_eq!(compared(millis, 3), expected);
    }
    assert!(compared([4_000, 2_000], 1).starts_with("Parallel: 1 call fails."));
}

/// 500 calls are made. 1,500 are refused. The caller tries the refused calls once more: `later` of them are made then.
fn tried_again(later: u64) -> Recorded {
    let refused = |calls| Event::Refused {
        caller: CALLER,
        callee: CALLEE.into(),
        call_context_id: CallContextId(0),
        limit: Refusal::QueueFull,
        calls,
    };
    let mut script = Script::default();
    let start = (0..500).map(sent).chain([refused(1_500), ingress()]).collect();
    script.round(start, vec![]);
    script.round(vec![], (0..500).flat_map(|number| at_callee(number, &[])).collect());
    let again = (500..500 + later).map(sent);
    let again = again.chain((later < 1_500).then(|| refused(1_500 - later)));
    let end = again.chain((0..500).map(|number| callback(number, &[]))).collect();
    script.round(end, vec![]);
    let numbers = 500..500 + later;
    script.round(vec![], numbers.clone().flat_map(|number| at_callee(number, &[])).collect());
    script.round(numbers.map(|number| callback(number, &[])).collect(), vec![]);
    recorded(vec![strategy("parallel", 2_000, 1_500 - later, script.events)])
}

#[test]
fn calls_that_were_refused_twice_are_failures_at_their_last_attempt() {
    let twice = tried_again(0);
    let picture = timeline(&twice, &twice.strategies[0]);
    let file = picture.to_file();
    assert!(file.contains("1,500 calls failed at 2.0 s: only 500 can be open"), "{file}");
    assert!(sentence(&picture).contains("– 1,500 failed: only 500 can be open to one canister"));
    assert!(picture.description.contains("1,500 attempts were refused and made again later"));
    let open = open_calls(&twice, &twice.strategies[0]);
    let expected = "500 open, then a wall: 1,500 calls fail. 1,500 refused attempts were repeated.";
    assert_eq!(sentence(&open), expected);
}

#[test]
fn calls_that_succeed_after_a_refusal_do_not_fail_at_the_wall() {
    let later = tried_again(1_500);
    let picture = timeline(&later, &later.strategies[0]);
    assert!(!picture.to_file().contains("class=\"bad\""));
    assert!(sentence(&picture).contains("– 1,500 attempts were refused and made again later"));
    let open = open_calls(&later, &later.strategies[0]);
    assert!(sentence(&open).contains("then a wall: 1,500 refused attempts were repeated."));
    assert!(!open.to_file().contains("calls fail"));
}

#[test]
fn the_life_of_calls_in_a_band_is_not_drawn_as_a_request_on_its_way() {
    let many = many();
    let sequential = timeline(&many, &many.strategies[0]).to_file();
    assert!(sequential.matches("class=\"open\"").count() > 100);
    assert!(!sequential.contains("class=\"out\""));
    let words: Vec<&str> = texts(&sequential).into_iter().map(|(_, text)| text).collect();
    assert!(words.contains(&"calls are open"), "{words:?}");
    assert!(!words.contains(&"request on its way"), "{words:?}");
    let parallel = timeline(&many, &many.strategies[1]).to_file();
    assert!(!parallel.contains("class=\"open\""));
    assert!(parallel.contains("request on its way"));
}

#[test]
fn a_band_tells_the_story_of_its_calls() {
    let many = many();
    let sequential = timeline(&many, &many.strategies[0]).to_file();
    let story =
        "Calls 15 to 28: sent from 28.0 s to 54.0 s, callbacks from 30.0 s to 56.0 s; 14 succeeded";
    assert!(sequential.contains(&format!("<title>{story}</title>")), "{sequential}");
    assert!(texts(&sequential).contains(&("story", story)));
    assert_eq!(
        sequential.matches("class=\"call\" tabindex=\"0\"").count(),
        2_000_usize.div_ceil(14),
        "each band can have the focus"
    );
}

#[test]
fn calls_of_a_band_fail_at_the_moment_at_which_they_fail_and_the_reason_is_named() {
    let traps: Vec<u64> = (0..300).filter(|number| number % 2 == 0).collect();
    let mut trapped = recorded(vec![strategy("parallel", 300, 150, parallel(300, 0, &traps))]);
    let picture = timeline(&trapped, &trapped.strategies[0]);
    let file = picture.to_file();
    assert_eq!(
        sentence(&picture),
        "150 of 300 calls succeeded in 2.0 s – 150 failed: CanisterError (CanisterCalledTrap)"
    );
    assert!(file.contains("; 1 succeeded, 1 failed; 1 failed: CanisterError (CanisterCalledTrap)"));
    // The hatched marks are at the end of the chart, where the calls fail, and not where they were sent.
    let marks: Vec<f64> = file
        .split("class=\"bad\" fill=\"url(#parallel-timeline-hatch)\" x=\"")
        .skip(2)
        .map(|rest| rest.split('"').next().and_then(|x| x.parse().ok()).expect("a position"))
        .collect();
    assert!(marks.len() > 100 && marks.iter().all(|x| *x > 700.0), "{marks:?}");
    // With several reasons, the most frequent one is named.
    trapped.strategies = vec![strategy("parallel", 301, 151, parallel(300, 1, &traps))];
    let picture = timeline(&trapped, &trapped.strategies[0]);
    assert!(sentence(&picture).contains("151 failed, most often: CanisterError"));
    assert!(picture.description.contains("1 call failed: only 500 can be open"));
}

#[test]
fn windowed_calls_of_other_canisters_do_not_count_as_open_calls_of_the_caller() {
    let mut events = parallel(6, 0, &[]);
    let Some(Event::Sent { call, .. }) = events.get_mut(1) else { panic!("a call was made") };
    call.caller = CALLEE;
    let others = recorded(vec![strategy("windowed", 5, 0, events)]);
    let sentence = sentence(&timeline(&others, &others.strategies[0]));
    assert!(sentence.contains("at most 5 open"), "{sentence}");
}

/// Parallel calls of a caller with 2 T cycles. The system refuses 45 of 90 calls, because cycles are missing.
fn without_cycles() -> Recorded {
    let mut events = parallel(45, 45, &[]);
    for event in &mut events {
        if let Event::Refused { limit, .. } = event {
            *limit = Refusal::Cycles;
        }
    }
    let mut poor = recorded(vec![strategy("parallel", 90, 45, events)]);
    poor.strategies[0].balance = 2_000_000_000_000;
    poor
}

#[test]
fn the_wall_of_cycles_stands_where_calls_were_refused_for_lack_of_cycles() {
    let poor = without_cycles();
    let picture = open_calls(&poor, &poor.strategies[0]);
    assert!(picture.message.starts_with("45 open, then a wall: 45 calls fail."));
    let wall = ("wall-name end", "wall: cycles for 45 calls (42.1 B each, of 2 T)");
    assert!(texts(&picture.to_file()).contains(&wall));
}

#[test]
fn the_wall_of_cycles_does_not_depend_on_the_calls_of_other_canisters() {
    let mut events = parallel(6, 0, &[]);
    let Some(Event::Sent { call, withheld, .. }) = events.get_mut(1) else { panic!("a call") };
    (call.caller, *withheld) = (CALLEE, SET_ASIDE * 3);
    let others = recorded(vec![strategy("parallel", 5, 0, events)]);
    let picture = open_calls(&others, &others.strategies[0]).to_file();
    assert!(picture.contains("cycles for about 2,374 calls (42.1 B each"), "{picture}");
}

#[test]
fn the_charts_of_a_sweep_show_the_walls_within_their_scale_and_name_the_strategy() {
    let charts = |counts: &[u64]| of_sweep(&swept_at(counts))[0].svg.to_file();
    let within = charts(&[1, 10, 500, 2_000]);
    assert_eq!(texts(&within).iter().filter(|text| text.1 == "parallel: 500").count(), 4);
    let beyond = charts(&[600, 1_000]);
    // Only the legend has one.
    assert_eq!(beyond.matches("class=\"wall\"").count(), 1);
    assert!(!texts(&beyond).iter().any(|text| text.1 == "parallel: 500"));
    assert!(beyond.contains("parallel: all calls succeed up to 500"));
}
