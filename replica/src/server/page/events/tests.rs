use super::*;
use crate::instance::{Instance, InstanceConfig};
use crate::limits::PAGE_MESSAGES_MAX;
use crate::network::NetworkProfile;
use crate::server::hosted::HostedInstance;
use crate::server::instances::Instances;
use crate::server::outcalls::OutcallDestinations;
use std::sync::Arc;

fn network() -> Arc<HostedInstance> {
    let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
    let instance = Instance::new(InstanceConfig::with_application_subnets(1)).expect("one");
    let id = instances.add(instance, None);
    instances.get(id).expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_takes_nothing_is_cut_off() {
    let hosted = network();
    let (page, mut pieces) = channel(1);
    let reader = readers::open(&hosted).await.expect("there is room");
    let ended = send(reader, None, page, Duration::from_millis(50)).await;
    assert_eq!(ended, None);
    // What the page was sent before, and then the end.
    while pieces.recv().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_far_behind_is_cut_off() {
    let hosted = network();
    let (page, mut pieces) = channel(1);
    let mut reader = readers::open(&hosted).await.expect("there is room");
    let (messages, receiver) = tokio::sync::broadcast::channel(PAGE_MESSAGES_MAX);
    reader.messages = receiver;
    reader.backlog.clear();
    for _ in 0..=PAGE_MESSAGES_MAX {
        messages.send(Bytes::from_static(b"x")).expect("there is a page");
    }
    assert_eq!(send(reader, None, page, Duration::from_secs(600)).await, None);
    assert_eq!(pieces.recv().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_closed_is_forgotten_at_rest_too() {
    let hosted = network();
    let (page, pieces) = channel(8);
    let reader = readers::open(&hosted).await.expect("there is room");
    drop(pieces);
    assert_eq!(send(reader, None, page, Duration::from_secs(600)).await, None);
}
