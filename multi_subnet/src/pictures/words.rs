//! Numbers and times as people read them.

use crate::numbers;

/// A number with a comma between each three digits.
pub(crate) fn grouped(number: impl Into<u128>) -> String {
    numbers::grouped(number.into())
}

/// A number with one decimal and a unit for thousands, millions, billions or trillions: `42.1 B`.
pub(crate) fn short(number: impl Into<u128>) -> String {
    let number = number.into();
    let units = [(1_000_000_000_000_u128, "T"), (1_000_000_000, "B"), (1_000_000, "M")];
    for (unit, name) in units {
        if number >= unit {
            let tenths = (number + unit / 20) / (unit / 10);
            return match tenths % 10 {
                0 => format!("{} {name}", grouped(tenths / 10)),
                tenth => format!("{}.{tenth} {name}", grouped(tenths / 10)),
            };
        }
    }
    grouped(number)
}

/// A time: seconds with a decimal, or milliseconds if it is short.
pub(crate) fn duration(nanos: u64) -> String {
    let (seconds, tenth) = (nanos / 1_000_000_000, nanos / 100_000_000 % 10);
    match nanos {
        0 => "0 s".into(),
        1..1_000_000 => format!("{} us", nanos / 1_000),
        1_000_000..100_000_000 => {
            format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10)
        }
        _ => format!("{}.{tenth} s", grouped(seconds)),
    }
}

/// The word in the plural, unless there is one of it: `1 call`, `2,000 calls`.
pub(crate) fn count(number: u64, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", grouped(number))
}

/// That calls fail: `1 call fails`, `2 calls fail`.
pub(crate) fn calls_fail(calls: u64) -> String {
    let verb = if calls == 1 { "fails" } else { "fail" };
    format!("{} {verb}", count(calls, "call"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        let cases =
            [(0_u64, "0"), (999_999, "999,999"), (5_370_000, "5.4 M"), (42_102_000_000, "42.1 B")];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
        assert_eq!(short(100_000_000_000_000_u128), "100 T");
        assert_eq!(
            (count(1, "call"), count(2_000, "call")),
            ("1 call".into(), "2,000 calls".into())
        );
    }

    #[test]
    fn short_times_are_not_shown_as_zero() {
        let times = [0, 17_000, 2_340_000, 2_000_012_345, 4_000_000_000_000].map(duration);
        assert_eq!(times, ["0 s", "17 us", "2.3 ms", "2.0 s", "4,000.0 s"]);
    }
}
