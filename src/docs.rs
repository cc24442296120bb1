//! Pages of documentation: [outcomes], and which calls may be made again; and [limits].
//!
//! Tests compare the tables of these pages with the code, and execute the examples.

pub mod limits;
pub mod outcomes;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::limits::*;
    use crate::{Limits, Plan, Reason, ReasonKind, Retry, SHARED_SLOTS, Window};

    const OUTCOMES: &str = include_str!("docs/outcomes.rs");
    const LIMITS: &str = include_str!("docs/limits.rs");

    /// The cells of the rows whose first cell links to such a path, by the last name in this path.
    fn rows(page: &'static str, path: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
        let cells = |line: &'static str| -> Option<(&'static str, Vec<&'static str>)> {
            let row = line.strip_prefix("//! | [`")?;
            let (name, link) = row.split_once("`](")?;
            link.strip_prefix(path)?;
            Some((name, line.split('|').skip(2).map(str::trim).collect()))
        };
        page.lines().filter_map(cells).collect()
    }

    #[test]
    fn the_table_of_reasons_says_what_the_code_does() {
        let rows = rows(OUTCOMES, "crate::ReasonKind::");
        for &kind in ReasonKind::ALL {
            let name = format!("{kind:?}");
            let row = rows.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no row"));
            let outcome = if kind.is_clean() { "not done" } else { "unknown" };
            let repeated = match (kind.is_transient(), kind.is_clean()) {
                (false, _) => "no",
                (true, true) => "yes",
                (true, false) => "if idempotent",
            };
            assert_eq!(row[..2], [outcome, repeated], "{name}");
        }
        assert_eq!(rows.len(), ReasonKind::ALL.len());
    }

    #[test]
    fn the_table_of_limits_has_the_value_of_each_constant() {
        let seconds = |duration: std::time::Duration| duration.as_secs();
        let values: [(&str, u64); 18] = [
            ("QUEUE_SLOTS", QUEUE_SLOTS.into()),
            ("SHARED_SLOTS", SHARED_SLOTS.into()),
            ("GUARANTEED_CALLBACKS", GUARANTEED_CALLBACKS.into()),
            ("CALLBACKS_PER_SUBNET", CALLBACKS_PER_SUBNET.into()),
            ("CYCLES_SET_ASIDE_PER_CALL", CYCLES_SET_ASIDE_PER_CALL as u64),
            ("CYCLES_SPENT_PER_CALL", CYCLES_SPENT_PER_CALL as u64),
            ("MESSAGE_INSTRUCTIONS_MAX", MESSAGE_INSTRUCTIONS_MAX),
            ("METHOD_NAME_BYTES_MAX", METHOD_NAME_BYTES_MAX as u64),
            ("REQUEST_BYTES_MAX", REQUEST_BYTES_MAX as u64),
            ("REMOTE_REQUEST_BYTES_MAX", REMOTE_REQUEST_BYTES_MAX as u64),
            ("RESPONSE_BYTES_MAX", RESPONSE_BYTES_MAX as u64),
            ("HEAP_BYTES_MAX", HEAP_BYTES_MAX as u64),
            ("BOUNDED_WAIT_MAX", seconds(BOUNDED_WAIT_MAX)),
            ("DELAYED_CALLS_MAX", DELAYED_CALLS_MAX as u64),
            ("ENDED_PER_MESSAGE", ENDED_PER_MESSAGE.into()),
            ("VERDICT_TEXT_BYTES_MAX", VERDICT_TEXT_BYTES_MAX as u64),
            ("SHARE_PERCENT", Plan::SHARE_PERCENT.into()),
            ("LOOK_AHEAD", Window::LOOK_AHEAD as u64),
        ];
        let rows = rows(LIMITS, "crate::");
        for (name, value) in values {
            let row = rows.get(name).unwrap_or_else(|| panic!("{name} has no row"));
            let number: String = row[0].chars().filter(char::is_ascii_digit).collect();
            assert_eq!(number.parse(), Ok(value), "{name}");
        }
        assert_eq!(rows.len(), values.len());
        // No constant of the module `limits` is missing.
        for line in include_str!("limits.rs").lines() {
            if let Some(constant) = line.strip_prefix("pub const ") {
                let name = constant.split(':').next().expect("a constant has a name");
                assert!(rows.contains_key(name), "{name} has no row");
            }
        }
    }

    #[test]
    fn the_delays_are_those_of_the_page() {
        let retry = Retry::attempts(9);
        let delays = (1..9).map(|attempts| retry.delay_after(attempts).as_secs().to_string());
        let delays = delays.collect::<Vec<_>>().join(", ");
        assert_eq!(delays, "1, 2, 4, 8, 16, 32, 60, 60");
        assert!(
            OUTCOMES
                .replace("\n//! ", " ")
                .contains("1, 2, 4, 8, 16 and 32 seconds, and then always 60 seconds")
        );
    }

    #[test]
    fn below_21_trillion_cycles_the_cycles_limit_a_window_and_above_the_slots() {
        assert!(LIMITS.contains("below about 21 T cycles"));
        let window = |liquid_cycles| {
            let limits = Limits {
                queue_slots: QUEUE_SLOTS,
                callbacks: QUEUE_SLOTS,
                liquid_cycles,
                cycles_per_call: CYCLES_SET_ASIDE_PER_CALL,
                spent_per_call: CYCLES_SPENT_PER_CALL,
            };
            Plan::new(&limits, 1_000).expect("there are cycles").window.per_callee
        };
        const T: u128 = 1_000_000_000_000;
        assert!(window(20 * T) < SHARED_SLOTS && window(22 * T) == SHARED_SLOTS);
        assert_eq!((window(2 * T), window(100 * T)), (42, 450));
    }

    #[test]
    fn an_outcome_is_small() {
        // In a canister, where addresses are half as long, it is smaller still.
        assert!(size_of::<crate::Outcome<crate::Reply>>() <= 64);
        assert!(size_of::<Reason>() <= 32);
    }
}
