//! The report and its pictures: complete, without anything from elsewhere, and up to date in the documents.

use std::fs;
use std::path::Path;

use indicatif::ProgressBar;
use multi_subnet::args::{Profile, ServerChoice, Settings};
use multi_subnet::canisters::{Modules, workspace_modules};
use multi_subnet::pictures::Costs;
use multi_subnet::scenario::run_recorded;
use tempfile::TempDir;

use crate::binary::run_with;
use crate::foreign_pairs::sample_pair;

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

/// The headings, pictures, tables and printed lines of a page, in order. A `#` stands for figures that depend on the
/// modules or on the version.
fn outline(page: &str) -> String {
    let body = page.split_once("<body>").expect("a page has a body").1;
    let mut outline = String::new();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let text = text.trim();
        match name {
            "h1" | "h2" | "figcaption" | "table" | "p" | "li" | "pre" | "figure" => {
                // What a run prints depends on the machine.
                let text = if name == "pre" { "" } else { text };
                outline += &format!("{name} {text}\n");
            }
            "b" => outline += &format!("  b {text}\n"),
            // A command and a hash differ from machine to machine. A reason does not.
            "code" if text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') => {
                outline += &format!("    code {text}\n");
            }
            "svg" => outline += &format!("  svg {}\n", attributes.contains("aria-labelledby")),
            "th" | "td" => {
                let is_figure = text.chars().filter(char::is_ascii_digit).count() > 2;
                outline += &format!("  {name} {}\n", if is_figure { "#" } else { text });
            }
            _ => {}
        }
    }
    outline.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_outline_of_the_pages_is_as_agreed() {
    let folder = TempDir::new().expect("a temporary folder");
    for (name, arguments) in [
        ("report", &["--calls", "510"][..]),
        ("sweep_report", &["--sweep", "1,600", "--both-placements"]),
    ] {
        let page = report(&folder, arguments, &[]);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        test_support::assert_golden(&golden.join(format!("{name}.outline.txt")), &outline(&page));
    }
}
