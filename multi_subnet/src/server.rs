//! Who answers: starts or finds the server and makes an instance on it.

use std::{
    io,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::{LATEST_SERVER_VERSION, PocketIcBuilder, nonblocking::PocketIc};
use url::Url;

use crate::{
    args::{Profile, ServerChoice},
    client,
    error::Error,
};

/// How long a running server may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may take to start and make an instance.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The same, when it may have to be downloaded first.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

impl ServerChoice {
    /// Refuses a binary that cannot be a PocketIC server this client can talk to. The client would find out
    /// as well, though not all of it, and later.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Binary(path) => check_binary(path)
                .map_err(|reason| Error::ServerBinary { path: path.clone(), reason }),
            Self::Embedded | Self::PocketIc | Self::Url(_) => Ok(()),
        }
    }
}

/// A server that instances can be made on, running while this value lives (if it is ours).
///
/// To be started and dropped outside of asynchronous code, as the embedded server has a runtime of its own.
pub struct Server {
    location: Location,
    start_limit: Duration,
}

enum Location {
    Embedded { _server: EmbeddedServer, url: Url },
    Remote(Url),
    Binary(PathBuf),
    UpToTheClient,
}

impl Server {
    /// Starts the embedded server, or makes sure that the chosen one can be talked to.
    pub fn start(choice: &ServerChoice, profile: Profile) -> Result<Self, Error> {
        choice.check()?;
        let location = match choice {
            ServerChoice::Embedded => start_embedded(profile)?,
            ServerChoice::PocketIc => Location::UpToTheClient,
            ServerChoice::Binary(path) => Location::Binary(
                // The client runs it by this name, and would search a bare name elsewhere.
                std::path::absolute(path).map_err(Error::file("find", path))?,
            ),
            ServerChoice::Url(url) => {
                reach(url)?;
                Location::Remote(url.clone())
            }
        };
        let start_limit = match choice {
            ServerChoice::PocketIc => DOWNLOAD_LIMIT,
            _ => START_LIMIT,
        };
        Ok(Self { location, start_limit })
    }

    /// Makes an instance with so many application subnets.
    pub async fn create_instance(&self, app_subnets: usize) -> Result<PocketIc, Error> {
        let mut builder = match &self.location {
            Location::Embedded { url, .. } | Location::Remote(url) => {
                PocketIcBuilder::new().with_server_url(url.clone())
            }
            Location::Binary(path) => PocketIcBuilder::new().with_server_binary(path.clone()),
            Location::UpToTheClient => PocketIcBuilder::new(),
        };
        for _ in 0..app_subnets {
            builder = builder.with_application_subnet();
        }
        let action = format!("creating an instance on {}", self.location);
        // A task of its own: while the client waits for a server to start it blocks its thread, for ever if
        // the server dies, and no limit could be kept from within.
        let building = tokio::spawn(async move { builder.build_async().await });
        match tokio::time::timeout(self.start_limit, building).await {
            Ok(Ok(instance)) => Ok(instance),
            Ok(Err(error)) => Err(match error.try_into_panic() {
                Ok(panic) => client::gave_up(&action, panic.as_ref()),
                Err(cancelled) => Error::Client { action, reason: cancelled.to_string() },
            }),
            Err(_) => Err(Error::NoAnswer { action, limit: self.start_limit }),
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded { .. } => f.write_str("the embedded replica"),
            Self::Remote(url) => write!(f, "the PocketIC server at {url}"),
            Self::Binary(path) => write!(f, "the PocketIC server `{}`", path.display()),
            Self::UpToTheClient => f.write_str("the PocketIC server that the client finds"),
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
    Ok(Location::Embedded { _server: server, url })
}

/// Makes sure that something listens there.
fn reach(url: &Url) -> Result<(), Error> {
    let unreachable = |reason: String| Error::Unreachable { url: url.to_string(), reason };
    let addresses = url.socket_addrs(|| None).map_err(|error| unreachable(error.to_string()))?;
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
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
        return Err("it is not executable (`chmod +x` it)".into());
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

/// The client talks to servers of its own major version only.
fn check_version(line: &str) -> Result<(), String> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    match line.strip_prefix("pocket-ic-server ") {
        None => Err(format!("`--version` printed `{}`, not a PocketIC server's", shorten(line))),
        Some(version) if major(version) == major(LATEST_SERVER_VERSION) => Ok(()),
        Some(version) => Err(format!(
            "it is version {}, the client needs one compatible with {LATEST_SERVER_VERSION}",
            shorten(version)
        )),
    }
}

/// The beginning of a text that may be anything.
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
