//! Who may use this canister.

use ic_cdk::api::{accept_message, is_controller, msg_caller};

/// Guards an endpoint: who is not a controller of this canister gets a reject.
pub fn controllers_only() -> Result<(), String> {
    if is_controller(&msg_caller()) {
        Ok(())
    } else {
        Err("only a controller of this canister may do that".into())
    }
}

/// Refuses messages of strangers before they cost anything. (Those of other canisters do not come past here; for them
/// there is the guard.)
pub fn inspect() {
    match controllers_only() {
        Ok(()) => accept_message(),
        Err(reason) => ic_cdk::trap(reason),
    }
}
