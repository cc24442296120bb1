//! Identifiers of canisters and subnets. Each kind has a type of its own, so that none of them stands
//! where another is meant.

use candid::Principal;
use std::fmt;

/// Defines a newtype over [`Principal`], with the conversions that all of them have.
macro_rules! principal_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Principal);

        impl $name {
            /// Takes a principal as an identifier of this kind. Nothing is checked.
            pub const fn new(principal: Principal) -> Self {
                Self(principal)
            }

            /// The identifier as a principal.
            pub const fn principal(self) -> Principal {
                self.0
            }

            /// The bytes of the principal, 29 at most.
            pub const fn as_slice(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl From<Principal> for $name {
            fn from(principal: Principal) -> Self {
                Self(principal)
            }
        }

        impl From<$name> for Principal {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<Principal> for $name {
            fn as_ref(&self) -> &Principal {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl PartialEq<Principal> for $name {
            fn eq(&self, other: &Principal) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for Principal {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

principal_newtype! {
    /// The id of a canister. The management canister has one, too: [`CanisterId::MANAGEMENT`].
    CanisterId
}

principal_newtype! {
    /// The id of a subnet.
    SubnetId
}

principal_newtype! {
    /// Who is called: a canister, the management canister, or a subnet. A call to a subnet is a call
    /// of the management canister, which that subnet carries out.
    ///
    /// The principal alone does not tell which of the three it is: that depends on which subnets
    /// there are (`ic00::is_ic00`).
    Callee
}

impl CanisterId {
    /// The management canister, `aaaaa-aa`.
    pub const MANAGEMENT: Self = Self(Principal::management_canister());

    /// Whether this is the management canister.
    pub fn is_management(self) -> bool {
        self == Self::MANAGEMENT
    }
}

impl Callee {
    /// The management canister, `aaaaa-aa`.
    pub const MANAGEMENT: Self = Self(Principal::management_canister());

    /// Whether this is the management canister by its own id, not by that of a subnet.
    pub fn is_management(self) -> bool {
        self == Self::MANAGEMENT
    }

    /// The canister that is called, if this is no subnet. The caller knows that, or looks for a
    /// canister that may not exist.
    pub const fn as_canister(self) -> CanisterId {
        CanisterId(self.0)
    }

    /// The subnet that is called, if this is no canister. The caller knows that, or looks for a
    /// subnet that may not exist.
    pub const fn as_subnet(self) -> SubnetId {
        SubnetId(self.0)
    }
}

impl From<CanisterId> for Callee {
    fn from(canister: CanisterId) -> Self {
        Self(canister.0)
    }
}

impl From<SubnetId> for Callee {
    fn from(subnet: SubnetId) -> Self {
        Self(subnet.0)
    }
}

impl PartialEq<Callee> for CanisterId {
    fn eq(&self, other: &Callee) -> bool {
        self.0 == other.0
    }
}

impl PartialEq<CanisterId> for Callee {
    fn eq(&self, other: &CanisterId) -> bool {
        self.0 == other.0
    }
}
