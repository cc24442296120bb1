//! Host names that a tool gives to canisters, in a file.
//!
//! The file has one name in each line, with the canister's id: `shop.local.localhost:rwlgt-iiaaa-aaaaa-aaaaa-cai`.
//! `icp` writes such a file for its launchers, and changes it with each deployment.

use crate::limits::CUSTOM_DOMAINS_FILE_BYTES_MAX;
use candid::Principal;
use std::path::PathBuf;
use tokio::io::AsyncReadExt;

/// The names in a file, or none. The file is read when a name is looked up, so that changes count at once.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct CustomDomains(Option<PathBuf>);

impl CustomDomains {
    /// The names in this file, which need not exist yet.
    pub(in crate::server) fn in_file(file: Option<PathBuf>) -> Self {
        Self(file)
    }

    /// The canister with this host name, which is in lower case. `None` if the file does not name it.
    pub(super) async fn find(&self, host: &str) -> Option<Principal> {
        let file = tokio::fs::File::open(self.0.as_ref()?).await.ok()?;
        let mut text = String::new();
        file.take(CUSTOM_DOMAINS_FILE_BYTES_MAX).read_to_string(&mut text).await.ok()?;
        let mut named = text.lines().filter_map(|line| line.trim().rsplit_once(':'));
        let (_, id) = named.find(|(name, _)| name.eq_ignore_ascii_case(host))?;
        Principal::from_text(id.trim()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_in_the_file_as_it_is_now() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("custom-domains.txt");
        let domains = CustomDomains::in_file(Some(file.clone()));
        assert_eq!(domains.find("shop.local.localhost").await, None);
        let lines =
            "other.localhost:aaaaa-aa\nShop.local.localhost:rwlgt-iiaaa-aaaaa-aaaaa-cai\nbad";
        std::fs::write(file, lines).expect("the file is written");
        let id = Principal::from_text("rwlgt-iiaaa-aaaaa-aaaaa-cai").expect("a principal");
        assert_eq!(domains.find("shop.local.localhost").await, Some(id));
        assert_eq!(domains.find("bad").await, None);
        assert_eq!(CustomDomains::default().find("shop.local.localhost").await, None);
    }
}
