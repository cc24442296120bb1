//! Packs the crates that are published, and unpacks the packages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::PUBLISHED;

/// The packages, unpacked as members of a workspace of their own.
pub struct Packed {
    /// The folder of that workspace.
    pub root: PathBuf,
    /// A target folder for what is compiled there. It is kept, so only the first run compiles the dependencies.
    pub target: PathBuf,
    archives: PathBuf,
    version: String,
    /// Held until the process ends: other processes that run these tests use the same folders.
    _lock: File,
}

impl Packed {
    /// The folder of an unpacked package.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}-{}", self.version))
    }

    /// The file that would be uploaded.
    pub fn archive(&self, name: &str) -> PathBuf {
        self.archives.join(format!("{name}-{}.crate", self.version))
    }
}

/// The checkout.
pub fn checkout() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// Cargo, for the workspace in a folder.
pub fn cargo(folder: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.current_dir(folder);
    cargo
}

/// What cargo knows of the workspace in a folder.
pub fn metadata(folder: &Path) -> Value {
    let arguments = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let output = cargo(folder).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

/// The packages, which are packed once per process.
pub fn packed() -> &'static Packed {
    static PACKED: LazyLock<Packed> = LazyLock::new(pack);
    &PACKED
}

fn pack() -> Packed {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let root = folder.join("unpacked");
    fs::create_dir_all(&folder).expect("a folder for packages");
    let lock = File::create(folder.join("lock")).expect("a file to lock");
    lock.lock().expect("the lock");

    // Nothing may be left of a package that an earlier run has packed.
    if root.exists() {
        fs::remove_dir_all(&root).expect("the old packages can be removed");
    }
    fs::create_dir_all(&root).expect("a folder for unpacked packages");
    let mut package = cargo(&checkout());
    // Changes that are not committed are packed as well. Nothing is compiled: that would take many minutes.
    package.args(["package", "--offline", "--locked", "--no-verify", "--allow-dirty"]);
    package.args(PUBLISHED.iter().flat_map(|published| ["--package", published.name]));
    let target = folder.join("target");
    let output = package.arg("--target-dir").arg(&target).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let version = env!("CARGO_PKG_VERSION").to_owned();
    let packed = Packed { root, archives: target.join("package"), target, version, _lock: lock };
    for published in PUBLISHED {
        unpack(&packed.archive(published.name), &packed.root);
    }
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"*-{}\"]\n", packed.version);
    // Neither optimised nor with debug information: what is compiled here does not run.
    let manifest = manifest + "[profile.dev]\ndebug = false\n[patch.crates-io]\n";
    let patch =
        format!("embedded-replica = {{ path = \"embedded-replica-{}\" }}\n", packed.version);
    fs::write(packed.root.join("Cargo.toml"), manifest + &patch).expect("a manifest");
    // The versions that the workspace uses, which are on this machine.
    fs::copy(checkout().join("Cargo.lock"), packed.root.join("Cargo.lock")).expect("a lock file");
    packed
}

/// Unpacks an archive. Its files get the time of now (`-m`): they have a fixed time in the archive, by which cargo
/// would not see that they changed.
fn unpack(archive: &Path, folder: &Path) {
    let mut tar = Command::new("tar");
    tar.arg("-xzmf").arg(archive).arg("-C").arg(folder);
    let output = tar.output().expect("tar runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
