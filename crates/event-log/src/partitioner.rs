//! Which partition a key belongs to: murmur2, as Kafka's Java producers have it.
//!
//! Both backends use it, so a student's records keep their partition when a topic moves from one to the other.

/// The partition of `key` among `partitions`.
///
/// # Panics
/// When `partitions` is 0.
pub fn partition_for(key: &[u8], partitions: u32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % partitions).expect("below i32::MAX, as 31 bits are kept")
}

/// 32-bit MurmurHash2 with the seed of `org.apache.kafka.common.utils.Utils`.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    #[expect(clippy::cast_possible_truncation, reason = "the hash mixes the low 32 bits of the length")]
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the test `testMurmur2` of Apache Kafka's `UtilsTest`.
    #[test]
    fn the_hash_is_kafkas() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            #[expect(clippy::cast_possible_wrap, reason = "Java's int")]
            let ours = murmur2(text.as_bytes()) as i32;
            assert_eq!(ours, hash, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_key_has_a_partition(key in proptest::collection::vec(proptest::num::u8::ANY, 0..40), n in 1u32..64) {
            let partition = partition_for(&key, n);
            proptest::prop_assert!((0..i32::try_from(n).unwrap()).contains(&partition));
        }
    }
}
