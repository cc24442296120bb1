//! Clients in other languages. They are installed below the target folder and run from there.

use crate::{BINARY, here};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a script may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// An installed client.
pub struct Client {
    folder: PathBuf,
    interpreter: PathBuf,
}

/// What a client is to do.
pub struct ClientScript<'a> {
    /// The script, in the folder of these tests.
    pub name: &'a str,
    pub arguments: &'a [&'a Path],
    /// The number of checks that pass. The script prints the number, so that a script that checks nothing fails.
    pub passed: usize,
}

impl Client {
    /// The Python client of this version, in a virtual environment of its own.
    pub fn python(package: &str) -> Option<Self> {
        let client = |folder: PathBuf| {
            let interpreter = folder.join("bin/python");
            Self { folder, interpreter }
        };
        Self::installed(package, client, |client| {
            run(Command::new("python3").args(["-m", "venv"]).arg(&client.folder))?;
            let pip = ["-m", "pip", "install", "--quiet", "--retries=0", "--no-cache-dir", package];
            run(Command::new(&client.interpreter).args(pip)).map(drop)
        })
    }

    /// The JavaScript client of this version. Its install script would download a server.
    pub fn javascript(package: &str) -> Option<Self> {
        let client = |folder| Self { folder, interpreter: "node".into() };
        Self::installed(package, client, |client| client.install_from_npm(package))
    }

    /// The command line tool in this version of a package that has its program for one system.
    pub fn icp(package: &str) -> Option<Self> {
        let name = package.rsplit_once('@').map_or(package, |(name, _)| name);
        let program = |folder: &Path| folder.join("node_modules").join(name).join("bin/icp");
        let client = |folder: PathBuf| Self { interpreter: program(&folder), folder };
        Self::installed(package, client, |client| {
            client.install_from_npm(package)?;
            // It needs libraries of the system's.
            run(Command::new(&client.interpreter).arg("--version")).map(drop)
        })
    }

    fn install_from_npm(&self, package: &str) -> Result<(), String> {
        fs::write(self.folder.join("package.json"), "{}").map_err(|error| error.to_string())?;
        let npm = ["install", "--loglevel=error", "--fetch-retries=0", "--ignore-scripts"];
        let cache = self.folder.join("npm-cache");
        run(Command::new("npm")
            .args(npm)
            .args(["--no-audit", "--no-fund", "--omit=dev", package])
            .env("npm_config_cache", cache)
            .current_dir(&self.folder))
        .map(drop)
    }

    /// A client in a folder of its own, installed unless that was done before. Where it cannot be,
    /// says so, and returns nothing, or fails (`test_support::or_say_why`).
    fn installed(
        package: &str,
        client: impl Fn(PathBuf) -> Self,
        install: impl Fn(&Self) -> Result<(), String>,
    ) -> Option<Self> {
        let name: String = package.chars().filter(char::is_ascii_alphanumeric).collect();
        let clients = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
        let client = client(clients.join(&name));
        fs::create_dir_all(&clients).unwrap();
        // Other processes may want the same; the operating system ends this with the process.
        let lock = File::create(clients.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let stamp = client.folder.join("installed");
        if !stamp.exists() {
            let _ = fs::remove_dir_all(&client.folder);
            fs::create_dir_all(&client.folder).unwrap();
            let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
            test_support::or_say_why(package, install(&client).map_err(first_line))?;
            File::create(stamp).unwrap();
        }
        fs::write(client.wasm(), test_support::counter()).unwrap();
        Some(client)
    }

    /// What runs it, or the program that it is.
    pub fn program(&self) -> &Path {
        &self.interpreter
    }

    /// Where the client is installed.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The canister of these tests.
    pub fn wasm(&self) -> PathBuf {
        self.folder.join("counter.wasm")
    }

    /// Runs a script to its end. The script must succeed and print that its checks passed.
    pub fn run(&self, script: ClientScript) {
        let temporary = self.folder.join("tmp");
        fs::create_dir_all(&temporary).unwrap();
        let printed = run(Command::new(&self.interpreter)
            .arg(here().join(script.name))
            .args(script.arguments)
            .current_dir(&temporary)
            .env("POCKET_IC_BIN", BINARY)
            // What the server would print has nobody to read it once the script has ended.
            .env("POCKET_IC_MUTE_SERVER", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TMPDIR", &temporary));
        let printed = printed.unwrap_or_else(|error| panic!("{}: {error}", script.name));
        let expected = format!("passed: {}", script.passed);
        assert!(
            printed.lines().any(|line| line == expected),
            "{} does not print `{expected}`:\n{printed}",
            script.name
        );
    }
}

/// Runs a command, and returns what it prints.
///
/// # Errors
///
/// Where the command cannot be started, fails, or does not end: with what it prints until then.
fn run(command: &mut Command) -> Result<String, String> {
    let output = tempfile::tempfile().map_err(|error| error.to_string())?;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    let printed = output.try_clone().map_err(|error| error.to_string())?;
    let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
    let mut child =
        child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    match wait(&mut child) {
        Some(true) => Ok(text(printed)),
        Some(false) => Err(text(printed)),
        None => Err(format!("it does not end; so far it printed:\n{}", text(printed))),
    }
}

/// Whether a process ended well; nothing if it did not end, after which it has.
pub fn wait(child: &mut Child) -> Option<bool> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All that a file holds.
pub fn text(mut file: File) -> String {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).unwrap();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}
