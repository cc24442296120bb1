//! The HTTP requests for the outcalls of one instance, made while the instance auto-progresses.
//!
//! As in PocketIC, the server makes one request for each outcall, and all nodes of the subnet get the
//! response to this request (`pocket_ic_server/src/pocket_ic.rs`, `ProcessCanisterHttpInternal`). The
//! instance does not wait for a request. It is used again only when the response is there: then the
//! canister transforms the response.

use crate::instance::Instance;
use crate::server::hosted::HostedInstance;
use crate::server::outcalls::OutcallClient;
use crate::subnet::{NodeResponses, OutcallRequest};
use crate::types::SubnetId;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::task::JoinSet;

/// An outcall that waits for its request: its subnet, its number on this subnet, and the request.
type Waiting = (SubnetId, u64, OutcallRequest);

/// The requests that the server makes for the outcalls of one instance. Dropping this value cancels
/// them.
pub(super) struct OutcallRequests {
    client: Arc<OutcallClient>,
    instance: Weak<HostedInstance>,
    /// The number of the next outcall of each subnet. The numbers of a subnet increase.
    next: BTreeMap<SubnetId, u64>,
    tasks: JoinSet<()>,
}

impl OutcallRequests {
    /// No requests yet.
    pub(super) fn new(client: Arc<OutcallClient>, instance: Weak<HostedInstance>) -> Self {
        Self { client, instance, next: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Takes the outcalls of an instance that wait for a request that this value has not made.
    pub(super) fn take_new(&mut self, instance: &Instance) -> Vec<Waiting> {
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

    /// Starts to make the requests of these outcalls.
    pub(super) fn start(&mut self, outcalls: Vec<Waiting>) {
        // The set keeps the results of ended tasks until they are taken.
        while self.tasks.try_join_next().is_some() {}
        for outcall in outcalls {
            self.tasks.spawn(make(self.client.clone(), self.instance.clone(), outcall));
        }
    }
}

/// Makes the request of an outcall, and hands the response to the instance.
async fn make(
    client: Arc<OutcallClient>,
    instance: Weak<HostedInstance>,
    (subnet, number, request): Waiting,
) {
    let (response, elapsed) = client.request(&request).await;
    let Some(hosted) = instance.upgrade() else { return };
    let responses = NodeResponses::Same(response);
    let respond =
        |instance: &mut Instance| instance.respond_to_outcall(subnet, number, responses, elapsed);
    // The outcall can have ended meanwhile: by its timeout, or because a client provided a response.
    if let Ok(Err(error)) = hosted.execute(respond).await {
        tracing::debug!("the response to the outcall {number} of {subnet} came too late: {error}");
    }
}
