//! Results that are kept in a file, and the comparison with them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binary::{Run, run, run_with},
    documents::workspace,
    foreign_pairs::sample_pair,
};

/// A folder with the results of ten calls.
struct Kept {
    folder: TempDir,
}

impl Kept {
    fn new() -> Self {
        let kept = Self { folder: TempDir::new().expect("a temporary folder") };
        let saved = run(&["--calls", "10", "--save", &kept.path("kept.json")]);
        assert_eq!(saved.code, 0, "{}", saved.stderr);
        kept
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain name").to_owned()
    }

    fn read(&self) -> Value {
        let text = fs::read_to_string(self.path("kept.json")).expect("the file was written");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Changes the file.
    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut value = self.read();
        edit(&mut value);
        fs::write(self.path("kept.json"), value.to_string()).expect("it can be written");
    }

    /// Runs the same calls again and compares.
    fn compare(&self, args: &[&str]) -> Run {
        run(&[&["--calls", "10", "--baseline", &self.path("kept.json")], args].concat())
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let name =
            |path: PathBuf| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        entries.filter_map(|entry| name(entry.expect("an entry").path())).collect()
    }
}

#[test]
fn the_same_run_writes_the_same_file_and_is_no_worse_than_itself() {
    let kept = Kept::new();
    let first = fs::read(kept.path("kept.json")).expect("the file was written");
    let again = kept.compare(&["--save", &kept.path("again.json"), "--tolerance", "0"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(
        again.stdout.contains("No figure is worse or better than the baseline: 20 without change.")
    );
    assert!(!again.stdout.contains('\x1b'), "no colours without a terminal");
    assert_eq!(fs::read(kept.path("again.json")).expect("the file was written"), first);
    let strategy = &kept.read()["strategies"][0];
    assert_eq!(strategy["name"], "sequential");
    for figure in ["caller_instructions", "callee_instructions", "cycles"] {
        assert!(strategy[figure].as_u64().expect("a whole number") > 0, "{figure}");
    }
    // The system sets cycles aside for one call at a time.
    assert_eq!(
        strategy["peak_cycles_set_aside"].as_u64().map(|cycles| cycles / 1_000_000_000),
        Some(42)
    );
    assert_eq!(strategy["host_time_ms"], Value::Null);
}

#[test]
fn a_figure_that_is_worse_than_the_tolerance_ends_with_code_3() {
    let kept = Kept::new();
    kept.edit(|results| {
        let instructions = &mut results["strategies"][1]["caller_instructions"];
        *instructions = (instructions.as_u64().expect("a number") * 100 / 103).into();
    });
    let worse = kept.compare(&[]);
    assert_eq!(worse.code, 3, "{}", worse.stderr);
    let line = worse.stdout.lines().find(|line| line.contains("worse by")).expect("a line");
    assert!(line.starts_with("parallel") && line.contains("caller's instructions"), "{line}");
    assert!(worse.stderr.contains("worse than the baseline"), "{}", worse.stderr);
    assert_eq!(kept.compare(&["--tolerance", "5"]).code, 0);
    let json: Value = serde_json::from_str(&kept.compare(&["--json"]).stdout).expect("JSON");
    assert_eq!(json["baseline"]["is_worse"], true);
    assert_eq!(json["strategies"].as_array().map(Vec::len), Some(3));
    let markdown = kept.compare(&["--markdown"]);
    assert_eq!(markdown.code, 3);
    assert!(markdown.stdout.contains("**worse by 3."), "{}", markdown.stdout);
}

#[test]
fn rounds_and_successful_calls_are_compared_exactly() {
    for (figure, better) in [("rounds", 10), ("succeeded", 11)] {
        let kept = Kept::new();
        kept.edit(|results| results["strategies"][0][figure] = json!(better));
        assert_eq!(kept.compare(&["--tolerance", "99"]).code, 3, "{figure}");
    }
}

#[test]
fn persist_accepts_the_new_results() {
    let kept = Kept::new();
    kept.edit(|results| results["strategies"][0]["rounds"] = json!(1));
    assert_eq!(kept.compare(&[]).code, 3);
    assert_eq!(kept.compare(&["--persist"]).code, 0);
    assert_eq!(kept.compare(&[]).code, 0);
    let new = kept.path("new.json");
    let created = run(&["--calls", "10", "--baseline", &new, "--persist"]);
    assert_eq!(created.code, 0, "{}", created.stderr);
    assert!(created.stdout.contains("20 new"), "{}", created.stdout);
    assert_eq!(
        fs::read(&new).expect("it was written"),
        fs::read(kept.path("kept.json")).expect("kept")
    );
    // No file under another name is left.
    let mut files = kept.files();
    files.sort();
    assert_eq!(files, ["kept.json", "new.json"]);
}

#[test]
fn host_times_are_kept_if_wanted_and_never_compared() {
    let kept = Kept::new();
    let timed = run(&["--calls", "10", "--with-host-times", "--save", &kept.path("kept.json")]);
    assert_eq!(timed.code, 0, "{}", timed.stderr);
    assert!(kept.read()["strategies"][0]["host_time_ms"].as_f64().expect("a number") > 0.0);
    assert_eq!(kept.compare(&["--tolerance", "0"]).code, 0);
}

#[test]
fn a_baseline_that_does_not_fit_ends_with_code_2_before_anything_runs() {
    let kept = Kept::new();
    let file = kept.path("kept.json");
    let text = kept.path("text.json");
    fs::write(&text, "not JSON").expect("a file");
    let other_version = kept.path("other.json");
    fs::write(&other_version, "{\"version\": 9}").expect("a file");
    let absent = kept.path("absent.json");
    let folder = kept.path("");
    for (args, expected) in [
        (&["--baseline", &file][..], "--calls 90"),
        (&["--baseline", &file, "--calls", "10", "--same-subnet"], "--same-subnet"),
        (&["--baseline", &file, "--calls", "10", "--profile", "mainnet"], "--profile mainnet"),
        (&["--baseline", &absent], "make it with --save"),
        (&["--baseline", &text], "not a file of --save"),
        (&["--baseline", &other_version], "version 9"),
        (&["--baseline", &folder], "cannot use"),
        (&["--save", &folder], "cannot write"),
        (&["--save", &kept.path("no/such/folder.json")], "folder that exists"),
        (&["--baseline", &kept.path("no/new.json"), "--persist"], "folder that exists"),
        (&["--tolerance", "2"], "--baseline"),
        (&["--persist"], "--baseline"),
        (&["--baseline", &file, "--tolerance", "-1"], "percentage"),
        (&["--baseline", &file, "--csv"], "--csv"),
        (&["--sweep", "--save", &file], "--sweep"),
        (&["--with-host-times"], "--save FILE"),
        (&["--with-host-times", "--sweep", "1"], "--sweep"),
        (&["--with-host-times", "--baseline", &file, "--calls", "10"], "--persist"),
        (&["--baseline", &file, "--calls", "10", "--save", &file], "use `--persist`"),
        (&["--trace", &absent, "--report", &absent, "--save", &absent], "same file"),
    ] {
        let failed = run(args);
        let message = failed.error(2);
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

/// A folder for pictures of which one cannot be written: a folder has its name.
fn blocked_pictures(kept: &Kept) -> String {
    fs::create_dir_all(kept.path("pictures/costs.svg/in-the-way")).expect("folders");
    kept.path("pictures")
}

#[test]
fn a_picture_that_cannot_be_written_takes_neither_results_nor_verdict_away() {
    let kept = Kept::new();
    let first = fs::read(kept.path("kept.json")).expect("the file was written");
    let pictures = blocked_pictures(&kept);
    kept.edit(|results| results["strategies"][0]["rounds"] = json!(1));
    let page = kept.path("page.html");
    let again = kept.path("again.json");
    let worse = kept.compare(&["--svg", &pictures, "--report", &page, "--save", &again]);
    assert_eq!(worse.code, 3, "{}", worse.stderr);
    assert!(worse.stderr.contains("costs.svg") && worse.stderr.contains("worse than"));
    assert!(fs::metadata(&page).is_ok());
    assert_eq!(fs::read(&again).expect("it was written"), first);
    let persisted = kept.compare(&["--svg", &pictures, "--persist"]);
    assert_eq!(persisted.code, 1, "{}", persisted.stderr);
    assert_eq!(fs::read(kept.path("kept.json")).expect("it was written"), first);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_reported_before_anything_runs() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("own folder");
    if fs::write(folder.path().join("probe"), "").is_ok() {
        // The superuser may write everywhere.
        return;
    }
    let file = folder.path().join("kept.json");
    let failed = run(&["--save", file.to_str().expect("a plain name")]);
    assert!(failed.error(2).contains("cannot write"));
}

#[test]
fn results_of_another_pair_are_refused_and_a_pair_without_reasons_is_compared() {
    let kept = Kept::new();
    let pair = sample_pair();
    let [caller, callee] =
        [&pair.caller, &pair.callee].map(|path| path.to_str().expect("a plain path"));
    let env = [("CALLER_WASM", caller), ("CALLEE_WASM", callee)];
    let file = kept.path("kept.json");
    let other = run_with(&["--calls", "10", "--baseline", &file], &env);
    let message = other.error(2);
    assert!(
        message.contains("`caller.wasm`") && message.contains("plain_caller.wasm"),
        "{message}"
    );

    let own = kept.path("own.json");
    let saved = run_with(&["--calls", "10", "--save", &own], &env);
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    let results: Value =
        serde_json::from_str(&fs::read_to_string(&own).expect("written")).expect("JSON");
    assert_eq!(results["strategies"].as_array().map(Vec::len), Some(2));
    assert_eq!(results["strategies"][0].get("failures"), None);
    assert!(results["strategies"][0]["callee_instructions"].as_u64() > Some(0));
    let compared = run_with(&["--calls", "10", "--baseline", &own, "--tolerance", "0"], &env);
    assert_eq!(compared.code, 0, "{}", compared.stderr);
    assert!(compared.stdout.contains("14 without change"), "{}", compared.stdout);
}

/// What the committed baseline was measured with.
struct Committed {
    /// The file, below `multi_subnet/tests/baseline`.
    file: &'static str,
    args: &'static [&'static str],
}

const COMMITTED: [Committed; 2] = [
    Committed { file: "two_subnets_90.json", args: &[] },
    Committed { file: "one_subnet_2000.json", args: &["--same-subnet", "--calls", "2000"] },
];

/// How much worse a figure may be than in the committed baseline, in percent, if another compiler built the canisters.
const OTHER_COMPILER_TOLERANCE: &str = "20";

/// The compiler that built a module: the commit of rustc, which stands in the paths of the standard library.
fn compiler_of(module: &Path) -> String {
    let module = fs::read(module).expect("the canister was built");
    let prefix = b"/rustc/";
    let at = module.windows(prefix.len()).position(|bytes| bytes == prefix);
    let commit = at.and_then(|at| module.get(at + prefix.len()..at + prefix.len() + 40));
    let commit = commit.and_then(|commit| std::str::from_utf8(commit).ok());
    commit.unwrap_or("unknown").to_owned()
}

#[test]
fn the_pair_of_this_workspace_is_no_worse_than_its_committed_baseline() {
    let folder = workspace().join("multi_subnet/tests/baseline");
    let caller = multi_subnet::canisters::workspace_modules().expect("the canisters build").caller;
    let compiler = compiler_of(&caller);
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    if bless {
        fs::write(folder.join("compiler.txt"), format!("{compiler}\n")).expect("it can be written");
    }
    let committed = fs::read_to_string(folder.join("compiler.txt")).unwrap_or_default();
    let same_compiler = committed.trim() == compiler;
    for Committed { file, args } in COMMITTED {
        let path = folder.join(file);
        let baseline = ["--baseline", path.to_str().expect("a plain path")];
        let more: &[&str] = match (bless, same_compiler) {
            (true, _) => &["--persist"],
            (false, true) => &[],
            (false, false) => &["--tolerance", OTHER_COMPILER_TOLERANCE],
        };
        let compared = run(&[args, &baseline, more].concat());
        assert_eq!(
            compared.code, 0,
            "{}{}If the change is intended, run this test once with BLESS=1 (built with rustc {compiler}, the \
             baseline with {committed})",
            compared.stdout, compared.stderr
        );
    }
    if !same_compiler && !bless {
        // The test harness hides what the macros of a test that passes print, but not what goes to standard error
        // itself. Whether the message can be written decides nothing.
        let _ = writeln!(
            io::stderr(),
            "\nwarning: another compiler (rustc {compiler}) built the canisters than those of the committed baseline \
             (rustc {}): figures may be {OTHER_COMPILER_TOLERANCE} % worse instead of 1 %. Run this test with BLESS=1 to \
             take the new figures",
            committed.trim()
        );
    }
}
