//! Hash maps keyed by ids and key hashes. Their iteration order must never affect an outcome: it
//! depends on history. Code that needs an order must sort.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use hashbrown::HashTable;

pub(super) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Hashes a key that the server drew at random (or hashed with blake3), so that no client can aim
/// at one bucket and two multiplications are enough.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

impl IdHasher {
    fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The best bits of a product are at the top; the map picks buckets by the low ones.
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.fold(u64::from_le_bytes(word.try_into().expect("chunks of 8 bytes")));
        }
        for byte in words.remainder() {
            self.fold(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.fold(u64::from(value));
    }

    // Called before every array; all keys of one map are of one length, so the length is not
    // hashed.
    fn write_usize(&mut self, _length: usize) {}
}

/// An index of values that contain their own key: stores only each value's position, four bytes,
/// instead of another copy of the key. `key_of` returns the key at a position; it must know every
/// position in the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    positions: HashTable<u32>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    pub(super) fn find<K: Hash + Eq>(
        &self,
        key: K,
        key_of: impl Fn(u32) -> Option<K>,
    ) -> Option<u32> {
        let key = Some(key);
        self.positions.find(hash(&key), |position| key_of(*position) == key).copied()
    }

    /// Adds a position. The caller has made sure that the key is not in the index: both positions
    /// would be kept.
    pub(super) fn insert<K: Hash + Eq>(
        &mut self,
        key: K,
        position: u32,
        key_of: impl Fn(u32) -> Option<K>,
    ) {
        let rehash = |position: &u32| hash(&key_of(*position));
        self.positions.insert_unique(hash(&Some(key)), position, rehash);
    }

    pub(super) fn remove<K: Hash + Eq>(
        &mut self,
        key: K,
        key_of: impl Fn(u32) -> Option<K>,
    ) -> Option<u32> {
        let key = Some(key);
        let found = self.positions.find_entry(hash(&key), |position| key_of(*position) == key);
        found.ok().map(|entry| entry.remove().0)
    }
}

/// The hash of the key alone; no key of the index is ever missing.
fn hash<K: Hash>(key: &Option<K>) -> u64 {
    key.as_ref().map_or(0, |key| BuildHasherDefault::<IdHasher>::default().hash_one(key))
}
