//! The length of the rounds of a live network.

use crate::dfx::{agent, create};
use crate::identities::ed25519;
use crate::network::run;
use embedded_replica::network::NetworkProfile;
use embedded_replica::server::{LiveConfig, LiveNetwork};
use std::time::{Duration, Instant};
use test_support::patience::in_one_of_ten;

/// How long it takes to have a canister created, which takes a round.
fn creation(config: LiveConfig) -> Duration {
    let network = LiveNetwork::start(config).unwrap();
    run(async {
        let agent = agent(&network, ed25519(1)).await;
        let started = Instant::now();
        create(&agent, network.default_effective_canister().principal()).await;
        started.elapsed()
    })
}

#[test]
fn a_round_takes_what_the_profile_says_or_the_delay_that_is_asked_for_if_that_is_longer() {
    let mainnet = || LiveConfig { profile: NetworkProfile::MAINNET, ..LiveConfig::default() };
    let delayed = |millis| Duration::from_millis(millis);
    in_one_of_ten(|| {
        let at_once = creation(LiveConfig::default());
        if at_once < delayed(500) { Ok(()) } else { Err(format!("{at_once:?} for a creation")) }
    });
    let half = creation(mainnet());
    let longer = creation(LiveConfig { artificial_delay: delayed(1_200), ..mainnet() });
    assert!(half >= delayed(500), "{half:?}");
    assert!(longer >= delayed(1_200), "{longer:?}");
}
