//! Modules with random damage, and random bytes.

use super::encoding::gzip;
use super::*;
use proptest::prelude::*;

/// One way to damage bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// Copies some bytes over others.
    Splice(prop::sample::Index, prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        3 => (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        3 => index().prop_map(Damage::Remove),
        2 => (index(), index(), 1usize..40).prop_map(|(a, b, n)| Damage::Splice(a, b, n)),
        1 => index().prop_map(Damage::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match damage {
        Damage::Set(at, byte) => bytes[at.index(length)] = byte,
        Damage::Insert(at, byte) => bytes.insert(at.index(length), byte),
        Damage::Remove(at) => {
            bytes.remove(at.index(length));
        }
        Damage::Splice(from, to, count) => {
            let (from, to) = (from.index(length), to.index(length));
            let count = count.min(length - from).min(length - to);
            bytes.copy_within(from..from + count, to);
        }
        Damage::Cut(at) => bytes.truncate(at.index(length)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn validating_a_damaged_module_does_not_panic(
        damages in prop::collection::vec(damage(), 1..8),
        compressed: bool,
    ) {
        let mut bytes = wat(RICH);
        if compressed {
            bytes = gzip(&bytes);
        }
        for damage in damages {
            apply(&mut bytes, damage);
        }
        // The bytes may still be a valid module. Then the replica must find its exports.
        if let Ok(info) = check(&bytes) {
            let (prepared, _) = prepare(&bytes, &[0; 32], None).expect("it was prepared before");
            let exports = Parser::new(0).parse_all(&prepared).filter_map(|payload| match payload {
                Ok(Payload::ExportSection(section)) => Some(section.count()),
                _ => None,
            });
            prop_assert!(exports.sum::<u32>() >= info.mutable_globals);
        }
    }

    #[test]
    fn validating_random_bytes_does_not_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        beginning in prop::option::of(prop::bool::ANY),
    ) {
        if let Some(compressed) = beginning {
            let magic: &[u8] = if compressed { &[0x1f, 0x8b, 8, 0] } else { b"\0asm\x01\0\0\0" };
            bytes.splice(..0, magic.iter().copied());
        }
        let _ = check(&bytes);
    }
}
