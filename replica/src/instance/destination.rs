//! Destinations: the subnet that a call from outside goes to. Each call is resolved once.

use crate::certification::Scope;
use crate::error::{ErrorCode, UserError};
use crate::ic00::{ManagementCall, unknown_to_users};
use crate::instance::{CanisterCall, Instance, InstanceError};
use crate::types::{CanisterId, SubnetId};

/// The destination of a call, if the call itself does not determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectivePrincipal {
    /// To no particular subnet.
    None,
    /// To a subnet.
    Subnet(SubnetId),
    /// To the subnet of a canister.
    Canister(CanisterId),
}

/// The kind of an agent's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// An update call.
    Call,
    /// A query.
    Query,
}

/// The destination of a call.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The subnet that executes the call.
    pub subnet: SubnetId,
    /// The subnet or the canister that the call was sent to.
    pub effective_principal: EffectivePrincipal,
    /// The resolved call of the management canister. `None` if another canister is called. The error is
    /// that the management canister has no such method.
    pub management: Option<Result<ManagementCall, UserError>>,
}

/// A call whose method is resolved. Its subnet is still to be found.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    effective_principal: EffectivePrincipal,
    management: Option<Result<ManagementCall, UserError>>,
}

impl Resolved {
    pub fn new(call: &CanisterCall) -> Self {
        let is_management = call.canister.is_management();
        Self {
            effective_principal: call.effective_principal,
            management: is_management.then(|| {
                ManagementCall::resolve(&call.method, &call.argument)
                    .map_err(|_| unknown_to_users(&call.method))
            }),
        }
    }

    fn known_management(&self) -> Option<&ManagementCall> {
        self.management.as_ref()?.as_ref().ok()
    }

    fn creates_canister(&self) -> bool {
        self.known_management().is_some_and(ManagementCall::creates_canister)
    }
}

impl Instance {
    /// Resolves a call of a client that is not an agent, and finds its subnet.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::find_subnet`].
    pub(super) fn resolve(
        &self,
        call: &CanisterCall,
    ) -> Result<Result<Destination, UserError>, InstanceError> {
        self.find_subnet(call, Resolved::new(call))
    }

    /// Resolves a call that an agent sent to a canister or a subnet (interface specification, "Effective
    /// canister id" and "Effective subnet id"). The result still lacks the subnet.
    ///
    /// # Errors
    ///
    /// If the call must be sent to another canister or subnet.
    pub(super) fn resolve_sent(
        &self,
        sent_to: Scope,
        kind: RequestKind,
        call: &CanisterCall,
    ) -> Result<Resolved, InstanceError> {
        let resolved = Resolved::new(call);
        let effective_principal = match sent_to {
            Scope::Canister(canister) => self.effective_of_canister(canister, call, &resolved)?,
            Scope::Subnet(subnet) => self.effective_of_subnet(subnet, kind, call, &resolved)?,
        };
        Ok(Resolved { effective_principal, ..resolved })
    }

    /// Checks that the network has a subnet for requests that agents send to this canister or subnet.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSubnetHosts`] if no subnet hosts the canister.
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    pub fn check_sent_to(&self, sent_to: Scope) -> Result<(), InstanceError> {
        match sent_to {
            Scope::Subnet(subnet) => self.subnet_info(subnet).map(drop),
            Scope::Canister(canister) => match self.network.subnet_of(canister) {
                Some(_) => Ok(()),
                None => Err(InstanceError::NoSubnetHosts(canister)),
            },
        }
    }

    /// A call that creates a canister may be sent to any canister id. The subnet of that id creates the
    /// canister; the default subnet, if the id is the management canister's
    /// (`pocket_ic_server/src/pocket_ic.rs`, `route`).
    fn effective_of_canister(
        &self,
        sent_to: CanisterId,
        call: &CanisterCall,
        resolved: &Resolved,
    ) -> Result<EffectivePrincipal, InstanceError> {
        let about = match &resolved.management {
            Some(_) => resolved.known_management().and_then(ManagementCall::effective_canister),
            None => Some(call.canister),
        };
        if resolved.creates_canister() {
            return Ok(EffectivePrincipal::Canister(sent_to));
        }
        match about {
            Some(about) if about != sent_to => Err(InstanceError::SentElsewhere { sent_to, about }),
            _ => Ok(EffectivePrincipal::Canister(sent_to)),
        }
    }

    fn effective_of_subnet(
        &self,
        sent_to: SubnetId,
        kind: RequestKind,
        call: &CanisterCall,
        resolved: &Resolved,
    ) -> Result<EffectivePrincipal, InstanceError> {
        let (taken, is_taken) = match kind {
            RequestKind::Call => ("calls that create canisters", resolved.creates_canister()),
            RequestKind::Query => ("queries of 'list_canisters'", call.method == "list_canisters"),
        };
        if !call.canister.is_management() || !is_taken {
            return Err(InstanceError::NotForSubnets(taken));
        }
        self.subnet_info(sent_to).map(|info| EffectivePrincipal::Subnet(info.place.id))
    }

    /// Finds the subnet that a resolved call goes to. The inner error is a reject of the network.
    ///
    /// # Errors
    ///
    /// - [`InstanceError::NoSubnetHosts`] if no subnet hosts the canister.
    /// - [`InstanceError::NoSuchSubnet`] if there is no such subnet.
    pub(super) fn find_subnet(
        &self,
        call: &CanisterCall,
        resolved: Resolved,
    ) -> Result<Result<Destination, UserError>, InstanceError> {
        let of_canister = |canister: CanisterId| {
            self.network.subnet_of(canister).ok_or(InstanceError::NoSubnetHosts(canister))
        };
        let named = resolved.known_management().and_then(ManagementCall::effective_canister);
        let subnet = match (resolved.effective_principal, named) {
            _ if resolved.management.is_none() => of_canister(call.canister),
            (EffectivePrincipal::Subnet(subnet), _) => match self.network.subnet(subnet) {
                Some(_) => Ok(subnet),
                None => Err(InstanceError::NoSuchSubnet(subnet)),
            },
            (EffectivePrincipal::Canister(canister), _) if !canister.is_management() => {
                of_canister(canister)
            }
            (_, Some(canister)) => of_canister(canister),
            (_, None) if resolved.creates_canister() => of_canister(self.default_canister),
            (_, None) => {
                return Ok(Err(UserError::new(
                    ErrorCode::InvalidManagementPayload,
                    format!("The argument of '{}' names no canister", call.method),
                )));
            }
        }?;
        let Resolved { effective_principal, management } = resolved;
        Ok(Ok(Destination { subnet, effective_principal, management }))
    }
}
