//! A cache on disk for modules that were checked and instrumented: the next process need not do so again.
//!
//! The files are in a folder of wasmtime's cache for compiled modules, so wasmtime bounds the size of both together: it
//! deletes the files that nobody has used for the longest time. (It takes each file without an extension for a compiled
//! module.) Each version of the code that checks and instruments modules has a folder of its own.

use crate::types::Instructions;
use crate::wasm::module::ModuleInfo;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Checking and instrumenting a smaller module takes at most a few milliseconds. In bytes.
const MODULE_BYTES_MIN: usize = 64 << 10;

/// Compress fast: a file is twice as large as the module that was installed, before it is compressed.
const COMPRESSION_LEVEL: i32 = 1;

/// The code that checks and instruments modules.
const SOURCES: [&str; 27] = [
    include_str!("code.rs"),
    include_str!("effort.rs"),
    include_str!("info.rs"),
    include_str!("kept.rs"),
    include_str!("mod.rs"),
    include_str!("sections.rs"),
    include_str!("../instrument/blocks.rs"),
    include_str!("../instrument/bulk_operations.rs"),
    include_str!("../instrument/charges.rs"),
    include_str!("../instrument/counter.rs"),
    include_str!("../instrument/entries.rs"),
    include_str!("../instrument/mark_ranges.rs"),
    include_str!("../instrument/metering.rs"),
    include_str!("../instrument/mod.rs"),
    include_str!("../instrument/page_marks.rs"),
    include_str!("../instrument/stable_copies.rs"),
    include_str!("../instruction_costs.rs"),
    include_str!("../pages.rs"),
    include_str!("../../limits.rs"),
    include_str!("../../limits/agents.rs"),
    include_str!("../../limits/canister.rs"),
    include_str!("../../limits/instructions.rs"),
    include_str!("../../limits/memory.rs"),
    include_str!("../../limits/messages.rs"),
    include_str!("../../limits/outcalls.rs"),
    include_str!("../../limits/server.rs"),
    include_str!("../../limits/state.rs"),
];

/// What takes time to find out about a module.
#[derive(Debug, PartialEq)]
pub(super) struct KeptModule {
    /// The bytes of the instrumented module.
    pub bytes: Vec<u8>,
    /// See [`ModuleInfo::compiled_instructions`].
    pub compiled_instructions: Instructions,
    /// See [`ModuleInfo::drops_segments`].
    pub drops_segments: bool,
}

/// The bytes of a file after the bytes of the module: a number and a flag.
const END_BYTES: usize = size_of::<Instructions>() + 1;

impl KeptModule {
    pub fn new(bytes: Vec<u8>, info: &ModuleInfo) -> Self {
        let ModuleInfo { compiled_instructions, drops_segments, .. } = *info;
        Self { bytes, compiled_instructions, drops_segments }
    }

    fn read(file: &File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        // Fails if the file is not whole, or if its checksum is not that of the content.
        zstd::Decoder::new(file)?.read_to_end(&mut bytes)?;
        let (rest, end) =
            bytes.split_last_chunk::<END_BYTES>().ok_or(io::ErrorKind::InvalidData)?;
        let [instructions @ .., drops_segments] = *end;
        let (length, drops_segments) = (rest.len(), drops_segments != 0);
        bytes.truncate(length);
        let compiled_instructions = Instructions::from_le_bytes(instructions);
        Ok(Self { bytes, compiled_instructions, drops_segments })
    }

    fn write(&self, file: File) -> io::Result<()> {
        let mut encoder = zstd::Encoder::new(file, COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(&self.bytes)?;
        encoder.write_all(&self.compiled_instructions.to_le_bytes())?;
        encoder.write_all(&[u8::from(self.drops_segments)])?;
        encoder.finish().map(drop)
    }
}

/// The cache. Every failure of the file system is like a cache without the module.
pub(crate) struct KeptModules {
    folder: PathBuf,
}

impl KeptModules {
    /// The cache in wasmtime's cache.
    pub fn new(wasmtime_cache: &Path) -> Self {
        let mut version = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
        SOURCES.iter().for_each(|source| version.update(source));
        let name = format!("embedded-replica-{}", hex::encode(&version.finalize()[..16]));
        Self { folder: wasmtime_cache.join("modules").join(name) }
    }

    fn file(&self, hash: &[u8; 32]) -> PathBuf {
        self.folder.join(hex::encode(hash))
    }

    /// The module that was installed with these bytes and this hash, if the cache has it.
    pub(super) fn load(&self, hash: &[u8; 32]) -> Option<KeptModule> {
        let file = File::open(self.file(hash)).ok()?;
        let module = KeptModule::read(&file).ok()?;
        // Wasmtime deletes the oldest files.
        let _ = file.set_modified(SystemTime::now());
        Some(module)
    }

    /// Keeps a module that was installed with this hash, and had `bytes` bytes after decompression.
    pub(super) fn store(&self, hash: &[u8; 32], bytes: usize, module: &KeptModule) {
        if bytes >= MODULE_BYTES_MIN {
            let _ = self.try_to_store(hash, module);
        }
    }

    /// Writes the file under another name, so that no process reads half a file.
    fn try_to_store(&self, hash: &[u8; 32], module: &KeptModule) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let file = self.file(hash);
        // Wasmtime deletes files with such a name after half an hour.
        let unfinished = file.with_extension(format!("wip-{}", std::process::id()));
        // Fails if another thread writes the same module.
        let written = module.write(File::create_new(&unfinished)?);
        let renamed = written.and_then(|()| fs::rename(&unfinished, &file));
        if renamed.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        renamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of code in a folder, without tests.
    fn sources(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).expect("the folder exists");
        let files = files.map(|file| file.expect("the folder can be read").path());
        files
            .filter(|file| file.is_file() && !file.ends_with("tests.rs"))
            .map(|file| fs::read_to_string(file).expect("it is text"))
            .collect()
    }

    #[test]
    fn the_folder_is_another_one_for_each_version_of_the_code_that_prepares_modules() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in ["wasm/module", "wasm/instrument", "limits"] {
            for source in sources(&src.join(folder)) {
                assert!(SOURCES.contains(&&*source), "a file in {folder} is missing in SOURCES");
            }
        }
    }

    #[test]
    fn a_module_is_loaded_as_it_was_stored_and_a_damaged_file_is_not() {
        let cache = tempfile::tempdir().expect("there is a directory for temporary files");
        let kept = KeptModules::new(cache.path());
        let (hash, small) = ([1; 32], [2; 32]);
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let module = KeptModule { bytes, compiled_instructions: 1 << 40, drops_segments: true };
        assert_eq!(kept.load(&hash), None);
        kept.store(&small, MODULE_BYTES_MIN - 1, &module);
        assert_eq!(kept.load(&small), None);
        kept.store(&hash, MODULE_BYTES_MIN, &module);
        assert_eq!(kept.load(&hash).as_ref(), Some(&module));
        let whole = fs::read(kept.file(&hash)).expect("it is stored");
        for place in (0..whole.len()).step_by(whole.len() / 50) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(kept.file(&hash), &damaged).expect("the file can be written");
            let loaded = kept.load(&hash);
            assert!(loaded.is_none() || loaded.as_ref() == Some(&module), "damaged at {place}");
            fs::write(kept.file(&hash), &whole[..place]).expect("the file can be written");
            assert_eq!(kept.load(&hash), None, "cut off at {place}");
        }
        kept.store(&hash, MODULE_BYTES_MIN, &module);
        assert_eq!(kept.load(&hash).as_ref(), Some(&module), "the file is replaced");
        assert_eq!(fs::read_dir(&kept.folder).expect("it is a folder").count(), 1);
    }
}
