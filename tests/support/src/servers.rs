//! The servers on which a test runs.

use std::env;
use std::ffi::OsString;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::common::rest::ExtendedSubnetConfigSet;
use pocket_ic::{PocketIc, PocketIcBuilder};

/// The embedded server of all tests in this process that need none of their own.
static EMBEDDED: LazyLock<EmbeddedServer> = LazyLock::new(embedded_server);

/// Starts an embedded server of the test's own.
pub fn embedded_server() -> EmbeddedServer {
    EmbeddedServer::start(ServerConfig::default())
        .expect("some port of the loopback interface is free")
}

/// The binary of a PocketIC server on which the tests run as well: `POCKET_IC_BIN`. An empty variable counts as not
/// set; then a line on standard error says that the tests run on the embedded replica only.
pub fn pocket_ic_binary() -> Option<&'static Path> {
    static BINARY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let binary = binary_named_by(env::var_os("POCKET_IC_BIN"));
        if binary.is_none() {
            let note = "POCKET_IC_BIN is not set: these tests run on the embedded replica only";
            // The test harness would capture the output of `println!`. It is no failure if nobody reads the line.
            let _ = writeln!(stderr(), "{note}");
        }
        binary
    });
    BINARY.as_deref()
}

fn binary_named_by(variable: Option<OsString>) -> Option<PathBuf> {
    variable.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A server that speaks PocketIC's protocol.
#[derive(Clone, Copy, Debug)]
pub enum Server {
    /// The embedded replica of this workspace, in this process.
    Embedded,
    /// A PocketIC server, started from this binary.
    PocketIc(&'static Path),
}

/// Runs a test on the embedded replica, and then on the PocketIC server that `POCKET_IC_BIN` names, if there is one.
pub fn on_every_server(test: impl Fn(Server)) {
    println!("on the embedded replica:");
    test(Server::Embedded);
    if let Some(binary) = pocket_ic_binary() {
        println!("on {}:", binary.display());
        test(Server::PocketIc(binary));
    }
}

/// Builds networks on an embedded server.
pub fn network_on(server: &EmbeddedServer) -> PocketIcBuilder {
    build_on(PocketIcBuilder::new(), server)
}

fn build_on(builder: PocketIcBuilder, server: &EmbeddedServer) -> PocketIcBuilder {
    builder.with_server_url(server.url().parse().expect("the server has a URL"))
}

impl Server {
    /// A network without subnets; the test adds them.
    pub fn network(self) -> PocketIcBuilder {
        self.build(PocketIcBuilder::new())
    }

    /// A network with these subnets.
    pub fn network_of(self, subnets: ExtendedSubnetConfigSet) -> PocketIcBuilder {
        self.build(PocketIcBuilder::new_with_config(subnets))
    }

    fn build(self, builder: PocketIcBuilder) -> PocketIcBuilder {
        match self {
            Self::Embedded => build_on(builder, &EMBEDDED),
            Self::PocketIc(binary) => builder.with_server_binary(binary.to_owned()),
        }
    }

    /// A new instance with this number of application subnets.
    pub fn instance(self, subnets: usize) -> PocketIc {
        with_application_subnets(self.network(), subnets).build()
    }

    /// A new instance with this number of application subnets and a root subnet, whose key agents trust.
    pub fn instance_for_agents(self, subnets: usize) -> PocketIc {
        with_application_subnets(self.network().with_nns_subnet(), subnets).build()
    }

    /// A new instance with one subnet of 34 nodes.
    pub fn instance_with_34_nodes(self) -> PocketIc {
        self.network().with_fiduciary_subnet().build()
    }
}

fn with_application_subnets(network: PocketIcBuilder, subnets: usize) -> PocketIcBuilder {
    (0..subnets).fold(network, |network, _| network.with_application_subnet())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_names_no_server() {
        assert_eq!(binary_named_by(None), None);
        assert_eq!(binary_named_by(Some("".into())), None);
        assert_eq!(binary_named_by(Some("./pocket-ic".into())), Some("./pocket-ic".into()));
    }
}
