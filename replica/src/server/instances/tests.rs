//! Several instances of one server, one of which panics.

use super::*;
use crate::instance::InstanceConfig;

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
