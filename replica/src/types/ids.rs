//! Identifiers of canisters and subnets. Each kind of identifier is a type, so that the compiler finds
//! mix-ups.

use candid::Principal;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// The order of two principals: by length, then by bytes. Maps compare ids so often that a call of `memcmp` matters.
/// The first eight bytes of a canister id, which are its number, are compared as one number, and so are the other two.
#[inline]
fn compare(own: &Principal, other: &Principal) -> Ordering {
    let (own, other) = (own.as_slice(), other.as_slice());
    if own.len() != other.len() {
        return own.len().cmp(&other.len());
    }
    let parts = own.split_first_chunk().zip(other.split_first_chunk());
    let Some(((first, rest), (others, other_rest))) = parts else { return own.cmp(other) };
    let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
    match number(first).cmp(&number(others)) {
        Ordering::Equal => match (rest.as_array(), other_rest.as_array()) {
            (Some(rest), Some(other_rest)) => {
                u16::from_be_bytes(*rest).cmp(&u16::from_be_bytes(*other_rest))
            }
            _ => rest.cmp(other_rest),
        },
        different => different,
    }
}

/// Defines a newtype over [`Principal`] with its conversions.
macro_rules! principal_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct $name(Principal);

        impl Ord for $name {
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                compare(&self.0, &other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Wraps a principal. Does not check that a canister or a subnet has this id.
            pub const fn new(principal: Principal) -> Self {
                Self(principal)
            }

            /// The id as a principal.
            pub const fn principal(self) -> Principal {
                self.0
            }

            /// The bytes of the principal, at most 29.
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
    /// The id of a canister or of the management canister ([`CanisterId::MANAGEMENT`]).
    CanisterId
}

principal_newtype! {
    /// The id of a subnet.
    SubnetId
}

principal_newtype! {
    /// The receiver of a call: a canister, the management canister, or a subnet. A call to a subnet is a
    /// call of the management canister that this subnet executes.
    ///
    /// The principal alone does not determine which of the three the receiver is. The routing table
    /// does: see [`routing::is_ic00`](crate::routing::is_ic00).
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

    /// Whether the receiver is the management canister, addressed by its own id. False if it is
    /// addressed by the id of a subnet.
    pub fn is_management(self) -> bool {
        self == Self::MANAGEMENT
    }

    /// The principal as the id of a canister. Nothing is checked: if the receiver is a subnet, no
    /// canister has this id.
    pub const fn as_canister(self) -> CanisterId {
        CanisterId(self.0)
    }

    /// The principal as the id of a subnet. Nothing is checked: if the receiver is a canister, no subnet
    /// has this id.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_order_of_their_principals() {
        let mut principals = vec![Principal::management_canister(), Principal::anonymous()];
        for length in [1, 7, 8, 9, 10, 16, 29] {
            for changed in 0..length {
                for byte in [1, 127, 128, 255] {
                    let mut bytes = vec![5; length];
                    bytes[changed] = byte;
                    principals.push(Principal::from_slice(&bytes));
                }
            }
        }
        for own in &principals {
            for other in &principals {
                let ids = CanisterId(*own).cmp(&CanisterId(*other));
                assert_eq!(ids, own.cmp(other), "{own} and {other}");
            }
        }
    }
}
