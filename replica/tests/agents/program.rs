//! The program `embedded-replica serve`.

use crate::identities::Named;
use ic_agent::Agent;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use test_support::patience::wait_until;

pub const BINARY: &str = env!("CARGO_BIN_EXE_embedded-replica");

/// The program, killed if a test leaves it running.
pub struct Program {
    pub process: Child,
    pub url: String,
    errors: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts a network with two application subnets that is saved in `folder`.
    pub fn saved(folder: &Path) -> Self {
        Self::saved_with(folder, &[])
    }

    /// Starts a network that is saved in `folder`, with further arguments.
    pub fn saved_with(folder: &Path, arguments: &[&str]) -> Self {
        let state = folder.to_str().unwrap();
        Self::start(&[&["--state", state], arguments].concat())
    }

    /// Starts a network on any port that is free.
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = Self::spawn(arguments);
        let output = process.stdout.take().unwrap();
        let mut errors = process.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let url = lines.find_map(|line| Some(line.strip_prefix("URL")?.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let mut program = Self { process, url: String::new(), errors: Some(errors) };
        match url {
            Some(url) => program.url = url,
            None => panic!("the program does not start: {}", program.ended().1),
        }
        program
    }

    /// Starts a network, which may fail.
    fn spawn(arguments: &[&str]) -> Child {
        Command::new(BINARY)
            .args(["serve", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a program says that cannot start.
    pub fn refusal(arguments: &[&str]) -> String {
        let output = Self::spawn(arguments).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(output.stdout, b"", "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// An agent for this user.
    pub async fn agent(&self, user: Named) -> Agent {
        let agent = Agent::builder().with_url(&self.url).with_arc_identity(user.identity);
        let agent = agent.build().unwrap();
        agent.fetch_root_key().await.unwrap();
        agent
    }

    /// Sends a signal, such as `-INT` for Ctrl-C.
    #[cfg(unix)]
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends the program with Ctrl-C. Returns what it has said on standard error.
    #[cfg(unix)]
    pub fn interrupt(mut self) -> String {
        self.signal("-INT");
        let (ended_well, errors) = self.ended();
        assert!(ended_well, "{errors}");
        errors
    }

    /// Kills the program. Returns what it has said on standard error.
    pub fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.ended().1
    }

    /// Waits until the program has ended. Returns whether it has ended well, and what it has said on standard
    /// error.
    fn ended(&mut self) -> (bool, String) {
        wait_until("the program ends", || self.process.try_wait().unwrap().is_some());
        let errors = self.errors.take().unwrap().join().unwrap();
        (self.process.wait().unwrap().success(), errors)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
