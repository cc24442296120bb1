use candid_parser::utils::{CandidSource, service_equal};

use crate::jobs::{JobId, JobSpec, JobStatus};
use crate::outbox::{EntryResult, Status};
use crate::portfolio::{Portfolio, PortfolioRequest};
use crate::raw::{RawOutcome, RawRequest};
use crate::run::{RunReport, Strategy};
use candid::Principal;

candid::export_service!();

#[test]
fn the_endpoints_are_those_of_the_committed_interface() {
    let (served, committed) = (__export_service(), include_str!("../caller.did"));
    service_equal(CandidSource::Text(&served), CandidSource::Text(committed))
        .unwrap_or_else(|difference| panic!("{difference}\nserved:\n{served}"));
}
