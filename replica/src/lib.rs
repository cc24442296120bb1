//! Placeholder: the interface the benchmark is written against.
#![allow(missing_docs)]

pub mod network {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NetworkProfile {
        pub name: &'static str,
        pub round_length_ms: u64,
        pub rounds_per_hop: u64,
    }
    impl NetworkProfile {
        pub const POCKET_IC: Self = Self { name: "pocket-ic", round_length_ms: 0, rounds_per_hop: 0 };
        pub const MAINNET: Self = Self { name: "mainnet", round_length_ms: 500, rounds_per_hop: 2 };
    }
}

pub mod server {
    use crate::network::NetworkProfile;
    #[derive(Clone, Debug)]
    pub struct ServerConfig {
        pub port: u16,
        pub profile: NetworkProfile,
    }
    #[derive(Debug)]
    pub struct EmbeddedServer;
    impl EmbeddedServer {
        /// Starts a server on a loopback port, on a runtime of its own; stops when dropped.
        pub fn start(_config: ServerConfig) -> std::io::Result<Self> {
            unimplemented!()
        }
        /// `http://127.0.0.1:PORT/`
        pub fn url(&self) -> String {
            unimplemented!()
        }
    }
}
