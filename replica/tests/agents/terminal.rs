//! What `embedded-replica serve` writes to standard error: the status line of a terminal, and the lines of canisters.

use crate::calls::update;
use crate::dfx::{create, install};
use crate::identities::ed25519;
use crate::network::run;
use crate::program::{BINARY, Program};
use candid::Principal;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use ic_agent::Agent;
use ic_utils::interfaces::management_canister::builders::CanisterInstallMode;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use test_support::or_say_why;
use test_support::patience::{in_one_of_ten, wait_until};

/// Prints a line that would clear the screen of a terminal and change its title, or traps.
const PRINTER: &str = r#"(module
    (import "ic0" "debug_print" (func $print (param i32 i32)))
    (import "ic0" "trap" (func $trap (param i32 i32)))
    (import "ic0" "msg_reply" (func $reply))
    (memory 1)
    (data (i32.const 0) "\1b[2J\1b]0;mine\07over")
    (data (i32.const 64) "told to fail")
    (func (export "canister_update print")
        (call $print (i32.const 0) (i32.const 17))
        (call $reply))
    (func (export "canister_update fail")
        (call $trap (i32.const 64) (i32.const 12))))"#;

/// The line of the printer, as people see it.
const SHOWN: &str = r"\u{1b}[2J\u{1b}]0;mine\u{7}over";

/// The line of the printer, as a terminal would obey it.
const OBEYED: &str = "\u{1b}]0;mine";

/// Clears a line of a terminal.
const CLEAR: &str = "\u{1b}[2K";

async fn agent(url: &str) -> Agent {
    let agent = Agent::builder().with_url(url).with_arc_identity(ed25519(1).identity).build();
    let agent = agent.unwrap();
    agent.fetch_root_key().await.unwrap();
    agent
}

/// Installs the printer and has it print.
async fn print(agent: &Agent) -> Principal {
    // The id is the same on each network that begins with an application subnet.
    let network = LiveNetwork::start(LiveConfig::default()).unwrap();
    let canister = create(agent, network.default_effective_canister().principal()).await;
    let printer = wat::parse_str(PRINTER).unwrap();
    install(agent, canister, &printer, CanisterInstallMode::Install).await;
    update(agent, canister, "print").await.unwrap();
    canister
}

#[test]
fn the_lines_of_canisters_are_logged_on_request_with_time_and_canister_and_without_commands() {
    let program = Program::start(&["--log", "canisters"]);
    let canister = run(async {
        let agent = agent(&program.url).await;
        let canister = print(&agent).await;
        update(&agent, canister, "fail").await.unwrap_err();
        canister
    });
    let said = program.interrupt();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, text) in lines.iter().zip([SHOWN, "[TRAP]: told to fail"]) {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        assert!(rest.starts_with(&format!("{canister}: {text}")), "{line}");
    }
}

#[test]
fn nothing_is_written_to_standard_error_that_nobody_asked_for() {
    let program = Program::start(&[]);
    run(async { print(&agent(&program.url).await).await });
    assert_eq!(program.interrupt(), "");
}

/// The program in a terminal, killed if a test leaves it running.
struct Terminal {
    process: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts the program. Nothing where there is no program that makes a terminal.
    fn start(arguments: &str) -> Option<Self> {
        let command = format!("exec '{BINARY}' serve --port 0 {arguments}");
        let mut script = Command::new("script");
        script.args(["-qefc", &command, "/dev/null"]).env("TERM", "xterm");
        let started =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let started = started.map_err(|error| format!("there is no `script`: {error}"));
        let mut process = or_say_why("the status line", started)?;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut output, kept) = (process.stdout.take().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut part = [0; 4_096];
            while let Ok(1..) = output.read(&mut part).inspect(|length| {
                kept.lock().unwrap().extend(&part[..*length]);
            }) {}
        });
        Some(Self { process, shown })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn wait_for(&self, what: &str) {
        wait_until(&format!("`{what}` is shown"), || self.text().contains(what));
    }

    fn url(&self) -> String {
        self.wait_for("Try next");
        let text = self.text();
        let url = text.lines().find_map(|line| line.strip_prefix("URL"));
        url.unwrap().trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_terminal_shows_a_status_line_below_the_log_that_stands_still_at_rest_and_is_gone_at_the_end() {
    let Some(mut terminal) = Terminal::start("--log canisters") else { return };
    run(async { print(&agent(&terminal.url()).await).await });
    terminal.wait_for(SHOWN);
    wait_until("the status line shows what was executed", || {
        let text = terminal.text();
        let last = text.rsplit(CLEAR).next().unwrap();
        last.contains("3 messages") && last.contains("1 canister")
    });
    let text = terminal.text();
    assert!(!text.contains(OBEYED), "{text:?}");
    let (before, after) = text.split_once(SHOWN).unwrap();
    assert!(after.starts_with("\r\n"), "{text:?}");
    // In the line of the terminal there is nothing but the time and the canister before it.
    let line = before.rsplit(['\n', '\r']).next().unwrap();
    let line = line.rsplit(CLEAR).next().unwrap();
    assert!(line.starts_with("20") && !line.contains("rounds"), "{text:?}");
    in_one_of_ten(|| {
        let before = terminal.text().len();
        std::thread::sleep(Duration::from_secs(2));
        let more = terminal.text().len() - before;
        if more == 0 { Ok(()) } else { Err(format!("{more} bytes at rest")) }
    });
    // Ctrl-C.
    terminal.process.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    wait_until("the program ends", || terminal.process.try_wait().unwrap().is_some());
    assert!(terminal.process.wait().unwrap().success());
    wait_until("the status line is gone", || {
        let text = terminal.text();
        let last = text.rsplit(CLEAR).next().unwrap();
        !last.contains("round")
    });
}
