//! A real browser without a window, which opens pages.

use std::path::Path;
use std::process::Command;

use crate::packages::{or_say_why, run};
use crate::{checkout, target};

/// The version of the npm package `playwright-core`, which controls the browser.
const DRIVER_VERSION: &str = "1.65.1";

/// Opens pages in Chromium: in a light and a dark colour scheme, in a wide window and on a narrow screen. Returns
/// whether there is a browser.
///
/// # Panics
///
/// If a page prints an error or a warning to the console, requests anything but itself, or is wider than the narrow
/// screen.
pub fn open_in_browser(pages: &[&Path]) -> bool {
    let script = checkout().join("scripts/open-in-browser.mjs");
    let folder = target().join("browser");
    let opened = run(Command::new("node").arg(script).arg(DRIVER_VERSION).arg(folder).args(pages));
    or_say_why("A page in Chromium", opened).is_some()
}

/// Uses the page of a live network in Chromium as people do: with the keyboard, with wrong arguments, without its token,
/// on a narrow screen. `link` is the link that the network has printed, and the pair is deployed on the network. Writes
/// a picture of the page to `picture`, if there is one. Returns whether there is a browser.
///
/// # Panics
///
/// If the page does not do what it should, prints an error to the console, or requests anything elsewhere.
pub fn use_page(link: &str, picture: Option<&Path>) -> bool {
    let script = checkout().join("scripts/use-page.mjs");
    let folder = target().join("browser");
    let mut command = Command::new("node");
    command.arg(script).arg(DRIVER_VERSION).arg(folder).arg(link).args(picture);
    or_say_why("The page of the live network in Chromium", run(&mut command)).is_some()
}
