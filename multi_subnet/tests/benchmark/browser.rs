//! The pages that the benchmark writes, in a real browser.

use std::fs;

use tempfile::TempDir;
use test_support::{browser::open_in_browser, panic_message};

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
