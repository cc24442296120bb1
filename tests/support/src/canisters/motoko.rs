//! Canisters in Motoko, from both lines of compilers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::packages::{or_say_why, run};
use crate::{checkout, target};

/// A compiler of Motoko.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MotokoCompiler {
    /// Before 2025: 32-bit modules, which write their stable variables to stable memory in an upgrade.
    Classic,
    /// Since then: 64-bit modules, whose heap stays in an upgrade.
    Current,
}

/// The major version of Node.js from which on the compilers and our script run.
const NODE_MIN: u32 = 18;

impl MotokoCompiler {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Current];

    /// The version of the npm package `motoko`.
    fn version(self) -> &'static str {
        match self {
            Self::Classic => "3.6.16",
            Self::Current => "4.10.0",
        }
    }

    /// A source as this compiler takes it. The sources are written for the current one.
    fn dialect(self, source: &str) -> String {
        match self {
            // What is not `stable` is transient, and every function may do what takes `<system>` today.
            Self::Classic => source
                .replace("persistent actor", "actor")
                .replace("transient ", "")
                .replace("<system>", ""),
            Self::Current => source.into(),
        }
    }
}

/// The module of `tests/canisters/motoko/NAME.mo` from this compiler. `caller_with_nat` is the caller with the other
/// type of numbers.
pub fn motoko(compiler: MotokoCompiler, name: &str) -> Option<PathBuf> {
    static CLASSIC: LazyLock<Option<PathBuf>> = LazyLock::new(|| compiled(MotokoCompiler::Classic));
    static CURRENT: LazyLock<Option<PathBuf>> = LazyLock::new(|| compiled(MotokoCompiler::Current));
    let folder = match compiler {
        MotokoCompiler::Classic => &*CLASSIC,
        MotokoCompiler::Current => &*CURRENT,
    };
    let module = folder.as_ref()?.join(name).with_extension("wasm");
    assert!(module.is_file(), "there is no source for {}", module.display());
    Some(module)
}

/// The modules of the pair in `tests/canisters/motoko_reference`, caller and callee, byte for byte as they were
/// measured on a PocketIC server. The bytes depend on the version of the compiler, and on the order in which one
/// process compiles the sources: the callee comes first.
pub fn motoko_reference_pair() -> Option<[PathBuf; 2]> {
    static PAIR: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let compiler = MotokoCompiler::Classic;
        let folder = target().join("motoko/reference");
        let sources = sources_in("motoko_reference");
        or_say_why("The reference pair in Motoko", compile(compiler, &folder, sources))
    });
    let folder = PAIR.as_ref()?;
    Some(["caller", "callee"].map(|name| folder.join(name).with_extension("wasm")))
}

fn compiled(compiler: MotokoCompiler) -> Option<PathBuf> {
    let folder = target().join("motoko").join(compiler.version());
    let modules = compile(compiler, &folder, sources());
    or_say_why(&format!("Motoko {}", compiler.version()), modules)
}

/// Compiles sources, given as names and texts, and says where the modules are.
fn compile(
    compiler: MotokoCompiler,
    folder: &Path,
    sources: Vec<(String, String)>,
) -> Result<PathBuf, String> {
    check_node()?;
    let sources: Vec<_> = sources
        .into_iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            write_if_different(&path, &compiler.dialect(&text));
            path
        })
        .collect();
    let script = checkout().join("scripts/build-motoko.mjs");
    run(Command::new("node").arg(script).arg(compiler.version()).arg(folder).args(sources))?;
    Ok(folder.to_owned())
}

/// The names of the sources for both compilers, and what is in them.
fn sources() -> Vec<(String, String)> {
    let mut sources = sources_in("motoko");
    let (_, caller) = sources.iter().find(|(name, _)| name == "caller.mo").expect("it is there");
    let caller_with_nat = caller.replace("Prim.nat64ToNat(n)", "n").replace("Nat64", "Nat");
    sources.push(("caller_with_nat.mo".into(), caller_with_nat));
    sources
}

/// The names of the sources in a folder of `tests/canisters`, in order, and what is in them.
fn sources_in(folder: &str) -> Vec<(String, String)> {
    let folder = checkout().join("tests/canisters").join(folder);
    let mut sources: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let entry = entry.expect("a folder can be listed to its end");
            let name = entry.file_name().into_string().expect("sources have plain names");
            (name, fs::read_to_string(entry.path()).expect("sources are text"))
        })
        .collect();
    sources.sort();
    sources
}

/// Keeps the file's time, by which the script decides what to compile.
fn write_if_different(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn check_node() -> Result<(), String> {
    let answer = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| format!("node does not run: {error}"))?;
    let version = String::from_utf8_lossy(&answer.stdout);
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next());
    if major.and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= NODE_MIN) {
        Ok(())
    } else {
        Err(format!("node is {}, it takes {NODE_MIN} or later", version.trim()))
    }
}
