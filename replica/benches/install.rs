//! Time of compiling a large module for the first time, and of loading its code from the cache on disk.
//!
//! The baselines are wasmtime alone, with the configuration of the replica and with its default
//! configuration, for the module without instrumentation. The difference is the time to validate and
//! instrument the module, and to compile the added instructions.
//!
//! `cargo bench --profile dev -p embedded-replica --bench install`. Set `MODULE=FILE` for another module.

mod fixture;

use embedded_replica::wasm::compile;
use fixture::{medians, micros, ratio};
use std::path::{Path, PathBuf};
use std::time::Instant;
use wasm_encoder::{CodeSection, FunctionSection, RawSection};
use wasmparser::{Parser, Payload};
use wasmtime::Module;

/// At least as many modules as the replica keeps in a process.
const MODULES_IN_PROCESS: usize = 40;

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

/// The module with its functions repeated until it has about `bytes` bytes. Nothing calls the repeated functions.
fn grown(module: &[u8], bytes: usize) -> Vec<u8> {
    let payloads =
        || Parser::new(0).parse_all(module).map(|payload| payload.expect("it is a module"));
    let mut types = Vec::new();
    let mut bodies = Vec::new();
    for payload in payloads() {
        match payload {
            Payload::FunctionSection(section) => {
                types.extend(section.into_iter().map(|index| index.expect("it is a module")));
            }
            Payload::CodeSectionEntry(body) => bodies.push(&module[body.range()]),
            _ => {}
        }
    }
    let code_bytes: usize = bodies.iter().map(|body| body.len()).sum();
    let times = 1 + bytes.saturating_sub(module.len()) / code_bytes;
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..times {
        for (index, body) in types.iter().zip(&bodies) {
            functions.function(*index);
            code.raw(body);
        }
    }
    let mut grown = wasm_encoder::Module::new();
    for payload in payloads() {
        match payload {
            Payload::FunctionSection(_) => {
                grown.section(&functions);
            }
            Payload::CodeSectionStart { .. } => {
                grown.section(&code);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    grown.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    grown.finish()
}

/// Starts this program again with another directory for wasmtime's cache on disk.
fn again(cache: &Path, kind: &str) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut again = std::process::Command::new(program);
    let status = again.env("XDG_CACHE_HOME", cache).env(KIND, kind).status();
    let code = status.expect("it starts again").code().unwrap_or(1);
    if code != 0 {
        std::process::exit(code);
    }
}

/// The environment variable with what is measured in a process.
const KIND: &str = "INSTALL_BENCHMARK";

/// The size of the large module, in bytes.
const LARGE: usize = 10_000_000;

fn main() {
    let kind = std::env::var(KIND);
    let Ok(kind) = kind else {
        // Without a directory for the cache, no measurement fills the user's cache.
        again(Path::new("/dev/null"), "cold");
        let cache = tempfile::tempdir().expect("there is a directory for temporary files");
        return again(cache.path(), "warm");
    };
    let (path, bytes) = module();
    let large = grown(&bytes, LARGE);
    for (name, bytes, turns) in
        [(&*path.to_string_lossy(), bytes, TURNS), ("a large module", large, 3)]
    {
        match &*kind {
            "cold" => cold(name, bytes, turns),
            _ => warm(name, bytes, turns),
        }
    }
}

/// Compiles a module for the first time, without a cache.
fn cold(name: &str, bytes: Vec<u8>, turns: usize) {
    let size = bytes.len();
    let mut module = Numbered::new(bytes);
    let small = wat::parse_str("(module)").expect("the text is a module");
    let engine = compile(&small).expect("the module is valid").engine_module().engine().clone();
    let default = wasmtime::Engine::default();
    let [replica, alone, as_it_comes] = medians(turns, |turn| match turn {
        0 => drop(compile(module.next()).expect("the module is valid")),
        1 => drop(Module::from_binary(&engine, module.next()).expect("the module is valid")),
        _ => drop(Module::from_binary(&default, module.next()).expect("the module is valid")),
    });
    println!(
        "\ncompiling {name} of {size} bytes for the first time\n  {:.0} ms; wasmtime alone {:.0} ms, \
         RATIO {:.2}; wasmtime with its default configuration {:.0} ms, RATIO {:.2}",
        micros(replica) / 1e3,
        micros(alone) / 1e3,
        ratio(replica, alone),
        micros(as_it_comes) / 1e3,
        ratio(replica, as_it_comes),
    );
}

/// Compiles a module that an earlier process has compiled: the code is in the cache on disk.
fn warm(name: &str, bytes: Vec<u8>, turns: usize) {
    let forget = |turn: usize| {
        for number in 0..MODULES_IN_PROCESS {
            let text = format!(r#"(module (func (export "number {turn} {number}")))"#);
            compile(&wat::parse_str(text).expect("the text is a module"))
                .expect("the module is valid");
        }
    };
    compile(&bytes).expect("the module is valid");
    let mut times: Vec<_> = (0..turns)
        .map(|turn| {
            forget(turn);
            let start = Instant::now();
            compile(&bytes).expect("the module is valid");
            start.elapsed()
        })
        .collect();
    times.sort();
    let millis = micros(times[turns / 2]) / 1e3;
    println!(
        "\ncompiling {name} of {} bytes with the code in the cache on disk\n  {millis:.1} ms, {:.1} ms per MB",
        bytes.len(),
        millis / (bytes.len() as f64 / 1e6),
    );
}
