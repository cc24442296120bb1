//! The Wasm modules of caller and callee: from files that the user names, or built from this workspace.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use crate::error::Error;

/// The environment variable with the path of the caller's module.
pub const CALLER_VARIABLE: &str = "CALLER_WASM";
/// The environment variable with the path of the callee's module.
pub const CALLEE_VARIABLE: &str = "CALLEE_WASM";

/// The files and folders that the canisters are built from, relative to the workspace.
const SOURCES: [&str; 7] =
    ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "src", "caller", "callee", BUILD_SCRIPT];
const BUILD_SCRIPT: &str = "scripts/build-canisters";

/// The first bytes of a Wasm module, and of a module that is compressed with gzip. Both can be installed.
const WASM_MAGIC: &[u8] = b"\0asm";
pub(crate) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The modules of caller and callee, as bytes.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The module that makes the calls.
    pub caller: Vec<u8>,
    /// The module that responds to the calls.
    pub callee: Vec<u8>,
}

/// The sizes of the modules as installed, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModuleSizes {
    /// The size of the module that makes the calls.
    pub caller: u64,
    /// The size of the module that responds to the calls.
    pub callee: u64,
}

/// The paths of the built canisters of this workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModulePaths {
    /// The module that makes the calls.
    pub caller: PathBuf,
    /// The module that responds to the calls.
    pub callee: PathBuf,
}

impl Modules {
    /// The sizes of the modules.
    pub fn sizes(&self) -> ModuleSizes {
        let [caller, callee] = [&self.caller, &self.callee].map(|module| module.len() as u64);
        ModuleSizes { caller, callee }
    }

    /// Reads the modules that `CALLER_WASM` and `CALLEE_WASM` name. If a variable is not set, uses the module of
    /// this workspace, see [`workspace_modules`].
    ///
    /// # Errors
    ///
    /// - [`Error::ModuleFromEnvironment`] if a variable names a file that is not a Wasm module.
    /// - The errors of [`workspace_modules`].
    pub fn load(env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let named = |variable| {
            env(variable)
                .filter(|path| !path.is_empty())
                .map(|path| read_named(variable, Path::new(&path)))
                .transpose()
        };
        let (caller, callee) = (named(CALLER_VARIABLE)?, named(CALLEE_VARIABLE)?);
        if let (Some(caller), Some(callee)) = (&caller, &callee) {
            return Ok(Self { caller: caller.clone(), callee: callee.clone() });
        }
        let paths = workspace_modules()?;
        let read = |path: PathBuf| fs::read(&path).map_err(Error::file("read", path));
        Ok(Self {
            caller: caller.map_or_else(|| read(paths.caller), Ok)?,
            callee: callee.map_or_else(|| read(paths.callee), Ok)?,
        })
    }
}

fn read_named(variable: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let refuse =
        |reason: String| Error::ModuleFromEnvironment { variable, path: path.into(), reason };
    let module = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    if !module.starts_with(WASM_MAGIC) && !module.starts_with(GZIP_MAGIC) {
        return Err(refuse("it is neither a Wasm module nor one compressed with gzip".into()));
    }
    Ok(module)
}

/// The canisters of this workspace. Builds them with `scripts/build-canisters` first if a module is missing or
/// older than its sources. The output of the build goes to standard error.
///
/// Any number of threads and processes may call this function at the same time: one of them builds, and the
/// others wait.
///
/// # Errors
///
/// - [`Error::NoCanisters`] if this program was not built in a checkout of the project, or if the checkout has moved.
/// - [`Error::CanisterBuild`] if the build fails.
/// - [`Error::File`] if a file cannot be read or written.
pub fn workspace_modules() -> Result<ModulePaths, Error> {
    modules_of(&workspace_root())
}

fn modules_of(root: &Path) -> Result<ModulePaths, Error> {
    // First, so that a program that was installed from a registry creates no folders beside its sources.
    let script = root.join(BUILD_SCRIPT);
    if !script.is_file() {
        return Err(Error::NoCanisters { script });
    }
    let target = target_dir(root, env::var_os("CARGO_TARGET_DIR"));
    let release = target.join("wasm32-unknown-unknown/release");
    let paths =
        ModulePaths { caller: release.join("caller.wasm"), callee: release.join("callee.wasm") };
    let stamp = release.join(".canisters-built");

    fs::create_dir_all(&release).map_err(Error::file("create", &release))?;
    let lock_path = release.join(".canisters-lock");
    let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
    // Held until the end of this function. If the process crashes, the operating system releases the lock.
    lock.lock().map_err(Error::file("lock", &lock_path))?;

    let sources = SOURCES.map(|source| root.join(source));
    if is_stale([&paths.caller, &paths.callee], &stamp, &sources)? {
        build(root, &target, &stamp)?;
    }
    Ok(paths)
}

/// The root of the checkout in which this program was compiled.
fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).into()
}

fn target_dir(root: &Path, variable: Option<OsString>) -> PathBuf {
    // Cargo resolves a relative path from its working directory, which is most likely the root.
    root.join(variable.filter(|dir| !dir.is_empty()).unwrap_or_else(|| "target".into()))
}

fn build(root: &Path, target: &Path, stamp: &Path) -> Result<(), Error> {
    let script = root.join(BUILD_SCRIPT);
    // The time before the build: a source that is edited during the build must count as newer.
    let started = SystemTime::now();
    let status = Command::new(&script)
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(Error::file("run", &script))?;
    if !status.success() {
        return Err(Error::CanisterBuild(status));
    }
    File::create(stamp)
        .and_then(|file| file.set_modified(started))
        .map_err(Error::file("write", stamp))
}

/// Whether a module is missing, or a source is newer than the last build.
///
/// The time of the last build is that of the stamp file. The modules' own times are not enough: cargo does not
/// write a module again if a changed source does not affect it, so the module would stay older than its sources.
fn is_stale(modules: [&Path; 2], stamp: &Path, sources: &[PathBuf]) -> Result<bool, Error> {
    let mut built = SystemTime::now();
    for module in modules {
        match modified(module)? {
            Some(time) => built = built.min(time),
            None => return Ok(true),
        }
    }
    let built = modified(stamp)?.map_or(built, |stamp| stamp.max(built));
    for source in sources {
        if newest(source)?.is_some_and(|changed| changed > built) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The time of the last change of a file; `None` if the file does not exist.
fn modified(path: &Path) -> Result<Option<SystemTime>, Error> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(time) => Ok(Some(time)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// The time of the last change of a file, or of any file in a folder. The folder's own time counts, too,
/// because it changes when a file is deleted.
fn newest(path: &Path) -> Result<Option<SystemTime>, Error> {
    let mut newest_change = modified(path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(Error::file("list", path))? {
            let entry = entry.map_err(Error::file("list", path))?;
            newest_change = newest_change.max(newest(&entry.path())?);
        }
    }
    Ok(newest_change)
}

#[cfg(test)]
#[path = "canisters_tests.rs"]
mod tests;
