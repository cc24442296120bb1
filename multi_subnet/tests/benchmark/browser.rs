//! The pages that the benchmark writes, in a real browser.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::{MotokoCompiler, browser::open_in_browser, panic_message};

use crate::{
    binary::run_with,
    foreign_pairs::{ForeignPair, motoko_pairs, sample_pair},
};

/// Writes the report of a run to a file, and returns its path.
fn report(folder: &Path, name: &str, args: &[&str], pair: Option<&ForeignPair>) -> PathBuf {
    let path = folder.join(name);
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let modules = pair.map(|pair| [text(&pair.caller), text(&pair.callee)]);
    let env = modules.iter().flat_map(|[caller, callee]| {
        [("CALLER_WASM", caller.as_str()), ("CALLEE_WASM", callee.as_str())]
    });
    let env: Vec<_> = env.collect();
    let printed = run_with(&[args, &["--report", &text(&path)]].concat(), &env);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    path
}

#[test]
fn a_browser_opens_every_report_without_an_error_or_a_request() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path();
    let sample = sample_pair();
    let mut pages = vec![
        report(folder, "default.html", &[], None),
        report(folder, "walls.html", &["--calls", "600", "--same-subnet"], None),
        report(folder, "sweep.html", &["--sweep", "1,40,600", "--both-placements"], None),
        report(folder, "without_reasons.html", &["--calls", "20"], Some(&sample)),
    ];
    let motoko = MotokoCompiler::ALL.into_iter().flat_map(motoko_pairs).next();
    pages.extend(motoko.map(|pair| report(folder, "motoko.html", &["--calls", "20"], Some(&pair))));
    open_in_browser(&pages.iter().map(PathBuf::as_path).collect::<Vec<_>>());
}

#[test]
fn a_page_with_an_error_or_a_request_is_noticed() {
    let folder = TempDir::new().expect("a temporary folder");
    let good = folder.path().join("good.html");
    let head = "<!DOCTYPE html><link rel=\"icon\" href=\"data:,\"><title>A page</title>";
    fs::write(&good, head).expect("a file");
    if !open_in_browser(&[&good]) {
        return;
    }
    for (body, expected) in [
        ("<script>console.error('no good')</script>", "the console says: no good"),
        ("<script>undefined_function()</script>", "undefined_function is not defined"),
        ("<img src=\"http://127.0.0.1:9/a.png\">", "a request to http://127.0.0.1:9/a.png"),
        ("<p style=\"width:900px\">wide</p>", "on a screen of 390"),
    ] {
        let bad = folder.path().join("bad.html");
        fs::write(&bad, format!("{head}{body}")).expect("a file");
        let message = panic_message(|| open_in_browser(&[&bad]));
        assert!(message.contains(expected), "{message}");
    }
}
