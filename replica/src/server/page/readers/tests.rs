use super::*;
use crate::instance::InstanceConfig;
use crate::network::NetworkProfile;
use crate::server::instances::Instances;
use crate::server::outcalls::OutcallDestinations;

/// A server with an instance of two subnets, which progresses by itself.
async fn network() -> Arc<HostedInstance> {
    let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
    let instance = Instance::new(InstanceConfig::with_application_subnets(2)).expect("two");
    let id = instances.add(instance, None);
    let hosted = instances.get(id).expect("it is there");
    hosted.start_auto_progress(Duration::ZERO).await.expect("it is off");
    hosted
}

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_an_open_page_gets_no_message_and_causes_no_round() {
    let hosted = network().await;
    let mut page = open(&hosted).await.expect("there is room");
    let first = page.messages.recv().await.expect("the state");
    assert!(first.starts_with(b"event: state"), "{first:?}");
    let rounds = hosted.height().expect("it runs");
    sleep(4 * PAGE_STATE_INTERVAL).await;
    assert!(page.messages.try_recv().is_err());
    assert_eq!(hosted.height().expect("it runs"), rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_state_is_told_and_reading_it_is_not() {
    let hosted = network().await;
    let mut page = open(&hosted).await.expect("there is room");
    page.messages.recv().await.expect("the state");
    hosted.access(|_| ()).await.expect("it runs");
    sleep(2 * PAGE_STATE_INTERVAL).await;
    assert!(page.messages.try_recv().is_err());
    hosted.execute(Instance::tick).await.expect("it runs");
    let state = page.messages.recv().await.expect("another state");
    assert!(state.starts_with(b"event: state"), "{state:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_watched_while_a_page_is_open_and_not_for_ever() {
    let hosted = network().await;
    assert!(!hosted.watch.is_on());
    let page = open(&hosted).await.expect("there is room");
    let other = open(&hosted).await.expect("there is room");
    assert!(hosted.watch.is_on());
    drop((page, other));
    while hosted.watch.is_on() {
        sleep(PAGE_CALLS_INTERVAL).await;
    }
    assert!(hosted.access(|instance| !instance.is_watched()).await.expect("it runs"));
    // It can be opened again.
    open(&hosted).await.expect("there is room");
    assert!(hosted.watch.is_on());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_end_with_their_instance_and_too_many_are_refused() {
    let hosted = network().await;
    let mut pages = Vec::new();
    for _ in 0..PAGE_READERS_MAX {
        pages.push(open(&hosted).await.expect("there is room"));
    }
    let refused = open(&hosted).await.err().expect("there is no room");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    pages.truncate(1);
    let mut page = open(&hosted).await.expect("there is room");
    hosted.close(|_| ()).await.expect("nothing is saved");
    while page.messages.recv().await.is_ok() {}
    assert!(open(&hosted).await.is_err());
}
