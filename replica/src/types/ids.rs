//! Identifiers of canisters and subnets. Each kind of identifier is a type, so that the compiler finds
//! mix-ups.

use candid::Principal;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A principal: the number of its bytes, its bytes, and zeros. Ids are copied, compared and looked up so often that this
/// matters: they are copied in two aligned parts, and compared as four numbers. (The 30 bytes of a [`Principal`] are
/// copied in two parts that overlap. If a copy is copied soon after, the processor waits.)
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Id([u8; 32]);

impl Id {
    const fn new(principal: Principal) -> Self {
        let bytes = principal.as_slice();
        let mut id = [0; 32];
        id[0] = bytes.len() as u8;
        id.split_at_mut(1).1.split_at_mut(bytes.len()).0.copy_from_slice(bytes);
        Self(id)
    }

    const fn as_slice(&self) -> &[u8] {
        self.0.split_at(1).1.split_at(self.0[0] as usize).0
    }

    const fn principal(self) -> Principal {
        Principal::from_slice(self.as_slice())
    }

    /// Numbers with the order of the principals: by length, then by bytes.
    #[inline(always)]
    fn numbers(&self) -> (u64, u64, u64, u64) {
        let (parts, _) = self.0.as_chunks();
        let number = |part: usize| u64::from_be_bytes(parts[part]);
        (number(0), number(1), number(2), number(3))
    }
}

impl PartialEq for Id {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl Eq for Id {}

impl Ord for Id {
    #[inline(always)]
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers().cmp(&other.numbers())
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.numbers().hash(state);
    }
}

/// Defines a newtype over [`Principal`] with its conversions.
macro_rules! principal_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "Principal", into = "Principal")]
        pub struct $name(Id);

        impl $name {
            /// Wraps a principal. Does not check that a canister or a subnet has this id.
            pub const fn new(principal: Principal) -> Self {
                Self(Id::new(principal))
            }

            /// The id as a principal.
            pub const fn principal(self) -> Principal {
                self.0.principal()
            }

            /// The bytes of the principal, at most 29.
            pub const fn as_slice(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl From<Principal> for $name {
            fn from(principal: Principal) -> Self {
                Self::new(principal)
            }
        }

        impl From<$name> for Principal {
            fn from(id: $name) -> Self {
                id.principal()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl PartialEq<Principal> for $name {
            fn eq(&self, other: &Principal) -> bool {
                self.as_slice() == other.as_slice()
            }
        }

        impl PartialEq<$name> for Principal {
            fn eq(&self, other: &$name) -> bool {
                other == self
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.principal().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.principal())
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
    pub const MANAGEMENT: Self = Self(Id::new(Principal::management_canister()));

    /// Whether this is the management canister.
    pub fn is_management(self) -> bool {
        self == Self::MANAGEMENT
    }
}

impl Callee {
    /// The management canister, `aaaaa-aa`.
    pub const MANAGEMENT: Self = Self(Id::new(Principal::management_canister()));

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
    fn ids_have_the_bytes_and_the_order_of_their_principals() {
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
            let id = CanisterId::new(*own);
            assert_eq!((id.principal(), id.as_slice()), (*own, own.as_slice()));
            assert_eq!(id, *own);
            assert_eq!(*own, id);
            for other in &principals {
                let other_id = CanisterId::new(*other);
                assert_eq!(id.cmp(&other_id), own.cmp(other), "{own} and {other}");
                assert_eq!(id == other_id, own == other, "{own} and {other}");
            }
        }
    }
}
