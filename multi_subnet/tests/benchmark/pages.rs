//! The report and its pictures: complete, without anything from elsewhere, and up to date in the documents.

use std::path::{Path, PathBuf};
use std::{env, fs};

use indicatif::ProgressBar;
use multi_subnet::args::{Profile, ServerChoice, Settings};
use multi_subnet::canisters::{Modules, workspace_modules};
use multi_subnet::pictures::Costs;
use multi_subnet::scenario::run_recorded;
use tempfile::TempDir;

use crate::binary::{run, run_with};
use crate::documents::workspace;
use crate::foreign_pairs::sample_pair;

/// The pictures in the documents, and the options that make them.
const DOCUMENTED: (&str, [&str; 2]) = ("docs/pictures", ["--calls", "2000"]);
/// Pictures of the same calls differ by less than this, in percent, if the canisters are from another compiler, or after a
/// small change of the library.
const TOLERANCE_PERCENT: f64 = 10.0;
/// Pixels by which the same shapes differ.
const TOLERANCE_PIXELS: f64 = 1.5;

/// Writes a report and returns the page.
fn report(folder: &TempDir, arguments: &[&str], env: &[(&str, &str)]) -> String {
    let file = folder.path().join("report.html");
    let path = file.to_str().expect("a plain name");
    let done = run_with(&[arguments, &["--report", path]].concat(), env);
    assert_eq!(done.code, 0, "{}", done.stderr);
    fs::read_to_string(file).expect("the page")
}

#[test]
fn the_command_on_a_page_has_its_words_in_quotes_where_a_shell_needs_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let trace = folder.path().join("a trace.json");
    let trace = trace.to_str().expect("a plain name");
    let named = ["--calls", "1", "--trace", trace, "--name", "aaaaa-aa=the shop"];
    let page = report(&folder, &named, &[]);
    let command = format!(
        "<code>multi_subnet --calls 1 --trace '{trace}' --name 'aaaaa-aa=the shop' --report"
    );
    assert!(page.contains(&command), "{command}");
}

/// Whether a page asks for nothing from elsewhere.
fn assert_self_contained(page: &str) {
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http:", "https:", "<script", "src=", "@import", "url(//"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_report_is_one_page_with_the_result_the_pictures_and_the_circumstances() {
    let folder = TempDir::new().expect("a temporary folder");
    let page = report(&folder, &["--calls", "510"], &[]);
    assert_self_contained(&page);
    assert_eq!(page.matches("<svg").count(), 8);
    for words in [
        "name=\"viewport\"",
        "prefers-color-scheme:dark",
        "@media print",
        "multi_subnet --calls 510 --report",
        "caller and callee on two subnets",
        "pocket-ic",
        "SHA-256",
        "Parallel calls: 500/510 successful calls in",
        "<code>queue_full</code>",
        "wall: 500 slots from one canister to another",
        "10 calls failed at",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_pair_without_reasons_has_a_report_too() {
    let folder = TempDir::new().expect("a temporary folder");
    let pair = sample_pair();
    let [caller, callee] = [&pair.caller, &pair.callee].map(|path| path.to_str().expect("a name"));
    let page =
        report(&folder, &["--calls", "510"], &[("CALLER_WASM", caller), ("CALLEE_WASM", callee)]);
    assert_self_contained(&page);
    assert_eq!(page.matches("<svg").count(), 6, "it has two strategies");
    assert!(page.contains("the caller does not return the reasons"));
    let command = format!(
        "<code>CALLER_WASM={caller} CALLEE_WASM={callee} multi_subnet --calls 510 --report"
    );
    assert!(page.contains(&command), "the page says how to make it again: {command}");
    // The replica knows the reason.
    assert!(page.contains("10 calls failed at") && page.contains("only 500 can be open"));
}

#[test]
fn files_of_another_server_end_with_code_2_before_anything_runs() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("report.html");
    let path = path.to_str().expect("a plain name");
    let absent = [("CALLER_WASM", "absent.wasm")];
    for option in ["--report", "--svg"] {
        let failed = run_with(&["--server", "http://127.0.0.1:1/", option, path], &absent);
        let message = failed.error(2);
        assert!(message.contains("--server embedded") && message.contains(option), "{message}");
    }
    fs::write(path, "a file").expect("it can be written");
    assert!(run_with(&["--svg", path], &absent).error(2).contains("not a folder"));
    assert_eq!(fs::read(path).expect("it is there"), b"a file");
}

#[test]
fn the_bars_of_cycles_add_up_to_what_the_caller_paid() {
    let paths = workspace_modules().expect("the canisters build");
    let [caller, callee] =
        [paths.caller, paths.callee].map(|path| fs::read(path).expect("it is built"));
    for same_subnet in [false, true] {
        let settings = Settings {
            calls: 30,
            same_subnet,
            caller_cycles: 100_000_000_000_000,
            profile: Profile::PocketIc,
            server: ServerChoice::Embedded,
        };
        let modules = Modules { caller: caller.clone(), callee: callee.clone() };
        let (report, recorded) =
            run_recorded(&settings, &modules, &ProgressBar::hidden()).expect("it runs");
        let recorded = recorded.expect("the embedded server tells its events");
        for (strategy, measurement) in recorded.strategies.iter().zip(&report.strategies) {
            let costs = Costs::of(&strategy.recording, recorded.caller, recorded.callee);
            assert_eq!(costs.caller_total(), measurement.cycles, "{}", measurement.name);
            assert_eq!(strategy.recording.summary().replied, 30);
        }
    }
}

#[test]
fn a_sweep_has_a_page_and_a_picture_for_each_placement() {
    let folder = TempDir::new().expect("a temporary folder");
    let svg = folder.path().join("svg");
    let svg = svg.to_str().expect("a plain name");
    let page = report(&folder, &["--sweep", "1,450,600", "--both-placements", "--svg", svg], &[]);
    assert_self_contained(&page);
    assert_eq!(page.matches("<svg").count(), 2);
    for words in ["on two subnets", "on one subnet", "SHA-256", "Where calls fail"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("parallel: all calls succeed up to 500"), "{page}");
    let mut files: Vec<_> = fs::read_dir(svg)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["sweep-1.svg", "sweep-2.svg"]);
}

/// The numbers in a text, and the text between them.
fn numbers(text: &str) -> (Vec<f64>, String) {
    let mut numbers = Vec::new();
    let mut rest = String::new();
    let mut digits = String::new();
    // Commas group digits.
    for character in text.chars().chain([' ']) {
        let continues = character == ',' || character == '.';
        if character.is_ascii_digit() || continues && !digits.is_empty() {
            digits.push(character);
        } else {
            if let Ok(number) = digits.replace(',', "").trim_end_matches('.').parse() {
                numbers.push(number);
                rest.push('#');
            }
            digits.clear();
            rest.push(character);
        }
    }
    (numbers, rest)
}

/// Whether two pictures show the same, but for what other compilers change.
fn show_the_same(documented: &str, made: &str) -> bool {
    let ((documented, one), (made, other)) = (numbers(documented), numbers(made));
    let close = |(documented, made): (&f64, &f64)| {
        let difference = (documented - made).abs();
        difference <= TOLERANCE_PIXELS || difference <= documented * TOLERANCE_PERCENT / 100.0
    };
    one == other && documented.len() == made.len() && documented.iter().zip(&made).all(close)
}

#[test]
fn the_pictures_in_the_documents_are_up_to_date() {
    let (folder, options) = DOCUMENTED;
    let committed = workspace().join(folder);
    let made = TempDir::new().expect("a temporary folder");
    let path = made.path().to_str().expect("a plain name");
    let done = run(&[&options[..], &["--svg", path]].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    };
    if env::var_os("BLESS").is_some_and(|bless| !bless.is_empty()) {
        fs::create_dir_all(&committed).expect("a folder");
        for file in files(made.path()) {
            fs::copy(&file, committed.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    let names = |folder: &Path| -> Vec<_> {
        files(folder).iter().map(|file| file.file_name().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&committed), names(made.path()));
    for name in names(&committed) {
        let [documented, made] = [committed.join(&name), made.path().join(&name)]
            .map(|file| fs::read_to_string(file).expect("a picture is text"));
        assert!(
            show_the_same(&documented, &made),
            "{folder}/{name:?} is out of date: run this test once with BLESS=1"
        );
    }
}
