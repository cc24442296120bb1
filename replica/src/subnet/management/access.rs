//! Who may do what with a canister.
//!
//! Rules: `execution/common.rs`, `validate_sender`, in the replica's repository.

use crate::canister::Canister;
use crate::error::{ErrorCode, UserError};
use crate::ic00::Permitted;
use candid::Principal;
use ic_management_canister_types::{LogVisibility, SnapshotVisibility, StatusVisibility};

/// Fails unless the caller is one of those who are permitted.
pub(super) fn check(
    canister: &Canister,
    permitted: Permitted,
    caller: Principal,
) -> Result<(), UserError> {
    let settings = &canister.settings;
    let is_controller = settings.controllers.contains(&caller);
    let is_permitted = is_controller
        || match permitted {
            Permitted::Anybody => true,
            Permitted::Controllers => false,
            Permitted::ControllersAndItself => caller == canister.id,
            Permitted::StatusViewers => {
                caller == canister.id
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
    if is_permitted { Ok(()) } else { Err(denial(canister, permitted, caller)) }
}

fn denial(canister: &Canister, permitted: Permitted, caller: Principal) -> UserError {
    let id = canister.id;
    match permitted {
        Permitted::StatusViewers => UserError::new(
            ErrorCode::CanisterStatusAccessDenied,
            format!("Caller {caller} is not allowed to access the status of canister {id}"),
        ),
        Permitted::SnapshotViewers => UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Caller {caller} is not allowed to access the snapshots of canister {id}"),
        ),
        Permitted::LogViewers => UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("Caller {caller} is not allowed to access canister logs"),
        ),
        Permitted::Anybody | Permitted::Controllers | Permitted::ControllersAndItself => {
            let controllers: Vec<String> =
                canister.settings.controllers.iter().map(Principal::to_text).collect();
            UserError::new(
                ErrorCode::CanisterInvalidController,
                format!(
                    "Only the controllers of the canister {id} can control it.\nCanister's \
                     controllers: {}\nSender's ID: {caller}",
                    controllers.join(" ")
                ),
            )
        }
    }
}
