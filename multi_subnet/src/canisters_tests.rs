use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// A workspace of five files, all changed at minute 0 and built at minute 10.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(TempDir::new().expect("a temporary folder"));
        fs::create_dir_all(workspace.path("src/deep")).expect("folders");
        for source in ["Cargo.toml", "src/lib.rs", "src/deep/part.rs"] {
            workspace.touch(source, 0);
        }
        for folder in ["src/deep", "src"] {
            workspace.set_time(folder, 0);
        }
        workspace.touch("caller.wasm", 10);
        workspace.touch("callee.wasm", 10);
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn touch(&self, name: &str, minute: u64) {
        File::create(self.path(name)).expect("a file");
        self.set_time(name, minute);
    }

    fn set_time(&self, name: &str, minute: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + 60 * minute);
        File::open(self.path(name)).and_then(|file| file.set_modified(time)).expect("a time stamp");
    }

    fn is_stale(&self) -> bool {
        is_stale(
            [&self.path("caller.wasm"), &self.path("callee.wasm")],
            &self.path("stamp"),
            &["Cargo.toml", "src", "absent"].map(|source| self.path(source)),
        )
        .expect("everything can be looked at")
    }
}

#[test]
fn modules_newer_than_their_sources_are_kept() {
    assert!(!Workspace::new().is_stale());
}

#[test]
fn a_missing_module_is_stale() {
    for module in ["caller.wasm", "callee.wasm"] {
        let workspace = Workspace::new();
        workspace.touch("stamp", 11);
        fs::remove_file(workspace.path(module)).expect("it is there");
        assert!(workspace.is_stale());
    }
}

#[test]
fn a_source_changed_after_the_older_module_makes_it_stale() {
    for source in ["Cargo.toml", "src/lib.rs", "src/deep/part.rs"] {
        let workspace = Workspace::new();
        workspace.touch("caller.wasm", 30);
        workspace.touch(source, 20);
        assert!(workspace.is_stale(), "{source}");
    }
}

#[test]
fn the_crates_of_this_workspace_that_the_canisters_use_are_sources() {
    let read = |path: &str| fs::read_to_string(workspace_root().join(path)).expect("a manifest");
    let workspace = read("Cargo.toml");
    let paths = workspace.lines().filter_map(|line| line.split_once(" = { path = \""));
    let mut found = 0;
    for (name, path) in paths {
        let path = path.split('"').next().expect("there is a first part");
        let folder = if path == "." { "src" } else { path };
        for canister in ["caller/Cargo.toml", "callee/Cargo.toml"] {
            let manifest = read(canister);
            let forms =
                [format!("\n{name}.workspace = true\n"), format!("\n{name} = {{ workspace = true")];
            if forms.iter().any(|form| manifest.contains(form)) {
                found += 1;
                assert!(SOURCES.contains(&folder), "{canister} uses {name}");
            }
        }
    }
    assert!(found > 0, "the manifests look otherwise than this test thinks");
}

#[test]
fn a_removed_source_makes_the_modules_stale() {
    let workspace = Workspace::new();
    fs::remove_file(workspace.path("src/deep/part.rs")).expect("it is there");
    assert!(workspace.is_stale());
}

#[test]
fn a_build_that_had_nothing_to_do_counts_until_the_next_change() {
    let workspace = Workspace::new();
    workspace.touch("Cargo.toml", 20);
    workspace.touch("stamp", 21);
    assert!(!workspace.is_stale());
    workspace.touch("src/lib.rs", 22);
    assert!(workspace.is_stale());
}

#[test]
fn modules_named_by_the_environment_are_read_and_nothing_is_built() {
    let workspace = Workspace::new();
    let module = workspace.path("named.wasm");
    for content in [b"\0asm\x01\0\0\0".as_slice(), &[0x1f, 0x8b, 8]] {
        fs::write(&module, content).expect("a file");
        let modules = Modules::load(|_| Some(module.clone().into())).expect("both are named");
        assert_eq!((modules.caller.as_slice(), modules.callee.as_slice()), (content, content));
    }
}

#[test]
fn a_named_module_that_cannot_be_used_is_refused_with_the_name_of_its_variable() {
    let workspace = Workspace::new();
    fs::write(workspace.path("text.wasm"), "(module)").expect("a file");
    for name in ["absent.wasm", "text.wasm", "src"] {
        let path = workspace.path(name);
        let error =
            Modules::load(|variable| (variable == CALLEE_VARIABLE).then(|| path.clone().into()))
                .expect_err("it cannot be used");
        assert_eq!(error.exit_code(), 2);
        let message = error.to_string();
        assert!(message.starts_with("CALLEE_WASM names") && message.contains(name), "{message}");
    }
}

#[test]
fn the_target_folder_follows_cargo() {
    let root = Path::new("/checkout");
    assert_eq!(target_dir(root, None), Path::new("/checkout/target"));
    assert_eq!(target_dir(root, Some("".into())), Path::new("/checkout/target"));
    assert_eq!(target_dir(root, Some("/elsewhere".into())), Path::new("/elsewhere"));
    assert_eq!(target_dir(root, Some("build".into())), Path::new("/checkout/build"));
}

#[test]
fn outside_of_a_checkout_the_error_says_what_to_pass_and_no_folder_is_created() {
    let folder = TempDir::new().expect("a temporary folder");
    let error = modules_of(folder.path()).expect_err("there is no build script");
    assert_eq!(error.exit_code(), 2, "the user has to set variables");
    let message = error.to_string();
    for word in ["CALLER_WASM", "CALLEE_WASM", "multi_subnet --help"] {
        assert!(message.contains(word), "{message}");
    }
    let entries = fs::read_dir(folder.path()).expect("the folder can be read");
    assert_eq!(entries.count(), 0, "the folder can belong to cargo's registry");
}

#[cfg(unix)]
#[test]
fn a_build_leaves_its_stamp_only_when_it_succeeds() {
    let folder = TempDir::new().expect("a temporary folder");
    let stamp = folder.path().join("stamp");
    fs::create_dir(folder.path().join("scripts")).expect("a folder");
    // Linked and not written here: a file that was open for writing a moment ago may refuse to run.
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/build-canisters");
    std::os::unix::fs::symlink(fixture, folder.path().join(BUILD_SCRIPT)).expect("a link");

    let failed = build(folder.path(), folder.path(), &stamp);
    assert!(matches!(failed, Err(Error::CanisterBuild(_))), "{failed:?}");
    assert!(!stamp.exists());

    fs::write(folder.path().join("proceed"), "").expect("a file");
    build(folder.path(), folder.path(), &stamp).expect("the script succeeds");
    assert!(stamp.exists());
}
