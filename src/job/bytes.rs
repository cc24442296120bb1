//! The byte layout of a job in stable memory.

use std::time::Duration;

use super::Job;
use crate::{ReasonKind, Summary};

/// The first byte: the version of the layout.
const LAYOUT: u8 = 1;

/// The number that stands for `None`.
const NONE: u64 = u64::MAX;

/// Fields before the counts, eight bytes each.
const FIELDS: usize = 13;

/// Counts of failed calls by [`ReasonKind`], eight bytes each. Most are unused: a new kind must not change the size of
/// what is in stable memory.
const COUNTS: usize = 50;

const _: () = assert!(ReasonKind::ALL.len() <= COUNTS);

impl Job {
    /// Length of an encoded job in bytes.
    pub const BYTES: usize = 1 + 8 * (FIELDS + COUNTS);

    /// Encodes the job. Later versions of this crate can decode it.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let fields = [
            self.window.map_or(NONE, u64::from),
            u64::from(self.attempts),
            u64::from(self.idempotent),
            u64::from(self.cancelled),
            self.waiting_for.map_or(NONE, |kind| kind as u64),
            self.waiting,
            self.open,
            self.to_retry,
            u64::from(self.passes),
            u64::try_from(self.not_before.as_nanos()).unwrap_or(u64::MAX),
            u64::from(self.summary.max_in_flight),
            self.summary.succeeded,
            u64::from(self.has_unknown_attempts),
        ];
        let mut bytes = [0; Self::BYTES];
        bytes[0] = LAYOUT;
        let (places, _) = bytes[1..].as_chunks_mut::<8>();
        for (place, field) in places.iter_mut().zip(fields.into_iter().chain(self.summary.failed)) {
            *place = field.to_le_bytes();
        }
        bytes
    }

    /// Decodes a job. Returns `None` if the bytes are not a job, or have a layout that this version does not know.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [LAYOUT, fields @ ..] = bytes else { return None };
        let (fields, []) = fields.as_chunks::<8>() else { return None };
        if fields.len() != FIELDS + COUNTS {
            return None;
        }
        let mut fields = fields.iter().map(|field| u64::from_le_bytes(*field));
        let head: [u64; FIELDS] = std::array::from_fn(|_| fields.next().unwrap_or(NONE));
        let failed = std::array::from_fn(|_| fields.next().unwrap_or(0));
        let [
            window,
            attempts,
            idempotent,
            cancelled,
            waiting_for,
            waiting,
            open,
            to_retry,
            passes,
            not_before,
            max_in_flight,
            succeeded,
            has_unknown_attempts,
        ] = head;
        Some(Self {
            window: u32::try_from(window).ok(),
            attempts: u32::try_from(attempts).ok()?,
            idempotent: idempotent != 0,
            cancelled: cancelled != 0,
            waiting_for: usize::try_from(waiting_for)
                .ok()
                .and_then(|kind| ReasonKind::ALL.get(kind).copied()),
            waiting,
            open,
            to_retry,
            passes: u32::try_from(passes).ok()?,
            has_unknown_attempts: has_unknown_attempts != 0,
            not_before: Duration::from_nanos(not_before),
            summary: Summary {
                succeeded,
                max_in_flight: u32::try_from(max_in_flight).ok()?,
                refused: 0,
                failed,
            },
        })
    }
}
