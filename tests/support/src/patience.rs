//! Waiting, and measurements of time, on machines of any speed.

use std::time::{Duration, Instant};

/// Longest time that a test waits for something that will happen. Only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a condition holds.
///
/// # Panics
///
/// If the condition does not hold within [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "{what}: it never happens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Makes a measurement that depends on the speed of the machine, up to ten times, until it succeeds. On a busy
/// machine, some of these measurements fail. If the measured program has a fault, all of them fail.
///
/// # Panics
///
/// If all measurements fail.
#[track_caller]
pub fn in_one_of_ten<T>(mut measure: impl FnMut() -> Result<T, String>) -> T {
    let mut failures = Vec::new();
    for _ in 0..10 {
        match measure() {
            Ok(measured) => return measured,
            Err(failure) => failures.push(failure),
        }
    }
    panic!("all measurements failed: {failures:#?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_success_is_enough_and_ten_failures_are_too_many() {
        let mut left = 10;
        let nine_failures = in_one_of_ten(|| {
            left -= 1;
            if left == 0 { Ok("done") } else { Err("busy".to_owned()) }
        });
        assert_eq!(nine_failures, "done");
        let fails = || in_one_of_ten(|| Err::<(), _>("busy".to_owned()));
        assert!(std::panic::catch_unwind(fails).is_err());
    }
}
