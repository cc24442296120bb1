//! The packages of the crates that are published: what they hold, what they depend on, and whether the library compiles
//! from its package with each set of features.
//!
//! These tests take no package from a registry that the build of the workspace has not taken before.

mod features;
mod packed;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use packed::{Packed, cargo, checkout, metadata, packed};
use serde_json::Value;

/// The crates that are published, with the folder of each in the checkout, and the files that each has besides `src`.
const PUBLISHED: [Published; 3] = [
    Published { name: "parallel_calls", folder: "", others: &["docs/library.md"] },
    Published { name: "embedded-replica", folder: "replica", others: &["README.md"] },
    Published { name: "multi_subnet", folder: "multi_subnet", others: &["README.md"] },
];

/// What cargo and the licence add to each package.
const IN_EACH: [&str; 4] = ["Cargo.lock", "Cargo.toml", "Cargo.toml.orig", "LICENSE"];

/// What cargo adds if the checkout is a repository.
const IN_A_REPOSITORY: &str = ".cargo_vcs_info.json";

/// Bytes of a compressed package, at most: twice what the largest one has.
const COMPRESSED_MAX: u64 = 1_000_000;

const WASM: &str = "wasm32-unknown-unknown";

/// A crate that is published.
struct Published {
    name: &'static str,
    /// The folder of the crate, by its path in the checkout.
    folder: &'static str,
    /// The files of the package besides `src` and what is in each package.
    others: &'static [&'static str],
}

/// The packages of a workspace or of a folder of packages, without their dependencies.
fn members(folder: &Path) -> Vec<Value> {
    let metadata = metadata(folder);
    metadata["packages"].as_array().expect("packages").clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a package has a name")
}

/// The paths of all files in a folder, from the folder.
fn files(folder: &Path) -> BTreeSet<String> {
    fn add(folder: &Path, root: &Path, files: &mut BTreeSet<String>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        for entry in entries {
            let path = entry.expect("folders can be read").path();
            if path.is_dir() {
                add(&path, root, files);
            } else {
                let within = path.strip_prefix(root).expect("it is in the folder");
                files.insert(within.to_str().expect("a plain name").to_owned());
            }
        }
    }
    let mut files_found = BTreeSet::new();
    add(folder, folder, &mut files_found);
    files_found
}

#[test]
fn only_three_crates_are_published() {
    let members = members(&checkout());
    let is_published = |package: &&Value| package["publish"].is_null();
    let published: BTreeSet<&str> = members.iter().filter(is_published).map(name).collect();
    assert_eq!(published, PUBLISHED.iter().map(|published| published.name).collect());
}

#[test]
fn a_package_holds_its_sources_a_readme_and_the_licence_and_nothing_else() {
    for Published { name, folder, others } in PUBLISHED {
        let source = checkout().join(folder).join("src");
        let mut expected: BTreeSet<String> =
            files(&source).into_iter().map(|file| format!("src/{file}")).collect();
        expected.extend(IN_EACH.iter().chain(others).map(|file| (*file).to_owned()));
        let mut packed = files(&packed().folder(name));
        packed.remove(IN_A_REPOSITORY);
        let difference: Vec<&String> = packed.symmetric_difference(&expected).collect();
        assert!(difference.is_empty(), "{name}: {difference:?}");
    }
}

#[test]
fn packages_are_small_and_hold_only_text_without_paths_of_this_machine() {
    let home = std::env::home_dir().filter(|home| home.components().count() > 1);
    let here: Vec<PathBuf> = [Some(checkout()), home].into_iter().flatten().collect();
    let here: Vec<String> = here.iter().map(|path| format!("{}/", path.display())).collect();
    for Published { name, .. } in PUBLISHED {
        let compressed = fs::metadata(packed().archive(name)).expect("the package is there").len();
        assert!(compressed < COMPRESSED_MAX, "{name}: {compressed} bytes");
        let folder = packed().folder(name);
        for file in files(&folder) {
            let text = fs::read_to_string(folder.join(&file));
            let text = text.unwrap_or_else(|error| panic!("{name}: {file}: {error}"));
            let path = here.iter().find(|path| text.contains(*path));
            assert_eq!(path, None, "{name}: {file}");
        }
    }
}

#[test]
fn packages_say_what_they_are_and_depend_on_versions() {
    let packages = members(&packed().root);
    assert_eq!(packages.len(), PUBLISHED.len());
    for package in packages {
        let name = name(&package);
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        for key in ["description", "license", "rust_version", "readme"] {
            assert!(!text(key).is_empty(), "{name} has no {key}");
        }
        assert_eq!(text("documentation"), format!("https://docs.rs/{name}"));
        let count = |key: &str| package[key].as_array().map_or(0, Vec::len);
        // More than five keywords are refused by the registry.
        assert!((1..=5).contains(&count("keywords")), "{name}: {}", package["keywords"]);
        assert!((1..=5).contains(&count("categories")), "{name}: {}", package["categories"]);
        let readme = packed().folder(name).join(text("readme"));
        let readme = fs::read_to_string(&readme).expect("the README is in the package");
        assert!(readme.starts_with(&format!("# {name}\n")), "{name}: {readme}");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let requirement = dependency["req"].as_str().expect("a requirement");
            let is_released = dependency["path"].is_null() && requirement != "*";
            assert!(is_released, "{name}: {dependency}");
        }
    }
}

#[test]
fn the_public_interface_of_all_packages_is_compared_with_the_named_revision() {
    let programs = checkout().join("tests/packages/programs");
    let path = std::env::var("PATH").expect("cargo was found");
    let output = Command::new(checkout().join("scripts/check-semver"))
        .arg("v0.1.0")
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packages = PUBLISHED.map(|published| format!("-p {}", published.name)).join(" ");
    let expected = format!("semver-checks --baseline-rev v0.1.0 {packages}\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// Checks the library with these features for a target. It must compile without a warning.
fn check_library(packed: &Packed, features: &str, target: &[&str]) {
    let arguments = ["check", "--offline", "--package", "parallel_calls", "--no-default-features"];
    let mut check = cargo(&packed.root);
    check.args(arguments).args(["--features", features]).args(target);
    let output = check.arg("--target-dir").arg(&packed.target).output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_clean = output.status.success() && !errors.contains("warning: `parallel_calls`");
    assert!(is_clean, "with the features '{features}' {target:?}: {errors}");
}

/// The features of the library besides the default.
fn features() -> Vec<String> {
    let packages = members(&packed().root);
    let library = packages.iter().find(|package| name(package) == "parallel_calls");
    let features = library.expect("it is packed")["features"].as_object().expect("features");
    features.keys().filter(|feature| *feature != "default").cloned().collect()
}

#[test]
fn the_library_compiles_from_its_package_with_each_set_of_features() {
    let features = features();
    assert!(features.iter().any(|feature| feature == "ic-cdk"), "{features:?}");
    for number in 0..1_usize << features.len() {
        let chosen = features.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
        let chosen: Vec<&str> = chosen.map(|(_, feature)| feature.as_str()).collect();
        check_library(packed(), &chosen.join(","), &[]);
    }
}

#[test]
fn the_library_compiles_from_its_package_for_canisters() {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .current_dir(checkout())
        .output()
        .expect("rustc runs");
    let libraries = String::from_utf8(libraries.stdout).expect("a path");
    let target = match Path::new(libraries.trim()).is_dir() {
        true => Ok(["--target", WASM]),
        false => Err("the toolchain has no standard library for Wasm".to_owned()),
    };
    if let Some(target) = test_support::or_say_why("the library's package for Wasm", target) {
        for features in [String::new(), features().join(",")] {
            check_library(packed(), &features, &target);
        }
    }
}
