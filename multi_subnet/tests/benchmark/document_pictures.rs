//! The pictures in the documents: up to date, and all shown.

use std::path::{Path, PathBuf};
use std::{env, fs};

use tempfile::TempDir;

use crate::binary::run;
use crate::documents::workspace;

/// The folder of the pictures.
const FOLDER: &str = "docs/pictures";
/// The name of a picture as a file, and in the documents.
type Name = (&'static str, &'static str);
/// The options that make pictures, and the names of these pictures.
const DOCUMENTED: [(&[&str], &[Name]); 3] = [
    (
        &["--calls", "2000"],
        &[
            ("costs", "costs"),
            ("overview", "overview"),
            ("parallel-open-calls", "parallel-open-calls"),
            ("parallel-timeline", "parallel-timeline"),
            ("sequential-timeline", "sequential-timeline"),
            ("windowed-open-calls", "windowed-open-calls"),
            ("windowed-timeline", "windowed-timeline"),
        ],
    ),
    (&["--calls", "90"], &[("sequential-timeline", "90-sequential-timeline")]),
    (&["--sweep", "10,100,1000"], &[("sweep-1", "sweep")]),
];
/// Pictures of the same calls differ by less than this, in percent, if the canisters are from another compiler, or
/// after a small change of the library.
const TOLERANCE_PERCENT: f64 = 10.0;
/// Pixels by which the same shapes differ.
const TOLERANCE_PIXELS: f64 = 1.5;
/// Whole numbers in texts below this are numbers of calls or rounds. Cycles and instructions are more, or have a unit.
const COUNTS_BELOW: f64 = 100_000.0;

/// The numbers in a text, and the text between them.
fn numbers(text: &str) -> (Vec<f64>, String) {
    let mut numbers = Vec::new();
    let mut rest = String::new();
    let mut digits = String::new();
    // Commas group digits.
    for character in text.chars().chain([' ']) {
        let continues = character == ',' || character == '.';
        if character.is_ascii_digit() || continues && !digits.is_empty() {
            digits.push(character);
        } else {
            if let Ok(number) = digits.replace(',', "").trim_end_matches('.').parse() {
                numbers.push(number);
                rest.push('#');
            }
            digits.clear();
            rest.push(character);
        }
    }
    (numbers, rest)
}

/// The texts of a picture: all that is not within a tag.
fn texts(picture: &str) -> Vec<&str> {
    picture.split('>').filter_map(|part| part.split('<').next()).collect()
}

/// The numbers of calls in a text. A number after `about` is an estimate.
fn counts(text: &str) -> Vec<f64> {
    const UNITS: [&str; 7] = ["s", "ms", "us", "M", "B", "T", "cycles"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut counts = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let is = |index: Option<usize>, expected: &[&str]| {
            let word = index.and_then(|index| words.get(index));
            word.is_some_and(|word| expected.contains(&word.trim_matches([',', ';', '.', ')'])))
        };
        if is(index.checked_sub(1), &["about"]) || is(Some(index + 1), &UNITS) {
            continue;
        }
        let number = word.trim_matches([',', ';', '.', ':', '(', ')']).replace(',', "");
        counts.extend(
            number.parse::<u32>().ok().map(f64::from).filter(|count| *count < COUNTS_BELOW),
        );
    }
    counts
}

/// Whether two pictures show the same, but for what other compilers change.
fn show_the_same(documented: &str, made: &str) -> bool {
    let [one, other] = [documented, made]
        .map(|picture| texts(picture).into_iter().map(counts).collect::<Vec<_>>());
    if one != other {
        return false;
    }
    let ((documented, one), (made, other)) = (numbers(documented), numbers(made));
    let close = |(documented, made): (&f64, &f64)| {
        let difference = (documented - made).abs();
        difference <= TOLERANCE_PIXELS || difference <= documented * TOLERANCE_PERCENT / 100.0
    };
    one == other && documented.len() == made.len() && documented.iter().zip(&made).all(close)
}

#[test]
fn pictures_with_other_numbers_of_calls_are_not_the_same() {
    let picture = |failed: &str, cycles: &str, x: f64| {
        format!(
            "<text x=\"{x}\">{failed} calls fail: about 2,374 calls, {cycles} cycles, 2.0 s</text>"
        )
    };
    let documented = picture("1,500", "10,608,023", 100.0);
    assert!(show_the_same(&documented, &documented));
    assert!(show_the_same(&documented, &picture("1,500", "10,708,023", 101.0)));
    assert!(!show_the_same(&documented, &picture("1,499", "10,608,023", 100.0)));
    assert!(!show_the_same(&documented, &picture("1,500", "13,608,023", 100.0)));
    assert!(!show_the_same(&documented, &picture("1,500", "10,608,023", 150.0)));
}

#[test]
fn the_pictures_in_the_documents_are_up_to_date() {
    let committed = workspace().join(FOLDER);
    let bless = env::var_os("BLESS").is_some_and(|value| value == "1");
    for (options, pictures) in DOCUMENTED {
        let made = TempDir::new().expect("a temporary folder");
        let path = made.path().to_str().expect("a plain name");
        let done = run(&[options, &["--svg", path]].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        for (file, name) in pictures {
            let [made, committed] = [(made.path(), file), (&committed, name)]
                .map(|(folder, name)| folder.join(format!("{name}.svg")));
            if bless {
                fs::copy(&made, &committed).expect("a copy");
            }
            let [documented, made] = [&committed, &made]
                .map(|file| fs::read_to_string(file).expect("a picture is text"));
            assert!(
                show_the_same(&documented, &made),
                "{} is out of date: run this test once with BLESS=1",
                committed.display()
            );
        }
    }
}

#[test]
fn every_picture_of_the_documents_is_made_by_a_test_and_shown() {
    let entries = fs::read_dir(workspace().join(FOLDER)).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    // A test in a browser makes the picture of the page.
    let page = workspace().join(FOLDER).join("page.png");
    assert!(
        files.contains(&page),
        "BLESS=1 cargo test --workspace --test clients people makes {page:?}"
    );
    files.retain(|file| *file != page);
    let terminal = fs::read_to_string(workspace().join("docs/terminal.md")).expect("a document");
    assert!(terminal.contains("(pictures/page.png)"), "the picture of the page is not shown");
    files.sort();
    let name = |file: &Path| file.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
    let files: Vec<String> = files.iter().filter_map(|file| name(file)).collect();
    let mut made: Vec<&str> =
        DOCUMENTED.iter().flat_map(|(_, pictures)| *pictures).map(|(_, name)| *name).collect();
    made.sort_unstable();
    assert_eq!(files, made);
    let document = fs::read_to_string(workspace().join("docs/benchmark.md")).expect("a document");
    for name in files {
        assert!(document.contains(&format!("(pictures/{name}.svg)")), "{name} is not shown");
    }
}
