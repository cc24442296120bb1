//! State directories, as PocketIC's clients use them.

use crate::http::{post, request};
use candid::Principal;
use embedded_replica::server::EmbeddedServer;
use pocket_ic::common::rest::{SubnetKind, Topology};
use pocket_ic::{PocketIc, PocketIcBuilder, PocketIcState};
use std::path::{Path, PathBuf};
use test_support::servers::embedded_server;

/// A builder for an instance of this server.
fn network(server: &EmbeddedServer) -> PocketIcBuilder {
    PocketIcBuilder::new().with_server_url(server.url().parse().unwrap())
}

/// Installs a canister that counts.
fn install(pic: &PocketIc, subnet: Principal) -> Principal {
    let canister = pic.create_canister_on_subnet(None, None, subnet);
    pic.install_canister(canister, test_support::counter(), vec![], None);
    canister
}

fn call(pic: &PocketIc, canister: Principal, method: &str) -> u64 {
    let argument = candid::encode_one(()).unwrap();
    let reply = pic.update_call(canister, Principal::anonymous(), method, argument).unwrap();
    candid::decode_one(&reply).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The folder of a subnet in a state directory.
fn of_subnet(state: &Path, topology: &Topology, subnet: Principal) -> PathBuf {
    let seed = topology.subnet_configs[&subnet].subnet_seed;
    state.join(seed.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The message with which the server refuses an instance.
fn refusal(server: &EmbeddedServer, config: &str) -> String {
    let answer = post(server.port(), "/instances", config);
    assert_eq!(answer.status, 400, "{config}");
    answer.body["Error"]["message"].as_str().unwrap_or_default().to_owned()
}

fn refusal_of_state(server: &EmbeddedServer, folder: &Path) -> String {
    let set = r#"{"system":[],"application":[],"verified_application":[]}"#;
    refusal(server, &format!(r#"{{"subnet_config_set":{set},"state_dir":{folder:?}}}"#))
}

fn refusal_of_subnet(server: &EmbeddedServer, kind: &str, folder: &Path) -> String {
    let spec = format!(
        r#"{{"state_config":{{"FromPath":{folder:?}}},"instruction_config":"Production"}}"#
    );
    let set = match kind {
        "nns" => format!(r#""nns":{spec},"application":[]"#),
        "application twice" => format!(r#""application":[{spec},{spec}]"#),
        _ => format!(r#""application":[{spec}]"#),
    };
    let set = format!(r#"{{"system":[],"verified_application":[],{set}}}"#);
    refusal(server, &format!(r#"{{"subnet_config_set":{set}}}"#))
}

#[test]
fn an_instance_with_a_state_directory_continues_where_it_was_deleted() {
    let server = embedded_server();
    let pic = network(&server)
        .with_nns_subnet()
        .with_application_subnet()
        .with_state(PocketIcState::new())
        .build();
    let topology = pic.topology();
    let canister = install(&pic, topology.get_app_subnets()[0]);
    assert_eq!(call(&pic, canister, "count"), 1);
    let (time, cycles) = (pic.get_time(), pic.cycle_balance(canister));
    let state = pic.drop_and_take_state().unwrap();
    let pic = network(&server).with_state(state).build();
    assert_eq!(pic.topology(), topology);
    assert_eq!(pic.cycle_balance(canister), cycles);
    // A round before the end, and one for each subnet at the beginning.
    let passed = pic.get_time().as_nanos_since_unix_epoch() - time.as_nanos_since_unix_epoch();
    assert_eq!(passed, 3);
    assert_eq!(call(&pic, canister, "count"), 2);
}

#[test]
fn an_instance_that_cannot_be_saved_is_not_deleted_until_it_can() {
    let (folder, server) = (folder(), embedded_server());
    let builder = || network(&server).with_state_dir(folder.path().to_owned());
    let pic = builder().with_application_subnet().build();
    let canister = install(&pic, pic.topology().get_app_subnets()[0]);
    assert_eq!(call(&pic, canister, "count"), 1);
    // Where a directory is, no file can be written.
    let obstacle = folder.path().join("network.state.unfinished");
    std::fs::create_dir(&obstacle).unwrap();
    let path = format!("/instances/{}", pic.instance_id());
    let refused = request(server.port(), "DELETE", &path, b"");
    assert_eq!(refused.status, 500, "{:?}", refused.body);
    assert_eq!(call(&pic, canister, "count"), 2, "the instance is still there");
    std::fs::remove_dir(&obstacle).unwrap();
    drop(pic);
    assert_eq!(call(&builder().build(), canister, "count"), 3);
}

#[test]
fn a_state_can_be_the_beginning_of_several_instances() {
    let server = embedded_server();
    let pic = network(&server).with_application_subnet().with_state(PocketIcState::new()).build();
    let canister = install(&pic, pic.topology().get_app_subnets()[0]);
    let state = pic.drop_and_take_state().unwrap();
    let [one, other] = [(); 2].map(|()| network(&server).with_read_only_state(&state).build());
    assert_eq!(call(&one, canister, "count"), 1);
    assert_eq!(call(&one, canister, "count"), 2);
    assert_eq!(call(&other, canister, "count"), 1);
}

#[test]
fn the_end_of_the_server_saves_its_instances() {
    let folder = folder();
    let server = embedded_server();
    let builder = || network(&server).with_state_dir(folder.path().to_owned());
    let pic = builder().with_application_subnet().build();
    let canister = install(&pic, pic.topology().get_app_subnets()[0]);
    assert_eq!(call(&pic, canister, "count"), 1);
    drop(server);
    // The client cannot delete the instance any more.
    std::mem::forget(pic);
    let server = embedded_server();
    let pic = network(&server).with_state_dir(folder.path().to_owned()).build();
    assert_eq!(call(&pic, canister, "count"), 2);
}

#[test]
fn a_subnet_with_its_state_becomes_part_of_another_network() {
    let (server, folder) = (embedded_server(), folder());
    let pic = network(&server)
        .with_state_dir(folder.path().to_owned())
        .with_nns_subnet()
        .with_application_subnet()
        .with_application_subnet()
        .build();
    let topology = pic.topology();
    let subnets = topology.get_app_subnets();
    let canisters = [install(&pic, subnets[0]), install(&pic, subnets[1])];
    assert_eq!(call(&pic, canisters[1], "count"), 1);
    drop(pic);
    for (canister, subnet, count) in [(canisters[0], subnets[0], 1), (canisters[1], subnets[1], 2)]
    {
        let state = of_subnet(folder.path(), &topology, subnet);
        let pic = network(&server)
            .with_subnet_state(SubnetKind::Application, state)
            .with_application_subnet()
            .build();
        let restored = pic.topology();
        assert_eq!(restored.get_app_subnets().len(), 2);
        assert_eq!(restored.subnet_configs[&subnet], topology.subnet_configs[&subnet]);
        assert_eq!(call(&pic, canister, "count"), count, "the state itself does not change");
        let new = restored.get_app_subnets().into_iter().find(|id| *id != subnet).unwrap();
        assert_eq!(call(&pic, install(&pic, new), "count"), 1);
    }
}

#[test]
fn a_state_directory_in_use_is_refused_until_the_instance_is_deleted() {
    let (server, folder) = (embedded_server(), folder());
    let path = folder.path().to_owned();
    let pic = network(&server).with_application_subnet().with_state_dir(path.clone()).build();
    let topology = pic.topology();
    let subnet = of_subnet(&path, &topology, topology.get_app_subnets()[0]);
    for message in
        [refusal_of_state(&server, &path), refusal_of_subnet(&server, "application", &subnet)]
    {
        assert!(message.contains("another instance uses the state directory"), "{message}");
    }
    drop(pic);
    network(&server).with_subnet_state(SubnetKind::Application, subnet).build();
    network(&server).with_state_dir(path).build();
}

#[test]
fn a_state_that_was_not_saved_at_the_end_is_restored_only_on_request() {
    let (server, folder, copy) = (embedded_server(), folder(), folder());
    let pic =
        network(&server).with_application_subnet().with_state_dir(folder.path().to_owned()).build();
    // What a crash would leave.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let from = entry.unwrap().path();
        let to = copy.path().join(from.file_name().unwrap());
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            for file in std::fs::read_dir(&from).unwrap() {
                let file = file.unwrap().path();
                std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
            }
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    let topology = pic.topology();
    drop(pic);
    let subnet = of_subnet(copy.path(), &topology, topology.get_app_subnets()[0]);
    for message in
        [refusal_of_state(&server, copy.path()), refusal_of_subnet(&server, "application", &subnet)]
    {
        assert!(message.contains("is incomplete"), "{message}");
    }
    let set = r#"{"system":[],"application":[],"verified_application":[]}"#;
    let config = format!(
        r#"{{"subnet_config_set":{set},"state_dir":{:?},"incomplete_state":"Enabled"}}"#,
        copy.path()
    );
    assert_eq!(post(server.port(), "/instances", &config).status, 201);
}

#[test]
fn directories_that_are_no_state_are_refused_and_not_changed() {
    let server = embedded_server();
    for (file, fragment) in [
        ("topology.json", "a state of DFINITY's PocketIC server"),
        ("thesis.txt", "contains files that are not a state"),
        ("network.state", "does not begin with its format"),
    ] {
        let folder = folder();
        std::fs::write(folder.path().join(file), "text").unwrap();
        let message = refusal_of_state(&server, folder.path());
        assert!(message.contains(fragment), "{file}: {message}");
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert_eq!(text, "text");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is added");
    }
    let folder = folder();
    std::fs::write(folder.path().join("network.state"), "embedded-replica state, format 0\n")
        .unwrap();
    let message = refusal_of_state(&server, folder.path());
    assert!(
        message.contains("which this version of the embedded replica cannot read"),
        "{message}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is added");
}

#[test]
fn a_damaged_state_is_refused() {
    let (server, folder) = (embedded_server(), folder());
    let pic =
        network(&server).with_application_subnet().with_state_dir(folder.path().to_owned()).build();
    let topology = pic.topology();
    install(&pic, topology.get_app_subnets()[0]);
    drop(pic);
    let subnet = of_subnet(folder.path(), &topology, topology.get_app_subnets()[0]);
    let files = std::fs::read_dir(&subnet).unwrap().map(|entry| entry.unwrap().path());
    let files = files.chain([folder.path().join("network.state")]);
    for file in files.collect::<Vec<_>>() {
        let content = std::fs::read(&file).unwrap();
        std::fs::write(&file, &content[..content.len() / 2]).unwrap();
        let message = refusal_of_state(&server, folder.path());
        assert!(message.contains("damaged"), "{}: {message}", file.display());
        std::fs::write(&file, content).unwrap();
    }
    network(&server).with_state_dir(folder.path().to_owned()).build();
}

#[test]
fn a_subnet_cannot_begin_with_something_that_is_not_its_state() {
    let (server, folder, empty) = (embedded_server(), folder(), folder());
    let pic = network(&server)
        .with_nns_subnet()
        .with_application_subnet()
        .with_state_dir(folder.path().to_owned())
        .build();
    let topology = pic.topology();
    drop(pic);
    let application = of_subnet(folder.path(), &topology, topology.get_app_subnets()[0]);
    let nns = of_subnet(folder.path(), &topology, topology.get_nns().unwrap());
    for (kind, path, fragment) in [
        ("application", empty.path(), "Provided an empty state directory at path"),
        ("application", &folder.path().join("network.state"), "is not a (subnet state) directory"),
        ("application", folder.path(), "is not a (subnet state) directory"),
        ("application twice", &application, "Invalid canister ranges."),
        ("application", &nns, "are not disjoint from the canister ranges"),
        ("nns", &application, "do not contain the canister ranges"),
    ] {
        let message = refusal_of_subnet(&server, kind, path);
        assert!(message.contains(fragment), "{kind} {}: {message}", path.display());
    }
}
