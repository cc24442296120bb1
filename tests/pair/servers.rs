//! The servers each test runs on.

use std::env;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::sync::LazyLock;

use embedded_replica::server::{EmbeddedServer, ServerConfig};
use pocket_ic::{PocketIc, PocketIcBuilder};

static EMBEDDED: LazyLock<EmbeddedServer> = LazyLock::new(|| {
    EmbeddedServer::start(ServerConfig::default())
        .expect("some port of the loopback interface is free")
});

/// The PocketIC server's binary, if there is one.
static POCKET_IC: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let path = env::var_os("POCKET_IC_BIN").filter(|path| !path.is_empty());
    if path.is_none() {
        // Not `println!`, which the harness keeps to itself. Nobody may be reading, which is no failure.
        let _ =
            writeln!(stderr(), "POCKET_IC_BIN is not set: tests run on the embedded replica only");
    }
    path.map(PathBuf::from)
});

/// Whatever answers the client.
#[derive(Clone, Copy)]
pub struct Server(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Embedded,
    PocketIc,
}

impl Server {
    /// A fresh instance with so many application subnets.
    pub fn instance(self, subnets: usize) -> PocketIc {
        (0..subnets).fold(self.builder(), |builder, _| builder.with_application_subnet()).build()
    }

    /// The same, and a root subnet, whose key agents trust.
    pub fn instance_for_agents(self, subnets: usize) -> PocketIc {
        let builder = self.builder().with_nns_subnet();
        (0..subnets).fold(builder, |builder, _| builder.with_application_subnet()).build()
    }

    /// A fresh instance with one subnet of 34 nodes.
    pub fn instance_with_34_nodes(self) -> PocketIc {
        self.builder().with_fiduciary_subnet().build()
    }

    fn builder(self) -> PocketIcBuilder {
        match self.0 {
            Kind::Embedded => {
                let url = EMBEDDED.url().parse().expect("it is a URL");
                PocketIcBuilder::new().with_server_url(url)
            }
            // The client reads the variable, too.
            Kind::PocketIc => PocketIcBuilder::new(),
        }
    }
}

/// Runs a test on the embedded replica, and on a PocketIC server where `POCKET_IC_BIN` names one.
pub fn on_every_server(test: impl Fn(Server)) {
    println!("on the embedded replica:");
    test(Server(Kind::Embedded));
    if let Some(path) = &*POCKET_IC {
        println!("on {}:", path.display());
        test(Server(Kind::PocketIc));
    }
}
