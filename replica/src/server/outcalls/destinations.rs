//! The hosts to which the server makes HTTP requests for canisters.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};

/// The hosts to which a server makes HTTP requests for canisters (HTTP outcalls), for instances that
/// auto-progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutcallDestinations {
    /// Hosts with a loopback address: this machine. Outcalls to other hosts are rejected.
    #[default]
    ThisMachine,
    /// All hosts.
    All,
}

impl OutcallDestinations {
    /// All hosts if `all` is set, otherwise this machine only.
    pub fn all_if(all: bool) -> Self {
        if all { Self::All } else { Self::ThisMachine }
    }

    /// Checks a URL whose host is an IP address. A host name is checked when it is resolved: see
    /// [`LocalHosts`].
    pub(super) fn check(self, url: &Url) -> Result<(), NotThisMachine> {
        let host = url.host_str().unwrap_or_default();
        let address: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
        match (self, address) {
            (Self::ThisMachine, Ok(address)) if !is_loopback(address) => {
                Err(NotThisMachine(host.into()))
            }
            _ => Ok(()),
        }
    }
}

/// The error for a host that is not this machine.
#[derive(Debug, thiserror::Error)]
#[error(
    "HTTP outcalls of this network reach this machine only, and {0} does not lead to it: start the \
     network with --allow-outcalls, or with EMBEDDED_REPLICA_ALLOW_OUTCALLS=1 in its environment, to reach \
     other machines"
)]
pub(super) struct NotThisMachine(String);

/// Resolves host names, to loopback addresses only.
pub(super) struct LocalHosts;

impl Resolve for LocalHosts {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            // The port is that of the URL, whatever this one is.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let local: Vec<SocketAddr> =
                found.filter(|address| is_loopback(address.ip())).collect();
            match local.is_empty() {
                true => Err(NotThisMachine(host).into()),
                false => Ok(Box::new(local.into_iter()) as Addrs),
            }
        })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    // An IPv6 address may contain an IPv4 address.
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_this_machine() {
        let allowed = |url: &str| {
            let url = Url::parse(url).expect("it is a URL");
            assert!(OutcallDestinations::All.check(&url).is_ok());
            OutcallDestinations::ThisMachine.check(&url).is_ok()
        };
        for local in ["http://127.0.0.1/", "https://127.9.9.9:1/", "http://[::1]:8080/a"] {
            assert!(allowed(local), "{local}");
        }
        assert!(allowed("http://[::ffff:127.0.0.1]/") && allowed("http://127.1/"));
        for other in ["http://10.0.0.1/", "http://0.0.0.0/", "http://[::]/", "http://[fe80::1]/"] {
            assert!(!allowed(other), "{other}");
        }
        assert!(!allowed("http://169.254.169.254/") && !allowed("http://[::ffff:8.8.8.8]/"));
    }

    #[tokio::test]
    async fn a_host_name_is_resolved_to_loopback_addresses_only() {
        let addresses: Vec<SocketAddr> = LocalHosts
            .resolve("localhost".parse().expect("it is a name"))
            .await
            .expect("it is this machine")
            .collect();
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(|address| is_loopback(address.ip())), "{addresses:?}");
    }
}
