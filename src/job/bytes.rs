//! A job in stable memory.

use std::time::Duration;

use super::Job;
use crate::{Kind, Summary};

/// The first byte: which layout follows. A later one gets another number.
const LAYOUT: u8 = 1;

/// What stands for no kind and no window.
const NONE: u64 = u64::MAX;

/// Fields before the counts by kind, each of eight bytes.
const FIELDS: usize = 13;

/// Room for counts, most of it for kinds to come: what is in stable memory must not change its size.
const COUNTS: usize = 50;

const _: () = assert!(Kind::ALL.len() <= COUNTS);

impl Job {
    /// Length of a job in bytes.
    pub const BYTES: usize = 1 + 8 * (FIELDS + COUNTS);

    /// The job as bytes that later versions of this crate read, too.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let fields = [
            self.window.map_or(NONE, u64::from),
            u64::from(self.attempts),
            u64::from(self.idempotent),
            u64::from(self.cancelled),
            self.lacks.map_or(NONE, |kind| kind as u64),
            self.waiting,
            self.open,
            self.again,
            u64::from(self.passes),
            u64::try_from(self.not_before.as_nanos()).unwrap_or(u64::MAX),
            u64::from(self.summary.widest),
            self.summary.succeeded,
            u64::from(self.doubtful),
        ];
        let mut bytes = [0; Self::BYTES];
        bytes[0] = LAYOUT;
        let (places, _) = bytes[1..].as_chunks_mut::<8>();
        for (place, field) in places.iter_mut().zip(fields.into_iter().chain(self.summary.failed)) {
            *place = field.to_le_bytes();
        }
        bytes
    }

    /// The job that was written, unless it was none or one of a layout that is not known here.
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
            lacks,
            waiting,
            open,
            again,
            passes,
            not_before,
            widest,
            succeeded,
            doubtful,
        ] = head;
        Some(Self {
            window: u32::try_from(window).ok(),
            attempts: u32::try_from(attempts).ok()?,
            idempotent: idempotent != 0,
            cancelled: cancelled != 0,
            lacks: usize::try_from(lacks).ok().and_then(|kind| Kind::ALL.get(kind).copied()),
            waiting,
            open,
            again,
            passes: u32::try_from(passes).ok()?,
            doubtful: doubtful != 0,
            not_before: Duration::from_nanos(not_before),
            summary: Summary { succeeded, widest: u32::try_from(widest).ok()?, refused: 0, failed },
        })
    }
}
