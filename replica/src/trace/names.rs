//! Names of canisters and subnets, for people who read a trace.

use candid::Principal;
use std::collections::BTreeMap;

/// Names of canisters and subnets. What has no name is called by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<Principal, String>);

impl Names {
    /// No names, except that of the management canister.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name. The latest name of an id counts.
    #[must_use]
    pub fn with(mut self, id: impl Into<Principal>, name: impl Into<String>) -> Self {
        self.0.insert(id.into(), name.into());
        self
    }

    /// The name of a canister or a subnet, or its id as text.
    pub fn of(&self, id: impl Into<Principal>) -> String {
        let id = id.into();
        match self.0.get(&id) {
            Some(name) => name.clone(),
            None if id == Principal::management_canister() => "management canister".into(),
            None => id.to_text(),
        }
    }

    /// All names, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Principal, &str)> {
        self.0.iter().map(|(id, name)| (id, name.as_str()))
    }
}
