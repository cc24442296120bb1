//! The HTTP requests for the outcalls of one instance.
//!
//! As in PocketIC, the server makes one request for each outcall, and all nodes of the subnet get the
//! response to this request (`pocket_ic_server/src/pocket_ic.rs`, `ProcessCanisterHttpInternal`). Requests
//! begin while the instance auto-progresses, and the instance gets the responses while it auto-progresses.
//! In between, the instance does not wait for them.

use crate::instance::Instance;
use crate::server::outcalls::OutcallClient;
use crate::subnet::{NodeResponse, NodeResponses, OutcallRequest};
use crate::types::SubnetId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// An outcall whose request is to be made: its subnet, its number on this subnet, and the request.
type NewOutcall = (SubnetId, u64, OutcallRequest);

/// A response: the subnet and the number of the outcall, the response, and how long the request took.
type OutcallResponse = (SubnetId, u64, NodeResponse, Duration);

/// The requests that the server makes for the outcalls of one instance. Dropping this value cancels
/// them.
#[derive(Debug)]
pub(super) struct OutcallRequests {
    client: Arc<OutcallClient>,
    /// The number of the next outcall of each subnet. The numbers of a subnet increase.
    next: BTreeMap<SubnetId, u64>,
    open: JoinSet<OutcallResponse>,
    /// Responses that the instance has not got yet.
    responses: Vec<OutcallResponse>,
}

impl OutcallRequests {
    /// No requests yet.
    pub(super) fn new(client: Arc<OutcallClient>) -> Self {
        Self { client, next: BTreeMap::new(), open: JoinSet::new(), responses: Vec::new() }
    }

    /// Waits for a response. If no request is open, this takes forever. The future can be dropped without
    /// the loss of a response.
    pub(super) async fn response(&mut self) {
        match self.open.join_next().await {
            Some(done) => self.responses.extend(done),
            None => std::future::pending().await,
        }
    }

    /// Whether there is a response that the instance has not got.
    pub(super) fn have_response(&mut self) -> bool {
        while let Some(done) = self.open.try_join_next() {
            self.responses.extend(done);
        }
        !self.responses.is_empty()
    }

    /// Hands the responses so far to the instance, which executes the transform functions of canisters.
    pub(super) fn deliver(&mut self, instance: &mut Instance) {
        for (subnet, number, response, elapsed) in self.responses.drain(..) {
            let responses = NodeResponses::Same(response);
            // The outcall can have ended: by its timeout, or because a client provided a response.
            if let Err(error) = instance.respond_to_outcall(subnet, number, responses, elapsed) {
                tracing::debug!("a response to outcall {number} of {subnet} is too late: {error}");
            }
        }
    }

    /// Takes the outcalls of an instance whose requests this value has not made yet.
    pub(super) fn take_new(&mut self, instance: &Instance) -> Vec<NewOutcall> {
        let mut new = Vec::new();
        for (subnet, number, request) in instance.outcalls() {
            let next = self.next.entry(subnet).or_default();
            if number >= *next {
                *next = number + 1;
                new.push((subnet, number, request.clone()));
            }
        }
        new
    }

    /// Begins the requests of these outcalls.
    pub(super) fn begin(&mut self, outcalls: Vec<NewOutcall>) {
        for (subnet, number, request) in outcalls {
            let client = self.client.clone();
            self.open.spawn(async move {
                let (response, elapsed) = client.request(&request).await;
                (subnet, number, response, elapsed)
            });
        }
    }
}
