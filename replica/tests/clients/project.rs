//! The workspace's project, as the command line tool sees it, in a folder of its own.

use crate::BINARY;
use crate::packages::{Client, text, wait};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The command line tool, for the one system that it is tested on.
const ICP: &str = "@icp-sdk/icp-cli-linux-x64@1.5.0";

/// The address of the network `live` in `icp.yaml`.
const LIVE: &str = "http://127.0.0.1:4943";

/// The workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Cargo's target folder.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// A copy of `icp.yaml` with what it refers to, and perhaps the network `live`. Both networks have any
/// port that is free.
pub struct Project {
    folder: TempDir,
    client: Client,
    live: Option<Network>,
    /// The port on which the network `live` was served the last time.
    port: String,
    /// What commands begin with.
    preamble: String,
}

/// The result of a command.
pub struct Outcome {
    pub succeeded: bool,
    pub output: String,
    pub errors: String,
    pub took: Duration,
}

impl Project {
    /// A project whose tool has settings and identities of its own; nothing where the tool cannot be
    /// had.
    pub fn new() -> Option<Self> {
        let client = Client::icp(ICP)?;
        let folder = tempfile::tempdir().unwrap();
        let build = workspace().join("scripts/build-canisters");
        fs::create_dir(folder.path().join("scripts")).unwrap();
        let script = folder.path().join("scripts/build-canisters");
        fs::write(&script, format!("#!/bin/sh\nexec '{}' \"$@\"\n", build.display())).unwrap();
        make_executable(&script);
        let project =
            Self { folder, client, live: None, port: "0".into(), preamble: String::new() };
        project.configure(LIVE);
        Some(project)
    }

    /// Writes `icp.yaml`, with the network `live` at this address.
    fn configure(&self, live: &str) {
        let committed = fs::read_to_string(workspace().join("icp.yaml")).unwrap();
        assert!(committed.contains(LIVE) && committed.contains("port: 8000"), "{committed}");
        let here = committed.replace(LIVE, live).replace("port: 8000", "port: 0");
        fs::write(self.folder.path().join("icp.yaml"), here).unwrap();
    }

    /// Starts the network `live`, as `make serve` does with these arguments.
    pub fn serve(&mut self, arguments: &[&str]) {
        self.port = "0".into();
        self.serve_again(arguments);
    }

    /// Starts the network `live` on the port on which it was.
    pub fn serve_again(&mut self, arguments: &[&str]) {
        // The one before has to be gone: there is one at a time.
        self.interrupt();
        let arguments = [arguments, &["--port", &self.port]].concat();
        let network = Network::start(&arguments, self.folder.path());
        self.configure(&network.url);
        self.port = network.url.rsplit(':').next().expect("it has a port").to_owned();
        self.live = Some(network);
    }

    /// Ends the network `live`, as Ctrl-C does, if there is one.
    pub fn interrupt(&mut self) {
        self.live.take().into_iter().for_each(Network::interrupt);
    }

    /// The process of the network `live`.
    pub fn process_id(&self) -> u32 {
        self.live.as_ref().expect("it is served").process.id()
    }

    /// Adds a canister to `icp.yaml`. The canister's module is in this file.
    pub fn add_canister(&self, name: &str, module: &Path) {
        let file = self.folder.path().join("icp.yaml");
        let canisters = format!(
            "canisters:\n  - name: {name}\n    build:\n      steps:\n        - type: script\n          commands:\n            \
             - cp '{}' \"$ICP_WASM_OUTPUT_PATH\"\n",
            module.display()
        );
        let before = fs::read_to_string(&file).unwrap();
        fs::write(file, before.replacen("canisters:\n", &canisters, 1)).unwrap();
    }

    /// Where the network `live` is.
    pub fn url(&self) -> &str {
        &self.live.as_ref().expect("it is served").url
    }

    /// The link to the page of the network `live`.
    pub fn page(&self) -> &str {
        &self.live.as_ref().expect("it is served").page
    }

    /// The subnets of the network `live`, each with its id and its kind.
    pub fn subnets(&self) -> &[String] {
        &self.live.as_ref().expect("it is served").subnets
    }

    /// Has all commands from now on begin with an assignment.
    pub fn assign(&mut self, assignment: &str) {
        self.preamble.push_str(assignment);
        self.preamble.push('\n');
    }

    /// Runs a command with a shell, in the project's folder.
    pub fn run(&self, command: &str) -> Outcome {
        let path = std::env::var("PATH").unwrap_or_default();
        let tool = self.client.program().parent().unwrap().display();
        let [mut output, mut errors] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let started = Instant::now();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{}{command}", self.preamble)])
            .current_dir(self.folder.path())
            .env("PATH", format!("{tool}:{path}"))
            .env("ICP_HOME", self.folder.path().join("home"))
            .env("ICP_TELEMETRY_DISABLED", "1")
            .env("CARGO_TARGET_DIR", target())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(errors.try_clone().unwrap())
            .spawn()
            .unwrap();
        let succeeded = wait(&mut child);
        let took = started.elapsed();
        let [output, errors] =
            [&mut output, &mut errors].map(|file| text(file.try_clone().unwrap()));
        let succeeded = succeeded.unwrap_or_else(|| panic!("{command} does not end:\n{errors}"));
        Outcome { succeeded, output, errors, took }
    }

    /// Runs a command that succeeds, and returns what it prints.
    pub fn ok(&self, command: &str) -> String {
        let Outcome { succeeded, output, errors, .. } = self.run(command);
        assert!(succeeded, "{command}:\n{output}\n{errors}");
        output
    }

    /// Runs a command that fails, and returns what it prints about that.
    pub fn fails(&self, command: &str) -> String {
        let Outcome { succeeded, output, errors, .. } = self.run(command);
        assert!(!succeeded, "{command} succeeds:\n{output}");
        errors
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A network that the tool started outlives it.
        self.run("icp network stop");
    }
}

fn make_executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A network that the binary serves.
struct Network {
    process: std::process::Child,
    url: String,
    page: String,
    subnets: Vec<String>,
}

impl Network {
    /// Ends the network, as Ctrl-C does.
    fn interrupt(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_eq!(wait(&mut self.process), Some(true), "the network ends");
    }

    fn start(arguments: &[&str], folder: &Path) -> Self {
        use std::io::{BufRead, BufReader};
        let mut process = Command::new(BINARY)
            .arg("serve")
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut lines = output.lines().map(|line| line.expect("the output is text"));
        let url = lines.find_map(|line| Some(line.strip_prefix("URL")?.trim().to_owned()));
        // It has printed all it ever does once it has printed this.
        let printed: Vec<String> =
            lines.by_ref().take_while(|line| !line.contains("parallel_calls")).collect();
        let page = printed.iter().find_map(|line| line.strip_prefix("page"));
        let page = page.expect("the network prints a link").trim().to_owned();
        let subnets = printed.iter().skip_while(|line| !line.starts_with("subnets"));
        let subnets = subnets
            .take_while(|line| !line.starts_with("root key"))
            .map(|line| line.trim_start_matches("subnets").trim().to_owned())
            .collect();
        let url = url.expect("the network prints its URL").trim_end_matches('/').to_owned();
        Self { process, url, page, subnets }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
