//! Random bytes for programs: from the system, or repeatable from a seed.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// SHA-256 in counter mode over a key.
pub(crate) struct Random {
    key: [u8; 32],
    block: u64,
}

impl Random {
    /// The same seed gives the same bytes.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { key: Sha256::digest(seed.to_le_bytes()).into(), block: 0 }
    }

    /// Unpredictable bytes: version 4 UUIDs take theirs from the system's generator.
    pub(crate) fn from_system() -> Self {
        let mut sha = Sha256::new();
        for _ in 0..3 {
            sha.update(Uuid::new_v4().as_bytes());
        }
        Self { key: sha.finalize().into(), block: 0 }
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block =
                Sha256::new().chain_update(self.key).chain_update(self.block.to_le_bytes()).finalize();
            self.block += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        assert_eq!(Random::from_seed(7).next_u64(), Random::from_seed(7).next_u64());
        assert_ne!(Random::from_seed(7).next_u64(), Random::from_seed(8).next_u64());
        assert_ne!(Random::from_system().next_u64(), Random::from_system().next_u64());
    }
}
