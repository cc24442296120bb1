//! The page of the live network in a real browser, with the pair that the command line tool `icp` has deployed.

use crate::project::{Project, workspace};
use test_support::browser::use_page;

/// Largest picture for the documents, in bytes.
const PICTURE_BYTES_MAX: u64 = 150_000;

/// With `BLESS=1`, the test writes the picture of the page for the documents.
#[test]
fn people_watch_and_make_calls_on_the_page_of_the_live_network() {
    let Some(mut project) = Project::new() else { return };
    project.serve(&[]);
    project.ok("icp deploy -e live --cycles 100t");
    let picture = workspace().join("docs/pictures/page.png");
    let blessed = std::env::var_os("BLESS").is_some();
    let is_there = use_page(project.page(), blessed.then_some(picture.as_path()));
    if is_there && blessed {
        let bytes = picture.metadata().unwrap().len();
        assert!(bytes < PICTURE_BYTES_MAX, "the picture has {bytes} bytes");
    }
}
