//! The page of the live network in a real browser, with the pair that the command line tool `icp` has deployed.

use crate::project::{Project, workspace};
use test_support::browser::PageScenario;

/// Largest picture for the documents, in bytes.
const PICTURE_BYTES_MAX: usize = 150_000;

/// The first bytes of a picture in the format PNG, up to its width (`https://www.w3.org/TR/png-3/`, section 5).
const PNG_START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

/// A network with the pair.
fn deployed(arguments: &[&str]) -> Option<Project> {
    let mut project = Project::new()?;
    project.serve(arguments);
    project.ok("icp deploy -e live --cycles 100t");
    Some(project)
}

/// Uses the page of a project's network. The scenario asks for nothing.
fn use_page(name: &str, project: &Project, parameters: &[&str]) -> bool {
    let asked_for = |what: &str| -> String { panic!("{name} asks for something: {what}") };
    PageScenario { name, link: project.page(), parameters }.run(asked_for)
}

#[test]
fn people_watch_and_make_calls_on_the_page_of_the_live_network() {
    let Some(project) = deployed(&[]) else { return };
    use_page("use", &project, &[]);
}

/// With `BLESS=1`, the test writes the picture of the page for the documents.
#[test]
fn people_watch_calls_between_two_subnets_while_they_run() {
    let Some(mut project) = Project::new() else { return };
    // Rounds take as long as on the mainnet.
    project.serve(&["--profile", "mainnet"]);
    let of = |kind: &str| {
        let subnets = project.subnets().iter().filter(move |line| line.contains(kind));
        subnets.filter_map(|line| line.split_whitespace().next()).collect::<Vec<_>>()
    };
    let [one, other] = of("application")[..] else { panic!("{:?}", project.subnets()) };
    project.ok(&format!("icp deploy -e live callee --subnet {one}"));
    project.ok(&format!("icp deploy -e live caller --cycles 100t --subnet {other}"));
    let picture = workspace().join("docs/pictures/page.png");
    let blessed = std::env::var_os("BLESS").is_some();
    let parameters = if blessed { vec![picture.to_str().unwrap()] } else { Vec::new() };
    use_page("follow", &project, &parameters);
}

#[test]
fn the_picture_of_the_page_for_the_documents_is_a_small_png() {
    let picture = workspace().join("docs/pictures/page.png");
    let bytes = std::fs::read(&picture).unwrap_or_else(|error| {
        panic!(
            "{error}: BLESS=1 cargo test --workspace --test clients people makes {}",
            picture.display()
        )
    });
    let rest = bytes.strip_prefix(PNG_START).expect("the picture is a PNG");
    let [width, height] = [0, 4].map(|at| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap()));
    assert!(width >= 1_000 && height >= 600, "the picture has {width} x {height} pixels");
    assert!(bytes.len() < PICTURE_BYTES_MAX, "the picture has {} bytes", bytes.len());
}

#[test]
fn the_page_goes_on_by_itself_when_the_network_starts_again_with_its_state() {
    let Some(mut project) = deployed(&["--state", "state"]) else { return };
    let link = project.page().to_owned();
    let act = |what: &str| match what {
        "end the network" => {
            project.interrupt();
            String::new()
        }
        "start the network again" => {
            project.serve_again(&["--state", "state"]);
            project.page().to_owned()
        }
        other => panic!("the scenario asks for something else: {other}"),
    };
    PageScenario { name: "restart", link: &link, parameters: &[] }.run(act);
}

#[test]
fn an_open_page_at_rest_gives_neither_the_network_nor_the_browser_work() {
    let Some(project) = deployed(&[]) else { return };
    let act = |what: &str| {
        assert_eq!(what, "tell the processor time of the network in milliseconds");
        processor_time_ms(project.process_id()).to_string()
    };
    PageScenario { name: "rest", link: project.page(), parameters: &[] }.run(act);
}

/// The processor time that a process has used; 0 where the system has no `/proc`.
fn processor_time_ms(process: u32) -> u64 {
    // Linux counts in hundredths of a second (`man proc_pid_stat`: `utime` and `stime`).
    const MS_PER_TICK: u64 = 10;
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0 };
    let (_, after_name) = stat.rsplit_once(") ").expect("the name of the program is in brackets");
    let fields: Vec<&str> = after_name.split(' ').collect();
    // They are the 14th and the 15th field. The third one is the first after the name.
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    ticks * MS_PER_TICK
}
