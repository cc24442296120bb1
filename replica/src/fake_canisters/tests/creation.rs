//! Tests of the canisters that the fake canisters create.

use super::*;

#[test]
fn a_canister_is_created_on_the_chosen_subnet_and_the_caller_pays_and_controls_it() {
    let mut instance = network(true);
    let [first, second] = application_subnets(&instance);
    for (choice, expected) in [(None, first), (on(second), second), (on(first), first)] {
        let before = seen_by(&mut instance, user(1), cycles_ledger(), user(1));
        let made = create(&mut instance, &creation(2 * TRILLION, choice)).expect("it is made");
        let canister = CanisterId::from(made.canister_id);
        assert_eq!(instance.subnet_with(canister), Some(expected));
        assert_eq!(instance.controllers(canister), Ok(vec![user(1)]));
        assert_eq!(instance.cycles(canister), Ok(2 * TRILLION - CREATION_FEE));
        let paid = before - cycles_of(&mut instance, user(1));
        assert_eq!(paid, 2 * TRILLION + FAKE_LEDGER_FEE_CYCLES);
    }
    let settings = CanisterSettings { controllers: Some(vec![user(3)]), ..Default::default() };
    let args = CreationArgs { settings: Some(settings), subnet_selection: None };
    let made = create(&mut instance, &creation(TRILLION, Some(args))).expect("it is made");
    assert_eq!(instance.controllers(made.canister_id.into()), Ok(vec![user(3)]));
}

#[test]
fn canisters_can_be_created_on_configured_subnets_of_every_kind() {
    use SubnetKind::*;
    for kind in [VerifiedApplication, System, Fiduciary, ServiceNervousSystem, CloudEngine] {
        let mut instance = network_with(&[kind], true);
        let asked_for = instance.subnets()[2].place.id;
        let minting = cycles_minting_canister();
        let subnets: Vec<Principal> = ask(&mut instance, minting, "get_default_subnets", &());
        assert_eq!(subnets, [asked_for], "{kind}");
        let made = create(&mut instance, &creation(10 * TRILLION, None)).expect("it is made");
        assert_eq!(instance.subnet_with(made.canister_id.into()), Some(asked_for), "{kind}");
    }
}

#[test]
fn a_network_with_fake_canisters_creates_no_subnets_for_unhosted_canister_ids() {
    let mut instance = network(true);
    let bitcoin = Principal::from_text("g4xu7-jiaaa-aaaan-aaaaq-cai").expect("it is an id");
    let args = ProvisionalCreateCanisterWithCyclesArgs {
        specified_id: Some(bitcoin),
        ..Default::default()
    };
    let method = "provisional_create_canister_with_cycles";
    let mut creation = call(user(1), CanisterId::MANAGEMENT, method, &args);
    creation.effective_principal = EffectivePrincipal::Canister(bitcoin.into());
    let subnets = instance.subnets().len();
    assert_eq!(instance.submit(creation), Err(InstanceError::SubnetsFixed(bitcoin.into())));
    assert_eq!(instance.subnets().len(), subnets);
}

#[test]
fn a_failed_creation_costs_nothing_and_its_error_has_a_reason() {
    let mut instance = network(true);
    let typed = |name: &str| {
        let filter = SubnetSelection::Filter { subnet_type: Some(name.into()) };
        Some(CreationArgs { settings: None, subnet_selection: Some(filter) })
    };
    let cases = [
        (creation(TRILLION, on(user(9).into())), user(9).to_text()),
        (creation(TRILLION, typed("moon")), "moon".into()),
        (creation(CREATION_FEE - 1, None), CREATION_FEE.to_string()),
    ];
    for (args, expected) in cases {
        let made = create(&mut instance, &args);
        let Err(CreateCanisterError::FailedToCreate { error, .. }) = made else {
            panic!("{made:?}");
        };
        assert!(error.contains(&expected), "{error}");
    }
    let balance = FAKE_LEDGER_INITIAL_CYCLES;
    let too_much = create(&mut instance, &creation(FAKE_LEDGER_INITIAL_CYCLES, None));
    assert_eq!(too_much, Err(CreateCanisterError::InsufficientFunds { balance }));
    assert_eq!(cycles_of(&mut instance, user(1)), FAKE_LEDGER_INITIAL_CYCLES);
}

#[test]
fn a_duplicate_creation_creates_one_canister_and_returns_its_id() {
    let mut instance = network(true);
    let created_at_time = Some(instance.time().as_nanos());
    let args = CreateCanisterArgs { created_at_time, ..creation(TRILLION, None) };
    let made = create(&mut instance, &args).expect("it is made");
    let canister_id = Some(made.canister_id);
    let again = Err(CreateCanisterError::Duplicate { duplicate_of: 0, canister_id });
    assert_eq!(create(&mut instance, &args), again);
}

#[test]
fn a_creation_sent_to_the_registry_is_on_the_first_application_subnet() {
    let mut instance = network(true);
    let args = ProvisionalCreateCanisterWithCyclesArgs::default();
    let mut provisional = call(user(1), CanisterId::MANAGEMENT, PROVISIONAL_CREATION, &args);
    provisional.effective_principal = EffectivePrincipal::Canister(registry());
    let message = instance.submit(provisional).expect("it makes sense").expect("it is let in");
    assert_eq!(instance.next_work(), NextWork::Now);
    assert_eq!(instance.ingress_status(message, None), Ok(None));
    instance.tick();
    let answer = instance.ingress_status(message, Some(user(1))).expect("it is known");
    let reply = answer.expect("it is answered").expect("it is made");
    let CanisterIdRecord { canister_id } = decode_one(&reply).expect("it names the canister");
    let canister_id = CanisterId::from(canister_id);
    assert_eq!(instance.subnet_with(canister_id), Some(application_subnets(&instance)[0]));
    assert_eq!(instance.controllers(canister_id), Ok(vec![user(1)]));
    assert_eq!(instance.cycles(canister_id), Ok(PROVISIONAL_CYCLES_DEFAULT));
}
