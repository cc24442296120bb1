//! The modules that waiting calls install. A server compiles them before the round, so that the round finds them
//! in the cache, and other requests can use the instance while the compiler works.

use super::Call;
use super::code::module_of;
use crate::ic00::{ManagementCall, Method};
use crate::limits::WAITING_MODULES_BYTES_MAX;
use crate::subnet::Subnet;
use crate::types::Payload;

impl Subnet {
    /// The modules that the first waiting calls of `install_code` and `install_chunked_code` install, as far as
    /// they are known: the modules up to [`WAITING_MODULES_BYTES_MAX`], and the one that exceeds it. Some of these
    /// calls may fail before they install anything.
    pub fn waiting_modules(&self) -> Vec<Vec<u8>> {
        let pooled = self.ingress_pool.iter().filter_map(|ingress| {
            let method = ingress.management.as_ref()?;
            Some((method, &ingress.argument))
        });
        let taken_in = self.management_calls.iter().map(|pending| {
            let Call { method, argument, .. } = &pending.call;
            (method, argument)
        });
        let installing = pooled.chain(taken_in).filter(|(method, _)| installs(method));
        let modules = installing.filter_map(|(method, argument)| self.module_in(method, argument));
        let mut bytes = 0;
        let first = modules.take_while(|module| {
            let has_room = bytes <= WAITING_MODULES_BYTES_MAX;
            bytes += module.len();
            has_room
        });
        first.collect()
    }

    fn module_in(&self, method: &ManagementCall, argument: &Payload) -> Option<Vec<u8>> {
        module_of(method.rules.method, argument, |store| Some(&self.canisters.get(&store)?.chunks))
    }
}

fn installs(method: &ManagementCall) -> bool {
    matches!(method.rules.method, Method::InstallCode | Method::InstallChunkedCode)
}
