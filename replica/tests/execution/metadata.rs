//! The metadata of modules, and which canisters may read it.

use crate::ic00::{ask, decode, management};
use candid::Principal;
use ic_management_canister_types::{CanisterMetadataArgs, CanisterMetadataResult};
use pocket_ic::ErrorCode;
use test_support::script::{canister, rejected, script};
use test_support::{ScriptedNetwork, on_every_server};

fn with_section(mut module: Vec<u8>, name: &str, content: &str) -> Vec<u8> {
    module.push(0);
    module.push(u8::try_from(1 + name.len() + content.len()).unwrap());
    module.push(name.len() as u8);
    module.extend(name.as_bytes());
    module.extend(content.as_bytes());
    module
}

fn read(
    network: &ScriptedNetwork,
    reader: Principal,
    name: &str,
) -> Result<Vec<u8>, (u64, String)> {
    let arguments = CanisterMetadataArgs { canister_id: network.b, name: name.into() };
    let one = management("canister_metadata", arguments)
        .on_reply(script().append("+").append_argument().reply_appended());
    let reply = network.run(reader, script().call(one)).unwrap();
    match reply.strip_prefix(b"+") {
        Some(reply) => Ok(decode::<(CanisterMetadataResult,)>(reply).0.value),
        None => Err(rejected(&reply)),
    }
}

#[test]
fn canisters_read_public_metadata_and_controllers_private_metadata_too() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let module = with_section(canister(), "icp:public greeting", "hello");
        let module = with_section(module, "icp:private secret", "hidden");
        network.pic.reinstall_canister(network.b, module, vec![], None).unwrap();
        assert_eq!(read(&network, network.a, "greeting"), Ok(b"hello".to_vec()));
        for name in ["secret", "missing"] {
            let (code, text) = read(&network, network.a, name).unwrap_err();
            assert_eq!(code, 4);
            assert!(text.contains("no metadata section"), "{text}");
        }
        network.pic.set_controllers(network.b, None, vec![network.a]).unwrap();
        assert_eq!(read(&network, network.a, "secret"), Ok(b"hidden".to_vec()));
    });
}

#[test]
fn a_canister_without_code_has_no_metadata() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.uninstall_canister(network.b, None).unwrap();
        let (code, text) = read(&network, network.a, "greeting").unwrap_err();
        assert_eq!(code, 4);
        assert!(text.contains("no Wasm module"), "{text}");
    });
}

#[test]
fn users_cannot_read_metadata_by_a_management_call() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let arguments = CanisterMetadataArgs { canister_id: network.b, name: "x".into() };
        let reject =
            ask(&network.pic, Principal::anonymous(), network.b, "canister_metadata", arguments);
        assert_eq!(reject.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
    });
}
