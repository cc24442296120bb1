//! The amounts that the callee returns for each user. Controllers set the amounts, and stable memory keeps them.

use std::borrow::Cow;
use std::cell::RefCell;

use candid::{CandidType, Principal};
use ic_stable_structures::storable::Bound;
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap, Storable};
use serde::Deserialize;
use serde_bytes::ByteBuf;

/// Length of a subaccount in bytes, by the ICRC-1 standard.
const SUBACCOUNT_BYTES: usize = 32;

/// An account of the ICRC-1 standard: a user and a subaccount. `None` is the default subaccount.
#[derive(CandidType, Deserialize)]
pub struct Account {
    pub owner: Principal,
    pub subaccount: Option<ByteBuf>,
}

/// The argument of `set_account`: a user and the amounts of this user.
#[derive(CandidType, Deserialize)]
pub struct UserAccount {
    pub user: Principal,
    pub balance: u128,
    pub position: u128,
    pub rewards: u128,
}

/// The amounts of a user, each in the smallest unit of its token. An unknown user has 0 of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub balance: u128,
    pub position: u128,
    pub rewards: u128,
}

thread_local! {
    /// The amounts of each user. This map is the only structure in stable memory, so it needs no memory manager.
    static USERS: RefCell<StableBTreeMap<Principal, Holdings, DefaultMemoryImpl>> =
        RefCell::new(StableBTreeMap::init(DefaultMemoryImpl::default()));
}

/// Sets the amounts of a user. Upgrades keep them.
pub fn set(UserAccount { user, balance, position, rewards }: UserAccount) {
    let holdings = Holdings { balance, position, rewards };
    USERS.with_borrow_mut(|users| users.insert(user, holdings));
}

/// The amounts of a user.
pub fn holdings_of(user: Principal) -> Holdings {
    USERS.with_borrow(|users| users.get(&user)).unwrap_or_default()
}

/// The balance of an account. The whole balance of a user is in the default subaccount; others have 0.
pub fn balance_of(account: &Account) -> u128 {
    if account.is_default() { holdings_of(account.owner).balance } else { 0 }
}

impl Account {
    /// Checks the length of the subaccount.
    ///
    /// # Errors
    ///
    /// The reason, if the subaccount does not have 32 bytes.
    pub fn check(&self) -> Result<(), String> {
        match &self.subaccount {
            Some(subaccount) if subaccount.len() != SUBACCOUNT_BYTES => {
                Err(format!("a subaccount has {SUBACCOUNT_BYTES} bytes, not {}", subaccount.len()))
            }
            _ => Ok(()),
        }
    }

    /// The default subaccount is 32 zeros, or none at all.
    fn is_default(&self) -> bool {
        self.subaccount.as_ref().is_none_or(|subaccount| **subaccount == [0; SUBACCOUNT_BYTES])
    }
}

impl Storable for Holdings {
    const BOUND: Bound = Bound::Bounded { max_size: 48, is_fixed_size: true };

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.into_bytes())
    }

    fn into_bytes(self) -> Vec<u8> {
        [self.balance, self.position, self.rewards].map(u128::to_le_bytes).concat()
    }

    fn from_bytes(bytes: Cow<'_, [u8]>) -> Self {
        let mut numbers = bytes.as_chunks().0.iter().map(|number| u128::from_le_bytes(*number));
        let mut next = || numbers.next().unwrap_or_default();
        Self { balance: next(), position: next(), rewards: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u8) -> Principal {
        Principal::from_slice(&[number])
    }

    fn account(owner: Principal, subaccount: Option<&[u8]>) -> Account {
        Account { owner, subaccount: subaccount.map(ByteBuf::from) }
    }

    #[test]
    fn the_amounts_set_last_are_kept_for_each_user() {
        for number in 0..200 {
            for balance in [7, u128::from(number)] {
                set(UserAccount { user: user(number), balance, position: u128::MAX, rewards: 1 });
            }
        }
        for number in 0..200 {
            let expected =
                Holdings { balance: u128::from(number), position: u128::MAX, rewards: 1 };
            assert_eq!(holdings_of(user(number)), expected);
        }
        assert_eq!(holdings_of(user(200)), Holdings::default());
        assert_eq!(holdings_of(Principal::management_canister()), Holdings::default());
    }

    #[test]
    fn a_balance_is_in_the_default_account_only() {
        set(UserAccount { user: user(1), balance: 5, position: 6, rewards: 7 });
        let mut other = [0; 32];
        other[31] = 1;
        for (subaccount, balance) in [(None, 5), (Some(&[0; 32]), 5), (Some(&other), 0)] {
            let subaccount = subaccount.map(<[u8; 32]>::as_slice);
            let account = |owner| account(owner, subaccount);
            assert_eq!(account(user(1)).check(), Ok(()));
            assert_eq!(balance_of(&account(user(1))), balance);
            assert_eq!(balance_of(&account(user(2))), 0);
        }
    }

    #[test]
    fn a_subaccount_of_another_length_is_refused() {
        for length in [0, 1, 31, 33, 64] {
            let account = account(user(1), Some(&vec![0; length]));
            let refusal = account.check().expect_err("the length is wrong");
            assert_eq!(refusal, format!("a subaccount has 32 bytes, not {length}"));
        }
    }

    #[test]
    fn holdings_are_read_from_stable_memory_as_they_were_written() {
        let holdings = Holdings { balance: 1, position: u128::MAX, rewards: 1 << 77 };
        let bytes = holdings.to_bytes();
        assert_eq!(bytes.len(), 48);
        assert_eq!(Holdings::from_bytes(bytes), holdings);
    }
}
