//! Logs, as the management canister shows them.

use crate::ic00::{about, ask, decode, management, query, reject, set, somebody};
use crate::script::{canister, script};
use crate::world::{CYCLES, World, on_every_server};
use candid::Principal;
use ic_management_canister_types::*;
use pocket_ic::ErrorCode;
use pocket_ic::common::rest::{CanisterCyclesCostSchedule, ExtendedSubnetConfigSet, SubnetSpec};

fn print(world: &World, lines: &[&str]) {
    for line in lines {
        world.run(world.a, script().print(line).reply("")).unwrap();
    }
}

fn texts(records: &[CanisterLogRecord]) -> Vec<(u64, String)> {
    let text = |record: &CanisterLogRecord| String::from_utf8(record.content.clone()).unwrap();
    records.iter().map(|record| (record.idx, text(record))).collect()
}

/// The log of `a` as its controller gets it.
fn fetch(world: &World, filter: Option<CanisterLogFilter>) -> Vec<CanisterLogRecord> {
    let arguments = FetchCanisterLogsArgs { canister_id: world.a, filter };
    let reply =
        query(&world.pic, Principal::anonymous(), world.a, "fetch_canister_logs", arguments);
    decode::<(FetchCanisterLogsResult,)>(&reply.unwrap()).0.canister_log_records
}

#[test]
fn what_a_canister_printed_and_why_it_trapped_can_be_read() {
    on_every_server(|server| {
        let world = server.one_subnet();
        print(&world, &["one", "two"]);
        world.run(world.a, script().print("three").trap("over")).unwrap_err();
        let logs = world.pic.fetch_canister_logs(world.a, Principal::anonymous()).unwrap();
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
        let world = server.one_subnet();
        print(&world, &["a", "b", "c", "d"]);
        let all = fetch(&world, None);
        let by_idx = fetch(&world, Some(CanisterLogFilter::ByIdx { start: 1, end: 3 }));
        assert_eq!(texts(&by_idx), [(1, "b".into()), (2, "c".into())]);
        let (start, end) = (all[2].timestamp_nanos, u64::MAX);
        let by_time = fetch(&world, Some(CanisterLogFilter::ByTimestampNanos { start, end }));
        assert_eq!(by_time, all[2..]);
        assert_eq!(fetch(&world, Some(CanisterLogFilter::ByIdx { start: 3, end: 3 })), []);
    });
}

#[test]
fn the_log_is_for_those_whom_the_settings_name() {
    on_every_server(|server| {
        let world = server.one_subnet();
        print(&world, &["line"]);
        let read = |sender| {
            query(&world.pic, sender, world.a, "fetch_canister_logs", about(world.a))
                .map_err(|reject| reject.error_code)
        };
        let denied = Err(ErrorCode::CanisterRejectedMessage);
        assert_eq!(read(somebody()), denied);
        let show = |log_visibility| {
            let log_visibility = Some(log_visibility);
            set(&world.pic, world.a, CanisterSettings { log_visibility, ..Default::default() })
                .unwrap();
        };
        show(LogVisibility::AllowedViewers(vec![somebody()]));
        assert_eq!(read(somebody()), read(Principal::anonymous()));
        assert_eq!(read(world.b), denied);
        show(LogVisibility::Public);
        assert!(read(world.b).is_ok());
    });
}

#[test]
fn canisters_may_read_logs_by_a_call_and_users_may_not() {
    on_every_server(|server| {
        let world = server.one_subnet();
        print(&world, &["line"]);
        let one = || management("fetch_canister_logs", about(world.a));
        let call = |canister| world.run(canister, script().call(one())).unwrap();
        assert_eq!(reject(&world, one()).0, 4);
        world.pic.set_controllers(world.a, None, vec![world.b, Principal::anonymous()]).unwrap();
        let logs = decode::<(FetchCanisterLogsResult,)>(&call(world.b)).0;
        assert_eq!(texts(&logs.canister_log_records), [(0, "line".into())]);
        let update =
            ask(&world.pic, Principal::anonymous(), world.a, "fetch_canister_logs", about(world.a));
        assert_eq!(update.unwrap_err().error_code, ErrorCode::CanisterRejectedMessage);
    });
}

#[test]
fn a_log_outlives_upgrades_but_not_reinstallations() {
    on_every_server(|server| {
        let world = server.one_subnet();
        print(&world, &["before"]);
        world.pic.upgrade_canister(world.a, canister(), vec![], None).unwrap();
        print(&world, &["after"]);
        assert_eq!(texts(&fetch(&world, None)), [(0, "before".into()), (1, "after".into())]);
        let failing = script().trap("no").bytes();
        world.pic.reinstall_canister(world.a, canister(), failing, None).unwrap_err();
        assert_eq!(texts(&fetch(&world, None))[..2], [(0, "before".into()), (1, "after".into())]);
        world.pic.reinstall_canister(world.a, canister(), vec![], None).unwrap();
        assert_eq!(fetch(&world, None), []);
        print(&world, &["anew"]);
        let anew = texts(&fetch(&world, None));
        assert_eq!(anew.len(), 1);
        // The numbers go on.
        assert!(anew[0].0 >= 2 && anew[0].1 == "anew", "{anew:?}");
        world.pic.uninstall_canister(world.a, None).unwrap();
        assert_eq!(fetch(&world, None), []);
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
            pic.add_cycles(id, CYCLES);
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
        let world = World { pic, a, b };
        let (code, message) = reject(&world, fetch());
        assert_eq!(code, 5);
        assert!(message.contains("cost schedule"), "{message}");
        assert_eq!(world.run(world.b, script().call(fetch())), Ok(b"read".to_vec()));
    });
}
