//! Access control: who may manage a canister or a subnet.
//!
//! Rules: `execution/common.rs`, `validate_sender` and `validate_subnet_admin`, in the replica's
//! repository.

use crate::canister::Canister;
use crate::error::{ErrorCode, UserError};
use crate::ic00::Permitted;
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};
use std::collections::BTreeSet;

/// The admins of a subnet. `None` if the subnet cannot have admins.
pub(super) type Admins = Option<BTreeSet<Principal>>;

fn is_admin(admins: &Admins, caller: Principal) -> bool {
    admins.as_ref().is_some_and(|admins| admins.contains(&caller))
}

/// Checks that the caller is an admin of the subnet. `without` creates the error for subnets that cannot
/// have admins.
pub(super) fn check_admin(
    admins: &Admins,
    caller: Principal,
    without: impl FnOnce() -> UserError,
) -> Result<(), UserError> {
    match admins {
        Some(admins) if admins.contains(&caller) => Ok(()),
        Some(admins) => Err(UserError::new(
            ErrorCode::InvalidSubnetAdmin,
            format!(
                "Only the admins of the subnet can do this.\nSubnet's admins: {}\nSender's ID: {caller}",
                listed(admins)
            ),
        )),
        None => Err(without()),
    }
}

/// Checks that the caller may call a method about a canister.
pub(super) fn check(
    canister: &Canister,
    admins: &Admins,
    permitted: Permitted,
    caller: Principal,
) -> Result<(), UserError> {
    let settings = &canister.settings;
    let is_controller = settings.controllers.contains(&caller);
    let is_permitted = is_controller
        || match permitted {
            Permitted::Anybody => true,
            Permitted::Controllers => false,
            Permitted::ControllersAndAdmins => is_admin(admins, caller),
            Permitted::ControllersAndItself => caller == canister.id,
            Permitted::StatusViewers => {
                caller == canister.id
                    || is_admin(admins, caller)
                    || match &settings.status_visibility {
                        StatusVisibility::Controllers => false,
                        StatusVisibility::Public => true,
                        StatusVisibility::AllowedViewers(viewers) => viewers.contains(&caller),
                    }
            }
            Permitted::SnapshotViewers => match &settings.snapshot_visibility {
                SnapshotVisibility::Controllers => false,
                SnapshotVisibility::Public => true,
                SnapshotVisibility::AllowedViewers(viewers) => viewers.contains(&caller),
            },
            Permitted::LogViewers => match &settings.log_visibility {
                LogVisibility::Controllers => false,
                LogVisibility::Public => true,
                LogVisibility::AllowedViewers(viewers) => viewers.contains(&caller),
            },
        };
    if is_permitted { Ok(()) } else { Err(denial(canister, admins, permitted, caller)) }
}

fn denial(
    canister: &Canister,
    admins: &Admins,
    permitted: Permitted,
    caller: Principal,
) -> UserError {
    let id = canister.id;
    let controllers = listed(&canister.settings.controllers);
    match (permitted, admins) {
        (Permitted::StatusViewers, _) => UserError::new(
            ErrorCode::CanisterStatusAccessDenied,
            format!("Caller {caller} is not allowed to access the status of canister {id}"),
        ),
        (Permitted::SnapshotViewers, _) => UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Caller {caller} is not allowed to access the snapshots of canister {id}"),
        ),
        (Permitted::LogViewers, _) => UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Caller {caller} is not allowed to access canister logs"),
        ),
        (Permitted::ControllersAndAdmins, Some(admins)) => UserError::new(
            ErrorCode::CanisterInvalidControllerOrSubnetAdmin,
            format!(
                "Only the controllers of the canister {id} and the admins of its subnet can do this.\n\
                 Canister's controllers: {controllers}\nSubnet's admins: {}\nSender's ID: {caller}",
                listed(admins)
            ),
        ),
        _ => UserError::new(
            ErrorCode::CanisterInvalidController,
            format!(
                "Only the controllers of the canister {id} can control it.\nCanister's \
                 controllers: {controllers}\nSender's ID: {caller}"
            ),
        ),
    }
}

fn listed(principals: &BTreeSet<Principal>) -> String {
    let texts: Vec<String> = principals.iter().map(Principal::to_text).collect();
    texts.join(" ")
}
