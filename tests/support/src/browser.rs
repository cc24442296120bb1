//! A real browser without a window, which opens pages.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::packages::{or_say_why, result, run};
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

/// What people do with the page of a live network: the name of a scenario in `scripts/use-page.mjs`, with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct PageScenario<'a> {
    /// The name.
    pub name: &'a str,
    /// The link that the network has printed. The pair is deployed on the network.
    pub link: &'a str,
    /// The parameters.
    pub parameters: &'a [&'a str],
}

impl PageScenario<'_> {
    /// Uses the page in Chromium. `act` does what the scenario asks for, and returns what to tell the scenario. Returns
    /// whether there is a browser.
    ///
    /// # Panics
    ///
    /// If the page does not do what it should, prints an error to the console, or requests anything elsewhere.
    pub fn run(self, act: impl FnMut(&str) -> String) -> bool {
        or_say_why("The page of the live network in Chromium", self.result(act)).is_some()
    }

    fn result(self, mut act: impl FnMut(&str) -> String) -> Result<(), String> {
        let script = checkout().join("scripts/use-page.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(self.name).arg(DRIVER_VERSION).arg(target().join("browser"));
        command.arg(self.link).args(self.parameters);
        let [input, output, errors] = [(); 3].map(|()| Stdio::piped());
        let node = command.stdin(input).stdout(output).stderr(errors).spawn();
        let mut node = node.map_err(|error| format!("node does not run: {error}"))?;
        let mut input = node.stdin.take().expect("it is a pipe");
        let mut errors = node.stderr.take().expect("it is a pipe");
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text)
        });
        let output = node.stdout.take().expect("it is a pipe");
        for line in BufReader::new(output).lines() {
            let line = line.expect("the output is text");
            println!("{line}");
            if let Some(what) = line.strip_prefix("do: ") {
                // A script that has failed meanwhile does not read it. Its status tells.
                let _ = writeln!(input, "{}", act(what));
            }
        }
        let status = node.wait().expect("it ends");
        let errors = errors.join().expect("it reads").expect("the errors are text");
        result(self.name, status, &errors)
    }
}
