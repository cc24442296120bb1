//! The server: starting or finding it, and creating an instance on it.

use std::{
    io,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::Receiver,
    time::Duration,
};

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use embedded_replica::trace::Event;
use pocket_ic::{LATEST_SERVER_VERSION, PocketIcBuilder, nonblocking::PocketIc};
use url::Url;

use crate::{
    args::{Profile, ServerChoice},
    client,
    error::Error,
};

/// Longest time for a running server to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a server to start and to create an instance.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time for a server to start and to create an instance, if the client may have to download the
/// server first.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(600);

impl ServerChoice {
    /// Checks that a server binary exists, can be run, and has a version that the client supports. The client
    /// checks only some of this, and later.
    ///
    /// # Errors
    ///
    /// [`Error::ServerBinary`] if the binary cannot be used.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Binary(path) => check_binary(path)
                .map_err(|reason| Error::ServerBinary { path: path.clone(), reason }),
            Self::Embedded | Self::PocketIc | Self::Url(_) => Ok(()),
        }
    }
}

/// A server for instances. An embedded server runs until this value is dropped.
///
/// Start and drop it outside of asynchronous code.
pub struct Server {
    location: Location,
    start_timeout: Duration,
}

enum Location {
    Embedded { server: EmbeddedServer, url: Url },
    Remote(Url),
    Binary(PathBuf),
    FoundByClient,
}

impl Server {
    /// Starts the embedded server, or checks that the chosen server can be reached.
    ///
    /// # Errors
    ///
    /// - [`Error::EmbeddedServer`] if the embedded server does not start.
    /// - [`Error::ServerBinary`] if a binary cannot be used.
    /// - [`Error::Unreachable`] if nothing listens at a URL.
    pub fn start(choice: &ServerChoice, profile: Profile) -> Result<Self, Error> {
        choice.check()?;
        let location = match choice {
            ServerChoice::Embedded => start_embedded(profile)?,
            ServerChoice::PocketIc => Location::FoundByClient,
            ServerChoice::Binary(path) => Location::Binary(
                // The client runs this path, and would search for a bare file name in PATH.
                std::path::absolute(path).map_err(Error::file("find", path))?,
            ),
            ServerChoice::Url(url) => {
                reach(url)?;
                Location::Remote(url.clone())
            }
        };
        let start_timeout = match choice {
            ServerChoice::PocketIc => DOWNLOAD_TIMEOUT,
            _ => START_TIMEOUT,
        };
        Ok(Self { location, start_timeout })
    }

    /// Creates an instance with this many application subnets.
    ///
    /// # Errors
    ///
    /// - [`Error::Client`] if the client panics.
    /// - [`Error::NoAnswer`] if the server does not start in time.
    pub async fn create_instance(&self, app_subnets: usize) -> Result<PocketIc, Error> {
        let mut builder = match &self.location {
            Location::Embedded { url, .. } | Location::Remote(url) => {
                PocketIcBuilder::new().with_server_url(url.clone())
            }
            Location::Binary(path) => PocketIcBuilder::new().with_server_binary(path.clone()),
            Location::FoundByClient => PocketIcBuilder::new(),
        };
        for _ in 0..app_subnets {
            builder = builder.with_application_subnet();
        }
        let action = format!("creating an instance on {}", self.location);
        // A separate task, because the client blocks its thread while it waits for a server to start, and
        // never returns if the server dies. A timeout in the same task would never be polled.
        let building = tokio::spawn(async move { builder.build_async().await });
        match tokio::time::timeout(self.start_timeout, building).await {
            Ok(Ok(instance)) => Ok(instance),
            Ok(Err(error)) => Err(match error.try_into_panic() {
                Ok(panic) => client::client_error(&action, panic.as_ref()),
                Err(cancelled) => Error::Client { action, reason: cancelled.to_string() },
            }),
            Err(_) => Err(Error::NoAnswer { action, limit: self.start_timeout }),
        }
    }
}

impl Server {
    /// Starts to record the events of an instance. `None` if the server is not the embedded one.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if the instance cannot be used.
    pub fn listen(&self, instance: &PocketIc) -> Result<Option<Receiver<Event>>, Error> {
        match &self.location {
            Location::Embedded { server, .. } => {
                server.listen(instance.instance_id).map(Some).map_err(Error::Listen)
            }
            Location::Remote(_) | Location::Binary(_) | Location::FoundByClient => Ok(None),
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded { .. } => f.write_str("the embedded replica"),
            Self::Remote(url) => write!(f, "the PocketIC server at {url}"),
            Self::Binary(path) => write!(f, "the PocketIC server `{}`", path.display()),
            Self::FoundByClient => f.write_str("the PocketIC server that the client finds"),
        }
    }
}

fn start_embedded(profile: Profile) -> Result<Location, Error> {
    let server =
        EmbeddedServer::start(ServerConfig { profile: profile.network(), ..Default::default() })
            .map_err(Error::EmbeddedServer)?;
    let url = server.url();
    let url = Url::parse(&url)
        .map_err(|error| Error::EmbeddedServer(io::Error::other(format!("{url}: {error}"))))?;
    Ok(Location::Embedded { server, url })
}

/// Checks that something listens at the URL.
fn reach(url: &Url) -> Result<(), Error> {
    let unreachable = |reason: String| Error::Unreachable { url: url.to_string(), reason };
    let addresses = url.socket_addrs(|| None).map_err(|error| unreachable(error.to_string()))?;
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(unreachable(reason))
}

fn check_binary(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    if !is_executable(&metadata) {
        return Err("it is not executable: run `chmod +x`".into());
    }
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`--version` failed ({})", output.status));
    }
    check_version(String::from_utf8_lossy(&output.stdout).trim_end())
}

/// Checks that a server has the client's major version. The client refuses all others.
fn check_version(line: &str) -> Result<(), String> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    match line.strip_prefix("pocket-ic-server ") {
        None => Err(format!("`--version` printed `{}`, not a PocketIC server's", shorten(line))),
        Some(version) if major(version) == major(LATEST_SERVER_VERSION) => Ok(()),
        Some(version) => Err(format!(
            "it has version {}, but the client needs a version compatible with {LATEST_SERVER_VERSION}",
            shorten(version)
        )),
    }
}

/// The first line of a text, at most 80 characters of it.
fn shorten(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(80).collect()
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_the_clients_major_version_are_accepted() {
        assert_eq!(check_version(&format!("pocket-ic-server {LATEST_SERVER_VERSION}")), Ok(()));
        assert_eq!(check_version("pocket-ic-server 16.0.0"), Ok(()));
    }

    #[test]
    fn other_versions_and_other_programs_are_refused() {
        for line in ["pocket-ic-server 10.0.0", "pocket-ic-server 160.0.0", "pocket-ic-server "] {
            assert!(check_version(line).expect_err(line).contains(LATEST_SERVER_VERSION));
        }
        for line in ["cat (GNU coreutils) 9.1", "", "16.1.0"] {
            assert!(check_version(line).expect_err(line).contains("not a PocketIC server"));
        }
    }

    #[test]
    fn an_address_where_nobody_listens_is_an_error_with_a_way_out() {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let url = Url::parse(&format!("http://{address}/")).expect("a URL");
        // Bound, so that nobody else takes the port, but not listening.
        let error = reach(&url).expect_err("nobody listens");
        assert!(error.to_string().contains("--server embedded"), "{error}");
        assert_eq!(error.exit_code(), 1);
    }
}
