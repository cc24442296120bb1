//! Canister logs, as the management canister returns them.

use crate::ic00::{about, ask, decode, management, query, reject, set, somebody};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::{CanisterCyclesCostSchedule, ExtendedSubnetConfigSet, SubnetSpec};
use test_support::script::{canister, script};
use test_support::{DEFAULT_CYCLES, ScriptedNetwork, on_every_server};

fn print(network: &ScriptedNetwork, lines: &[&str]) {
    for line in lines {
        network.run(network.a, script().print(line).reply("")).unwrap();
    }
}

fn texts(records: &[CanisterLogRecord]) -> Vec<(u64, String)> {
    let text = |record: &CanisterLogRecord| String::from_utf8(record.content.clone()).unwrap();
    records.iter().map(|record| (record.idx, text(record))).collect()
}

/// The log of `a` as its controller gets it.
fn fetch(network: &ScriptedNetwork, filter: Option<CanisterLogFilter>) -> Vec<CanisterLogRecord> {
    let arguments = FetchCanisterLogsArgs { canister_id: network.a, filter };
    let reply =
        query(&network.pic, Principal::anonymous(), network.a, "fetch_canister_logs", arguments);
    decode::<(FetchCanisterLogsResult,)>(&reply.unwrap()).0.canister_log_records
}

#[test]
fn what_a_canister_printed_and_why_it_trapped_can_be_read() {
    on_every_server(|server| {
        let network = server.one_subnet();
        print(&network, &["one", "two"]);
        network.run(network.a, script().print("three").trap("over")).unwrap_err();
        let logs = network.pic.fetch_canister_logs(network.a, Principal::anonymous()).unwrap();
        let lines: Vec<_> = logs.iter().map(|record| record.content.as_slice()).collect();
        assert_eq!(lines[..3], [&b"one"[..], b"two", b"three"]);
        assert!(String::from_utf8_lossy(lines[3]).contains("over"));
        assert!(logs.iter().map(|record| record.idx).eq(0..4));
        assert!(logs.is_sorted_by_key(|record| record.timestamp_nanos));
    });
}

#[test]
fn a_range_of_the_log_can_be_asked_for() {
    on_every_server(|server| {
        let network = server.one_subnet();
        print(&network, &["a", "b", "c", "d"]);
        let all = fetch(&network, None);
        let by_idx = fetch(&network, Some(CanisterLogFilter::ByIdx { start: 1, end: 3 }));
        assert_eq!(texts(&by_idx), [(1, "b".into()), (2, "c".into())]);
        let (start, end) = (all[2].timestamp_nanos, u64::MAX);
        let by_time = fetch(&network, Some(CanisterLogFilter::ByTimestampNanos { start, end }));
        assert_eq!(by_time, all[2..]);
        assert_eq!(fetch(&network, Some(CanisterLogFilter::ByIdx { start: 3, end: 3 })), []);
    });
}

#[test]
fn the_log_is_for_those_whom_the_settings_name() {
    on_every_server(|server| {
        let network = server.one_subnet();
        print(&network, &["line"]);
        let read = |sender| {
            query(&network.pic, sender, network.a, "fetch_canister_logs", about(network.a))
                .map_err(|reject| reject.error_code)
        };
        let denied = Err(ErrorCode::CanisterRejectedMessage);
        assert_eq!(read(somebody()), denied);
        let show = |log_visibility| {
            let log_visibility = Some(log_visibility);
            set(&network.pic, network.a, CanisterSettings { log_visibility, ..Default::default() })
                .unwrap();
        };
        show(LogVisibility::AllowedViewers(vec![somebody()]));
        assert_eq!(read(somebody()), read(Principal::anonymous()));
        assert_eq!(read(network.b), denied);
        show(LogVisibility::Public);
        assert!(read(network.b).is_ok());
    });
}

#[test]
fn canisters_may_read_logs_by_a_call_and_users_may_not() {
    on_every_server(|server| {
        let network = server.one_subnet();
        print(&network, &["line"]);
        let one = || management("fetch_canister_logs", about(network.a));
        let call = |canister| network.run(canister, script().call(one())).unwrap();
        assert_eq!(reject(&network, one()).0, 4);
        network
            .pic
            .set_controllers(network.a, None, vec![network.b, Principal::anonymous()])
            .unwrap();
        let logs = decode::<(FetchCanisterLogsResult,)>(&call(network.b)).0;
        assert_eq!(texts(&logs.canister_log_records), [(0, "line".into())]);
        let update = ask(
            &network.pic,
            Principal::anonymous(),
            network.a,
            "fetch_canister_logs",
            about(network.a),
        );
        assert_eq!(update.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_log_outlives_upgrades_but_not_reinstallations() {
    on_every_server(|server| {
        let network = server.one_subnet();
        print(&network, &["before"]);
        network.pic.upgrade_canister(network.a, canister(), vec![], None).unwrap();
        print(&network, &["after"]);
        assert_eq!(texts(&fetch(&network, None)), [(0, "before".into()), (1, "after".into())]);
        let failing = script().trap("no").bytes();
        network.pic.reinstall_canister(network.a, canister(), failing, None).unwrap_err();
        assert_eq!(texts(&fetch(&network, None))[..2], [(0, "before".into()), (1, "after".into())]);
        network.pic.reinstall_canister(network.a, canister(), vec![], None).unwrap();
        assert_eq!(fetch(&network, None), []);
        print(&network, &["anew"]);
        let anew = texts(&fetch(&network, None));
        assert_eq!(anew.len(), 1);
        // The numbers go on.
        assert!(anew[0].0 >= 2 && anew[0].1 == "anew", "{anew:?}");
        network.pic.uninstall_canister(network.a, None).unwrap();
        assert_eq!(fetch(&network, None), []);
    });
}

#[test]
fn canisters_on_subnets_where_calls_cost_nothing_cannot_read_logs() {
    on_every_server(|server| {
        let free = SubnetSpec::default().with_cost_schedule(CanisterCyclesCostSchedule::Free);
        let application = vec![free, SubnetSpec::default()];
        let subnets = ExtendedSubnetConfigSet { application, ..Default::default() };
        let pic = server.network_of(subnets).build();
        let install = |schedule| {
            let configs = pic.topology().subnet_configs;
            let found = configs.into_iter().find(|(_, config)| config.cost_schedule == schedule);
            let id = pic.create_canister_on_subnet(None, None, found.unwrap().0);
            pic.add_cycles(id, DEFAULT_CYCLES);
            pic.install_canister(id, canister(), vec![], None);
            id
        };
        let a = install(CanisterCyclesCostSchedule::Free);
        let b = install(CanisterCyclesCostSchedule::Normal);
        let log_visibility = Some(LogVisibility::Public);
        let settings = CanisterSettings { log_visibility, ..CanisterSettings::default() };
        set(&pic, b, settings).unwrap();
        let fetch = || {
            let arguments = FetchCanisterLogsArgs { canister_id: b, filter: None };
            management("fetch_canister_logs", arguments).on_reply(script().reply("read"))
        };
        let network = ScriptedNetwork { pic, a, b };
        let (code, message) = reject(&network, fetch());
        assert_eq!(code, 5);
        assert!(message.contains("cost schedule"), "{message}");
        assert_eq!(network.run(network.b, script().call(fetch())), Ok(b"read".to_vec()));
    });
}
