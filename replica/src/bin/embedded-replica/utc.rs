//! Moments, as the program writes them.

use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment in UTC, in milliseconds, such as `2026-11-30T05:30:12.345Z`.
pub fn utc(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let millis = moment.replace_millisecond(moment.millisecond()).unwrap_or(moment);
    // Years of more than four digits have no such form.
    millis.format(&Rfc3339).unwrap_or_else(|_| millis.to_string())
}
