//! Time of compiling a large module for the first time.
//!
//! The baselines are wasmtime alone, with the configuration of the replica and with its default
//! configuration, for the module without instrumentation. The difference is the time to validate and
//! instrument the module, and to compile the added instructions.
//!
//! `cargo bench --profile dev -p embedded-replica --bench install`. Set `MODULE=FILE` for another module.

mod fixture;

use embedded_replica::wasm::compile;
use fixture::{medians, micros, ratio};
use std::path::PathBuf;
use wasmparser::{Parser, Payload};
use wasmtime::Module;

/// Number of measurements of each action.
const TURNS: usize = 7;

/// A module with a number in its data. Each number gives a different module, which no cache has.
struct Numbered {
    bytes: Vec<u8>,
    place: usize,
    number: u64,
}

impl Numbered {
    fn new(bytes: Vec<u8>) -> Self {
        let mut place = None;
        for payload in Parser::new(0).parse_all(&bytes) {
            if let Payload::DataSection(section) = payload.expect("it is a module") {
                let segments = section.into_iter().map(|data| data.expect("it is a module"));
                place =
                    segments.filter(|data| data.data.len() > 100).map(|data| data.range.end).last();
            }
        }
        let place = place.expect("it has data") - size_of::<u64>();
        Self { bytes, place, number: std::process::id().into() }
    }

    fn next(&mut self) -> &[u8] {
        self.number += 1 << 32;
        self.bytes[self.place..][..size_of::<u64>()].copy_from_slice(&self.number.to_le_bytes());
        &self.bytes
    }
}

fn module() -> (PathBuf, Vec<u8>) {
    let path = std::env::var_os("MODULE")
        .map(PathBuf::from)
        .unwrap_or_else(|| fixture::target().join("wasm32-unknown-unknown/plain/factory.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| {
        eprintln!("{}: {error}; name a module in the environment variable MODULE", path.display());
        std::process::exit(1);
    });
    (path, bytes)
}

fn main() {
    // Start again in a process without a directory for wasmtime's cache on disk. Otherwise the benchmark
    // would fill that cache.
    const CACHE: &str = "XDG_CACHE_HOME";
    if std::env::var_os(CACHE).is_none_or(|home| home != "/dev/null") {
        let program = std::env::current_exe().expect("this program has a path");
        let status = std::process::Command::new(program).env(CACHE, "/dev/null").status();
        std::process::exit(status.expect("it starts again").code().unwrap_or(1));
    }
    let (path, bytes) = module();
    let size = bytes.len();
    let mut module = Numbered::new(bytes);
    let engine =
        compile(module.next()).expect("the module is valid").engine_module().engine().clone();
    let default = wasmtime::Engine::default();
    let [replica, alone, as_it_comes] = medians(TURNS, |turn| match turn {
        0 => drop(compile(module.next()).expect("the module is valid")),
        1 => drop(Module::from_binary(&engine, module.next()).expect("the module is valid")),
        _ => drop(Module::from_binary(&default, module.next()).expect("the module is valid")),
    });
    println!(
        "\ncompiling {} of {size} bytes for the first time\n  {:.0} ms; wasmtime alone {:.0} ms, \
         RATIO {:.2}; wasmtime with its default configuration {:.0} ms, RATIO {:.2}",
        path.display(),
        micros(replica) / 1e3,
        micros(alone) / 1e3,
        ratio(replica, alone),
        micros(as_it_comes) / 1e3,
        ratio(replica, as_it_comes),
    );
}
