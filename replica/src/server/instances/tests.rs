//! Instances beside each other when one of them fails.

use super::*;

fn instances(count: usize) -> Arc<Instances> {
    let instances = Instances::new(NetworkProfile::POCKET_IC);
    for number in 0..count {
        let config = InstanceConfig::with_application_subnets(1);
        let (id, ()) = instances.create(config, |_| ()).expect("it can be made");
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
async fn progress_of_an_instance_that_has_failed_is_an_error_and_no_wait() {
    let instances = instances(1);
    instances.with(0, |_| panic!("a bug, on purpose")).await.expect_err("it failed");
    let slot = instances.slot(0).expect("it is still there");
    let error = slot.start_progress(Duration::ZERO).await.expect_err("it cannot progress");
    assert!(is_lost(&error), "{error:?}");
    slot.stop_progress().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_progresses_can_be_deleted_and_is_then_gone() {
    let instances = instances(1);
    let slot = instances.slot(0).expect("it is there");
    slot.start_progress(Duration::ZERO).await.expect("it begins");
    let weak = Arc::downgrade(&slot);
    drop(slot);
    instances.delete(0).await.expect("it is there");
    assert!(weak.upgrade().is_none(), "nothing holds it any more");
}
