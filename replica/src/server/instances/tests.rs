//! Several instances of one server, one of which panics.

use super::*;
use crate::instance::InstanceConfig;
use std::pin::Pin;

fn instances(count: usize) -> Arc<Instances> {
    let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
    for number in 0..count {
        let config = InstanceConfig::with_application_subnets(1);
        let (id, ()) = instances.create(config.into(), |_| ()).expect("it can be made");
        assert_eq!(id, number);
    }
    Arc::new(instances)
}

fn is_lost(error: &ApiError) -> bool {
    format!("{error:?}").contains("cannot be used any more")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_reported_on_its_instance_and_harms_no_other() {
    let instances = instances(2);
    let error = instances.execute(0, |_| panic!("a bug, on purpose")).await.expect_err("it failed");
    assert!(is_lost(&error), "{error:?}");
    let error = instances.with(0, |instance| instance.time()).await.expect_err("it has failed");
    assert!(is_lost(&error), "{error:?}");
    instances.execute(1, Instance::tick).await.expect("the other goes on");
    instances.delete(0).await.expect("it can still be deleted");
    assert_eq!(instances.list(), ["Deleted", "Available"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_progress_of_an_instance_that_has_panicked_is_an_error_and_does_not_wait() {
    let instances = instances(1);
    instances.with(0, |_| panic!("a bug, on purpose")).await.expect_err("it failed");
    let instance = instances.get(0).expect("it is still there");
    let error = instance.start_auto_progress(Duration::ZERO).await.expect_err("it has panicked");
    assert!(is_lost(&error), "{error:?}");
    instance.stop_auto_progress().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_auto_progresses_can_be_deleted_and_is_then_gone() {
    let instances = instances(1);
    let instance = instances.get(0).expect("it is there");
    instance.start_auto_progress(Duration::ZERO).await.expect("it begins");
    let weak = Arc::downgrade(&instance);
    drop(instance);
    instances.delete(0).await.expect("it is there");
    assert!(weak.upgrade().is_none(), "nothing holds it any more");
}

/// An instance that is saved in a folder.
fn saved_instance(folder: &std::path::Path) -> Arc<Instances> {
    let instances = instances(0);
    let request = InstanceRequest {
        state_dir: Some(StateDir::open(folder).expect("the directory is free")),
        ..InstanceConfig::with_application_subnets(1).into()
    };
    instances.create(request, |_| ()).expect("it can be made");
    instances
}

/// The rounds that instance 0 has executed.
async fn rounds(instances: &Instances) -> u64 {
    instances.with(0, |instance| instance.network().rounds()).await.expect("it is of use")
}

/// The rounds of the network in a state directory.
fn saved_rounds(folder: &std::path::Path) -> u64 {
    let mut state_dir = StateDir::open(folder).expect("the directory is free");
    state_dir.restore(false).expect("the state is complete").network().rounds()
}

/// Begins an operation on instance 0 that lasts until the returned value is dropped.
async fn keep_busy(instances: &Arc<Instances>) -> std::sync::mpsc::Sender<()> {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let instances = instances.clone();
    let wait = move |_: &mut Instance| {
        let _ = begin.send(());
        let _ = ended.recv();
    };
    tokio::spawn(async move { instances.execute(0, wait).await });
    begun.await.expect("it begins");
    end
}

/// Polls a future until it waits for something else.
async fn begin<F: Future + Unpin>(future: &mut F) {
    let first = std::future::poll_fn(|context| {
        std::task::Poll::Ready(Pin::new(&mut *future).poll(context))
    });
    assert!(first.await.is_pending());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_executed_before_the_end_is_saved_and_later_requests_find_no_instance() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let instances = saved_instance(folder.path());
    let before = rounds(&instances).await;
    let busy = keep_busy(&instances).await;
    // The queue of the instance is: a tick, the end, a tick.
    let hosted = instances.get(0).expect("it is there");
    let mut first = Box::pin(hosted.execute(Instance::tick));
    begin(&mut first).await;
    let mut end = Box::pin(hosted.close(Instance::checkpoint));
    begin(&mut end).await;
    let mut late = Box::pin(hosted.execute(Instance::tick));
    begin(&mut late).await;
    drop(busy);
    first.await.expect("it is executed");
    end.await.expect("it is saved");
    assert_eq!(late.await, Err(unknown(0)));
    assert_eq!(hosted.height(), Err(unknown(0)));
    hosted.close(Instance::checkpoint).await.expect("it has ended already");
    assert_eq!(saved_rounds(folder.path()), before + 2, "a tick and a checkpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_waits_for_a_deletion_whose_client_is_gone() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let instances = saved_instance(folder.path());
    let before = rounds(&instances).await;
    let busy = keep_busy(&instances).await;
    let mut deletion = Box::pin(instances.delete(0));
    begin(&mut deletion).await;
    drop(deletion);
    let mut end = Box::pin(instances.save_all());
    begin(&mut end).await;
    drop(busy);
    end.await;
    assert_eq!(saved_rounds(folder.path()), before + 1, "a checkpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_an_instance_that_cannot_be_saved_is_executed() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let instances = saved_instance(folder.path());
    let busy = keep_busy(&instances).await;
    let hosted = instances.get(0).expect("it is there");
    let mut end = Box::pin(hosted.close(|_| ()));
    begin(&mut end).await;
    let mut late = Box::pin(hosted.execute(Instance::tick));
    begin(&mut late).await;
    // Where a directory is, no file can be written.
    let obstacle = folder.path().join("network.state.unfinished");
    std::fs::create_dir(&obstacle).expect("the folder is writable");
    drop(busy);
    end.await.expect_err("it cannot be saved");
    late.await.expect("it is executed");
    std::fs::remove_dir(&obstacle).expect("the folder exists");
    instances.delete(0).await.expect("it can be saved");
    assert_eq!(instances.list(), ["Deleted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_an_instance_is_read_is_an_error_and_the_instance_goes_on() {
    let instances = instances(1);
    let hosted = instances.get(0).expect("it is there");
    let error = hosted.read(|_| panic!("a bug, on purpose")).await.expect_err("it failed");
    assert!(error.message.contains("panicked while it read instance 0"), "{error}");
    hosted.execute(Instance::tick).await.expect("the instance goes on");
}
