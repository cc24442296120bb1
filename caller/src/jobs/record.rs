//! A job in stable memory.

use std::borrow::Cow;

use candid::Principal;
use ic_stable_structures::Storable;
use ic_stable_structures::storable::Bound;
use parallel_calls::Job;

use super::JobId;

/// A job with its number and its callee.
pub struct JobRecord {
    pub id: JobId,
    pub callee: Principal,
    pub job: Job,
}

/// Bytes of the job's number.
const ID_BYTES: usize = size_of::<JobId>();

/// Bytes of the callee's id: one byte for its length, then as many bytes as the longest id has.
const CALLEE_BYTES: usize = 1 + Principal::MAX_LENGTH_IN_BYTES;

impl Storable for JobRecord {
    const BOUND: Bound = Bound::Bounded {
        max_size: (ID_BYTES + CALLEE_BYTES + Job::BYTES) as u32,
        is_fixed_size: true,
    };

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        let callee = self.callee.as_slice();
        let mut bytes = vec![0; ID_BYTES + CALLEE_BYTES];
        bytes[..ID_BYTES].copy_from_slice(&self.id.to_le_bytes());
        bytes[ID_BYTES] = callee.len() as u8;
        bytes[ID_BYTES + 1..][..callee.len()].copy_from_slice(callee);
        bytes.extend_from_slice(&self.job.to_bytes());
        bytes.into()
    }

    fn into_bytes(self) -> Vec<u8> {
        self.to_bytes().into_owned()
    }

    fn from_bytes(bytes: Cow<'_, [u8]>) -> Self {
        let (id, bytes) = bytes.split_at(ID_BYTES);
        let id = JobId::from_le_bytes(id.try_into().expect("a number was written here"));
        let (callee, job) = bytes.split_at(CALLEE_BYTES);
        let callee = Principal::from_slice(&callee[1..][..usize::from(callee[0])]);
        let job = Job::from_bytes(job).expect("a job was written here");
        Self { id, callee, job }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_as_it_was_written() {
        for callee in [Principal::management_canister(), Principal::self_authenticating([1])] {
            let record = JobRecord { id: 12, callee, job: Job::new(7, Some(3), 2, true) };
            let read = JobRecord::from_bytes(record.to_bytes());
            assert_eq!((read.id, read.callee, read.job), (12, record.callee, record.job));
        }
    }
}
