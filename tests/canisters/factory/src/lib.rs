//! A test canister that creates, upgrades and deletes other canisters for its owner. The blueprint is their
//! module.

#![allow(missing_docs, reason = "the attributes generate functions without")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use candid::{CandidType, Principal};
use ic_cdk::api::{msg_caller, msg_cycles_accept};
use ic_cdk::call::Call;
use ic_cdk::{init, query, update};
use ic_cdk_management_canister::*;

type Outcome<T> = Result<T, String>;

#[derive(CandidType)]
struct Product {
    name: String,
    id: Principal,
}

thread_local! {
    static OWNER: Cell<Principal> = const { Cell::new(Principal::anonymous()) };
    static BLUEPRINT: RefCell<Vec<u8>> = RefCell::default();
    static PRODUCTS: RefCell<BTreeMap<String, Principal>> = RefCell::default();
}

#[init]
fn init() {
    OWNER.set(msg_caller());
}

fn only_owner() -> Outcome<()> {
    if msg_caller() == OWNER.get() { Ok(()) } else { Err("only the owner may do that".into()) }
}

#[update(guard = "only_owner")]
fn set_blueprint(module: Vec<u8>) {
    BLUEPRINT.set(module);
}

#[update(guard = "only_owner")]
async fn build(name: String, argument: Vec<u8>, cycles: u128) -> Outcome<Product> {
    if product(&name).is_ok() {
        return Err(format!("there is a {name} already"));
    }
    let id = create_canister_with_extra_cycles(&CreateCanisterArgs::default(), cycles)
        .await
        .map_err(|error| error.to_string())?
        .canister_id;
    PRODUCTS.with_borrow_mut(|products| products.insert(name.clone(), id));
    install(id, CanisterInstallMode::Install, argument).await?;
    Ok(Product { name, id })
}

#[update(guard = "only_owner")]
async fn rebuild(name: String) -> Outcome<()> {
    install(product(&name)?, CanisterInstallMode::Upgrade(None), vec![]).await
}

async fn install(id: Principal, mode: CanisterInstallMode, argument: Vec<u8>) -> Outcome<()> {
    let wasm_module = BLUEPRINT.with_borrow(Vec::clone);
    let arguments = InstallCodeArgs { mode, canister_id: id, wasm_module, arg: argument };
    install_code(&arguments).await.map_err(|error| error.to_string())
}

#[update(guard = "only_owner")]
async fn scrap(name: String) -> Outcome<()> {
    let canister_id = product(&name)?;
    let to_text = |error: ic_cdk::call::Error| error.to_string();
    stop_canister(&StopCanisterArgs { canister_id }).await.map_err(to_text)?;
    delete_canister(&DeleteCanisterArgs { canister_id }).await.map_err(to_text)?;
    PRODUCTS.with_borrow_mut(|products| products.remove(&name));
    Ok(())
}

#[query]
fn products() -> Vec<Product> {
    PRODUCTS.with_borrow(|products| {
        products.iter().map(|(name, id)| Product { name: name.clone(), id: *id }).collect()
    })
}

#[update]
async fn cycles_of(name: String) -> Outcome<candid::Nat> {
    let status = canister_status(&CanisterStatusArgs { canister_id: product(&name)? }).await;
    status.map(|status| status.cycles).map_err(|error| error.to_string())
}

#[update]
fn donate(at_most: u128) -> u128 {
    msg_cycles_accept(at_most)
}

#[update]
async fn pass_on(factory: Principal, offered: u128, at_most: u128) -> (u128, u128) {
    let call = Call::unbounded_wait(factory, "donate").with_arg(at_most).with_cycles(offered);
    let accepted = call.await.expect("it answers").candid().expect("with a number");
    (accepted, ic_cdk::api::msg_cycles_refunded())
}

fn product(name: &str) -> Outcome<Principal> {
    let id = PRODUCTS.with_borrow(|products| products.get(name).copied());
    id.ok_or_else(|| format!("there is no {name}"))
}
