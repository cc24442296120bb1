//! Sweeps: several numbers of calls, and the exact numbers at which calls fail and strategies overtake one another.

use serde_json::Value;

use crate::{
    binary::{run, run_with},
    foreign_pairs::sample_pair,
    measured::servers,
};

/// A list of a series: each element's `key` as text.
fn texts<'a>(series: &'a Value, list: &str, key: &str) -> Vec<&'a str> {
    let elements = series[list].as_array().expect("a list");
    elements.iter().map(|element| element[key].as_str().expect("a text")).collect()
}

fn numbers(series: &Value, list: &str, key: &str) -> Vec<u64> {
    let elements = series[list].as_array().expect("a list");
    elements.iter().map(|element| element[key].as_u64().expect("a whole number")).collect()
}

#[test]
fn a_sweep_finds_the_wall_of_two_trillion_cycles_and_every_crossover_to_the_call() {
    for server in servers() {
        let args = ["--sweep", "1,40,60", "--caller-cycles", "2_000_000_000_000", "--json"];
        let sweep = run(&[&args[..], &["--server", &server]].concat()).json();
        let series = &sweep["series"][0];
        assert_eq!(numbers(series, "points", "calls"), [1, 40, 60]);
        assert_eq!(texts(series, "walls", "strategy"), ["parallel"]);
        assert_eq!(numbers(series, "walls", "calls"), [46]);
        assert_eq!(series["walls"][0]["failures"]["cycles"], 1);
        let short: Vec<_> = texts(series, "crossovers", "text")
            .into_iter()
            .filter_map(|text| Some(text.split_once(':')?.0))
            .collect();
        assert_eq!(
            short,
            [
                "parallel overtakes sequential at 2 calls",
                "windowed overtakes sequential at 2 calls",
                "parallel overtakes windowed at 42 calls",
                "sequential overtakes parallel at 47 calls",
                "windowed overtakes parallel at 47 calls",
            ]
        );
    }
}

#[test]
fn a_sweep_of_a_pair_without_reasons_has_two_strategies_and_the_likely_reason() {
    let pair = sample_pair();
    let [caller, callee] =
        [&pair.caller, &pair.callee].map(|path| path.to_str().expect("a plain path"));
    let env = [("CALLER_WASM", caller), ("CALLEE_WASM", callee)];
    let sweep = run_with(&["--sweep", "400,600", "--same-subnet", "--json"], &env).json();
    let series = &sweep["series"][0];
    assert_eq!(series["points"][0]["strategies"].as_array().map(Vec::len), Some(2));
    assert_eq!(numbers(series, "walls", "calls"), [500]);
    let [text] = texts(series, "walls", "text")[..] else { panic!("one wall") };
    assert!(text.contains("most likely because of a full queue"), "{text}");
    let crossovers = texts(series, "crossovers", "text");
    assert_eq!(
        crossovers,
        ["sequential overtakes parallel at 501 calls: it is the only one that makes all calls"]
    );
}

/// The measurements of a sweep, without host times.
fn figures(mut sweep: Value) -> Value {
    for series in sweep["series"].as_array_mut().expect("a list") {
        for point in series["points"].as_array_mut().expect("a list") {
            for strategy in point["strategies"].as_array_mut().expect("a list") {
                strategy["host_time_ms"] = Value::Null;
            }
        }
    }
    sweep
}

#[test]
fn a_measurement_of_a_sweep_does_not_depend_on_the_measurements_before_it() {
    let sweep = |list| figures(run(&["--sweep", list, "--same-subnet", "--json"]).json());
    let alone = sweep("30");
    let after_others = sweep("10,20,30,40");
    assert_eq!(alone["series"][0]["points"][0], after_others["series"][0]["points"][2]);
}

#[test]
fn a_sweep_over_placements_profiles_and_cycles_has_a_series_for_each() {
    let args = [
        "--sweep",
        "3",
        "--both-placements",
        "--profile",
        "pocket-ic,mainnet",
        "--caller-cycles",
        "2_000_000_000_000,100_000_000_000_000",
        "--csv",
    ];
    let printed = run(&args);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let rows: Vec<Vec<&str>> =
        printed.stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..5], ["profile", "same_subnet", "caller_cycles", "calls", "strategy"]);
    assert_eq!(rows.len(), 1 + 2 * 2 * 2 * 3);
    // Two rounds per hop on the mainnet: the model time is the same under both profiles.
    for same_subnet in ["false", "true"] {
        let of_placement =
            rows.iter().filter(|row| row[1] == same_subnet && row[4] == "sequential");
        let times: Vec<_> = of_placement.map(|row| row[9]).collect();
        assert_eq!(times, [if same_subnet == "true" { "0" } else { "6000" }; 4]);
    }
}

#[test]
fn a_number_that_the_caller_refuses_ends_a_sweep() {
    let failed = run(&["--sweep", "1,18446744073709551615"]);
    let message = failed.error(1);
    assert!(message.contains("reject code 4"), "{message}");
}
