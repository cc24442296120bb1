//! What agents get while the instance is busy.

use super::super::status::status;
use super::*;
use crate::instance::InstanceConfig;
use crate::network::NetworkProfile;
use crate::server::OutcallDestinations;
use crate::server::instances::Instances;
use candid::Principal;
use ic_transport_types::{Envelope, EnvelopeContent};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// An instance whose time stands still.
fn hosted() -> Arc<HostedInstance> {
    let instances = Instances::new(NetworkProfile::POCKET_IC, OutcallDestinations::default());
    let config = InstanceConfig::with_application_subnets(1);
    let (id, ()) = instances.create(config.into(), |_| ()).expect("it can be made");
    instances.get(id).expect("it is there")
}

/// An anonymous call that creates a canister.
async fn creation(hosted: &HostedInstance) -> Bytes {
    let now = hosted.with(|instance| instance.time()).await.expect("it is of use");
    let content = EnvelopeContent::Call {
        nonce: None,
        ingress_expiry: now.plus_secs(60).as_nanos(),
        sender: Principal::anonymous(),
        canister_id: Principal::management_canister(),
        method_name: "provisional_create_canister_with_cycles".into(),
        arg: crate::ic00::encode((
            ic_management_canister_types::ProvisionalCreateCanisterWithCyclesArgs::default(),
        )),
        sender_info: None,
    };
    let (sender_pubkey, sender_sig, sender_delegation) = (None, None, None);
    let content = Cow::Owned(content);
    Envelope { content, sender_pubkey, sender_sig, sender_delegation }.encode_bytes().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_an_instance_executes_its_status_is_told_and_a_call_waits_no_longer_than_it_may() {
    let hosted = hosted();
    let body = creation(&hosted).await;
    let subnet = Scope::Subnet(hosted.root_key().subnet_id());
    let ((begun, has_begun), (end, has_ended)) = (channel(), channel::<()>());
    let busy = tokio::spawn({
        let hosted = hosted.clone();
        async move {
            let computes = move |_: &mut Instance| {
                begun.send(()).expect("the test waits for it");
                has_ended.recv().expect("the test ends it");
            };
            hosted.execute(computes).await.expect("it does not panic");
        }
    });
    tokio::task::block_in_place(|| has_begun.recv()).expect("it begins");

    let told = tokio::time::timeout(Duration::from_secs(30), status(Extension(hosted.clone())));
    assert!(told.await.expect("it waits for nothing").is_ok());
    let brief = Duration::from_millis(50);
    let called = submit_and_wait(&hosted, subnet, body.clone(), brief);
    let called = tokio::time::timeout(Duration::from_secs(30), called).await;
    let refused = called.expect("it is not patient").map(|response| response.status());
    assert!(format!("{refused:?}").contains("send it again"), "{refused:?}");

    end.send(()).expect("it waits for that");
    busy.await.expect("it ends");
    // Once it is let in, nobody sends it again: its answer is asked for. On a busy machine, the brief time
    // may be over before it is let in.
    let let_in = loop {
        match submit_and_wait(&hosted, subnet, body.clone(), brief).await {
            Ok(response) => break response,
            Err(refused) => {
                assert!(format!("{refused:?}").contains("send it again"), "{refused:?}")
            }
        }
    };
    assert_eq!(let_in.status(), StatusCode::ACCEPTED);
}
