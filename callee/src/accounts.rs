//! What the callee says of its users: controllers set it, stable memory keeps it.

use std::borrow::Cow;
use std::cell::RefCell;

use candid::{CandidType, Principal};
use ic_stable_structures::storable::Bound;
use ic_stable_structures::{DefaultMemoryImpl, StableBTreeMap, Storable};

wire::record! {
    /// An account as ICRC-1 has it: a user has one for each subaccount.
    #[derive(CandidType)]
    pub struct Account {
        pub owner: Principal,
        pub subaccount: Option<Vec<u8>>,
    }
}

wire::record! {
    /// A user, and all that is said of them.
    #[derive(CandidType)]
    pub struct UserAccount {
        pub user: Principal,
        pub balance: u128,
        pub position: u128,
        pub rewards: u128,
    }
}

/// What there is of a user, in the smallest units of whatever it is; nothing of unknown users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub balance: u128,
    pub position: u128,
    pub rewards: u128,
}

thread_local! {
    /// The one thing kept, so it has the whole stable memory.
    static USERS: RefCell<StableBTreeMap<Principal, Holdings, DefaultMemoryImpl>> =
        RefCell::new(StableBTreeMap::init(DefaultMemoryImpl::default()));
}

/// Keeps what there is of a user, from now on and across upgrades.
pub fn set(UserAccount { user, balance, position, rewards }: UserAccount) {
    let holdings = Holdings { balance, position, rewards };
    USERS.with_borrow_mut(|users| users.insert(user, holdings));
}

/// What there is of a user.
pub fn of(user: Principal) -> Holdings {
    USERS.with_borrow(|users| users.get(&user)).unwrap_or_default()
}

/// The balance of an account. All a user has is in the default one, whose name is 32 zeros or left out.
pub fn balance_of(account: &Account) -> Result<u128, &'static str> {
    match account.subaccount.as_deref() {
        Some(name) if name.len() != 32 => Err("a subaccount has 32 bytes"),
        Some(name) if name != [0; 32] => Ok(0),
        _ => Ok(of(account.owner).balance),
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
        Account { owner, subaccount: subaccount.map(<[u8]>::to_vec) }
    }

    #[test]
    fn what_was_set_last_is_kept_for_each_user() {
        for number in 0..200 {
            for balance in [7, u128::from(number)] {
                set(UserAccount { user: user(number), balance, position: u128::MAX, rewards: 1 });
            }
        }
        for number in 0..200 {
            let expected =
                Holdings { balance: u128::from(number), position: u128::MAX, rewards: 1 };
            assert_eq!(of(user(number)), expected);
        }
        assert_eq!(of(user(200)), Holdings::default());
        assert_eq!(of(Principal::management_canister()), Holdings::default());
    }

    #[test]
    fn a_balance_is_in_the_default_account_only() {
        set(UserAccount { user: user(1), balance: 5, position: 6, rewards: 7 });
        let mut other = [0; 32];
        other[31] = 1;
        for (subaccount, balance) in [(None, 5), (Some(&[0; 32]), 5), (Some(&other), 0)] {
            let subaccount = subaccount.map(<[u8; 32]>::as_slice);
            assert_eq!(balance_of(&account(user(1), subaccount)), Ok(balance));
            assert_eq!(balance_of(&account(user(2), subaccount)), Ok(0));
        }
    }

    #[test]
    fn a_subaccount_of_another_length_is_refused() {
        for length in [0, 1, 31, 33, 64] {
            let account = account(user(1), Some(&vec![0; length]));
            assert_eq!(balance_of(&account), Err("a subaccount has 32 bytes"));
        }
    }

    #[test]
    fn holdings_are_stored_as_they_are() {
        let holdings = Holdings { balance: 1, position: u128::MAX, rewards: 1 << 77 };
        let bytes = holdings.to_bytes();
        assert_eq!(bytes.len(), 48);
        assert_eq!(Holdings::from_bytes(bytes), holdings);
    }
}
