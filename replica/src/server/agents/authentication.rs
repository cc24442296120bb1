//! The sender of a request: verifying keys, signatures and delegations (interface specification,
//! "Authentication").

use super::response::{AgentError, AgentResult};
use crate::keys::SubnetKey;
use crate::limits::{DELEGATION_TARGETS_MAX, DELEGATIONS_MAX};
use crate::types::{CanisterId, Time};
use candid::Principal;
use ic_canister_sig_creation::{
    extract_raw_canister_sig_pk_from_der, extract_raw_root_pk_from_der,
};
use ic_signature_verification::verify_canister_sig;
use ic_transport_types::{
    Delegation, DelegationPermissions, Envelope, EnvelopeContent, RequestId, SignedDelegation,
};
use std::collections::BTreeSet;

/// The canisters that the sender's delegations cover. `None` is all canisters.
pub(super) type Targets = Option<BTreeSet<CanisterId>>;

/// Verifies that a request is signed by its sender, or by a key to which the sender has delegated this.
/// Returns the canisters that the delegations cover.
///
/// # Errors
///
/// Fails if a signature, a delegation or the sender's key is missing or invalid.
pub(super) fn check_sender(
    envelope: &Envelope<'_>,
    id: &RequestId,
    now: Time,
    root_key: &SubnetKey,
) -> AgentResult<Targets> {
    let sender = *envelope.content.sender();
    let delegations = envelope.sender_delegation.as_deref().unwrap_or_default();
    let (key, signature) = match (&envelope.sender_pubkey, &envelope.sender_sig) {
        (Some(key), Some(signature)) => (key, signature),
        (None, None) if sender == Principal::anonymous() && delegations.is_empty() => {
            return Ok(None);
        }
        (None, None) => {
            let text = format!("the request of sender {sender} is not signed");
            return Err(AgentError::forbidden(text));
        }
        _ => {
            let text = "a request has both 'sender_pubkey' and 'sender_sig', or neither";
            return Err(AgentError::bad_request(text));
        }
    };
    if sender == Principal::anonymous() {
        return Err(AgentError::bad_request("an anonymous request must not be signed"));
    }
    if Principal::self_authenticating(key) != sender {
        let text = format!("sender {sender} is not the principal of the request's 'sender_pubkey'");
        return Err(AgentError::forbidden(text));
    }
    let changes_state = matches!(*envelope.content, EnvelopeContent::Call { .. });
    let chain = Chain { root_key, now, changes_state };
    let (key, targets) = chain.verify(key, delegations)?;
    verify(key, &id.signable(), signature, root_key)
        .map_err(|why| AgentError::forbidden(format!("the request's signature: {why}")))?;
    Ok(targets)
}

/// The data that a chain of delegations is verified against.
struct Chain<'a> {
    root_key: &'a SubnetKey,
    now: Time,
    /// Whether the request can change state.
    changes_state: bool,
}

impl Chain<'_> {
    /// Verifies a chain of delegations. Returns the key at its end, and the canisters that all
    /// delegations cover.
    fn verify<'a>(
        &self,
        mut key: &'a [u8],
        delegations: &'a [SignedDelegation],
    ) -> AgentResult<(&'a [u8], Targets)> {
        if delegations.len() > DELEGATIONS_MAX {
            let text = format!("a request may have at most {DELEGATIONS_MAX} delegations");
            return Err(AgentError::bad_request(text));
        }
        let mut targets = None;
        let mut keys = BTreeSet::from([key]);
        for SignedDelegation { delegation, signature } in delegations {
            self.check(delegation)?;
            verify(key, &delegation.signable(), signature, self.root_key)
                .map_err(|why| AgentError::forbidden(format!("a delegation's signature: {why}")))?;
            key = &delegation.pubkey;
            if !keys.insert(key) {
                return Err(AgentError::bad_request("the delegations lead to the same key twice"));
            }
            targets = narrowed(targets, delegation);
        }
        Ok((key, targets))
    }

    fn check(&self, delegation: &Delegation) -> AgentResult<()> {
        let expiration = Time::from_nanos(delegation.expiration);
        if expiration < self.now {
            let now = self.now;
            let text =
                format!("a delegation expired at {expiration}, and the current time is {now}");
            return Err(AgentError::bad_request(text));
        }
        let targets = delegation.targets.as_ref().map_or(0, Vec::len);
        if targets > DELEGATION_TARGETS_MAX {
            let text = format!("a delegation may have at most {DELEGATION_TARGETS_MAX} targets");
            return Err(AgentError::bad_request(text));
        }
        match delegation.permissions {
            Some(DelegationPermissions::Queries) if self.changes_state => {
                Err(AgentError::forbidden("a delegation permits queries only"))
            }
            _ => Ok(()),
        }
    }
}

/// The canisters among `before` that a delegation covers, too.
fn narrowed(before: Targets, delegation: &Delegation) -> Targets {
    let Some(covered) = &delegation.targets else { return before };
    let covered: BTreeSet<CanisterId> = covered.iter().copied().map(CanisterId::from).collect();
    Some(match before {
        None => covered,
        Some(before) => before.intersection(&covered).copied().collect(),
    })
}

/// Verifies a signature with a public key in DER form. The error says why the signature is invalid.
fn verify(
    key: &[u8],
    message: &[u8],
    signature: &[u8],
    root_key: &SubnetKey,
) -> Result<(), String> {
    let is_valid = if let Ok(key) = ic_ed25519::PublicKey::deserialize_rfc8410_der(key) {
        key.verify_signature(message, signature).is_ok()
    } else if let Ok(key) = ic_secp256k1::PublicKey::deserialize_der(key) {
        key.verify_ecdsa_signature_with_malleability(message, signature)
    } else if let Ok(key) = ic_secp256r1::PublicKey::deserialize_der(key) {
        key.verify_signature(message, signature)
    } else if extract_raw_canister_sig_pk_from_der(key).is_ok() {
        let root = extract_raw_root_pk_from_der(root_key.public_key_der())?;
        return verify_canister_sig(message, signature, key, &root);
    } else {
        return Err(
            "the public key is not a DER-encoded key of a supported scheme: Ed25519, ECDSA on \
                    secp256k1 or P-256, or canister signatures"
                .into(),
        );
    };
    is_valid
        .then_some(())
        .ok_or_else(|| "it does not match the public key and the content".to_owned())
}
