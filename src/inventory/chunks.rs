//! Growable storage without the unused half of a doubling `Vec` and without copies of the whole
//! content: a slab with stable slots, and a queue with stable positions. Independent of the domain.

use std::collections::VecDeque;

const CHUNK: usize = 1024;

fn chunk_of<T>(is_first: bool) -> Vec<T> {
    // Most offerings are small, so the first chunk starts small and doubles.
    if is_first { Vec::new() } else { Vec::with_capacity(CHUNK) }
}

/// Values at stable `u32` slots; freed slots are reused, the last freed first.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    slots: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), slots: 0 }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            let (chunk, place) = Self::split(slot);
            self.chunks[chunk][place] = Some(value);
            return slot;
        }
        let slot = self.slots;
        self.slots += 1;
        let (chunk, _) = Self::split(slot);
        if chunk == self.chunks.len() {
            self.chunks.push(chunk_of(chunk == 0));
        }
        self.chunks[chunk].push(Some(value));
        slot
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let (chunk, place) = Self::split(slot);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (chunk, place) = Self::split(slot);
        self.chunks.get_mut(chunk)?.get_mut(place)?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let (chunk, place) = Self::split(slot);
        let value = self.chunks.get_mut(chunk)?.get_mut(place)?.take()?;
        self.free.push(slot);
        Some(value)
    }

    /// Number of slots ever used: the slots of all values are below this.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// All values, sorted by slot: an order that depends on history.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..)
            .zip(self.chunks.iter().flatten())
            .filter_map(|(slot, value)| value.as_ref().map(|value| (slot, value)))
    }

    fn split(slot: u32) -> (usize, usize) {
        (slot as usize / CHUNK, slot as usize % CHUNK)
    }
}

/// A first-in, first-out queue; each value keeps its position until it is removed.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    /// Chunks, all full but the last; the first loses values from its front, counted by `skip`.
    chunks: VecDeque<Vec<T>>,
    skip: usize,
    /// Position of the first value. Positions wrap: there are never 2^32 values at a time.
    first: u32,
    len: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), skip: 0, first: 0, len: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn push(&mut self, value: T) -> u32 {
        if self.chunks.back().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push_back(chunk_of(self.chunks.is_empty()));
        }
        self.chunks.back_mut().expect("a chunk was just made sure of").push(value);
        let position = self.first.wrapping_add(self.len);
        self.len += 1;
        position
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.get(self.first)
    }

    pub(super) fn get(&self, position: u32) -> Option<&T> {
        let offset = position.wrapping_sub(self.first);
        if offset >= self.len {
            return None;
        }
        let offset = offset as usize + self.skip;
        self.chunks.get(offset / CHUNK)?.get(offset % CHUNK)
    }

    pub(super) fn get_mut(&mut self, position: u32) -> Option<&mut T> {
        let offset = position.wrapping_sub(self.first);
        if offset >= self.len {
            return None;
        }
        let offset = offset as usize + self.skip;
        self.chunks.get_mut(offset / CHUNK)?.get_mut(offset % CHUNK)
    }

    pub(super) fn drop_front(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        self.first = self.first.wrapping_add(1);
        self.skip += 1;
        if self.len == 0 || self.skip == CHUNK {
            self.chunks.pop_front();
            self.skip = 0;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().skip(self.skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_keeps_positions_across_chunks() {
        let mut queue = Queue::default();
        let mut positions = VecDeque::new();
        for value in 0..10_000u32 {
            positions.push_back((value, queue.push(value)));
            if value % 3 != 0 {
                let (oldest, position) = positions.pop_front().unwrap();
                assert_eq!(queue.front(), Some(&oldest));
                queue.drop_front();
                assert_eq!(queue.get(position), None);
            }
        }
        assert_eq!(queue.len(), positions.len());
        assert!(queue.iter().eq(positions.iter().map(|(value, _)| value)));
        for (value, position) in positions {
            assert_eq!(queue.get(position), Some(&value));
        }
    }

    #[test]
    fn a_slab_uses_freed_slots_again() {
        let mut slab = Slab::default();
        let slots: Vec<u32> = (0..3000u32).map(|value| slab.insert(value)).collect();
        assert_eq!(slab.remove(slots[1500]), Some(1500));
        assert_eq!(slab.remove(slots[1500]), None);
        assert_eq!(slab.insert(7), slots[1500]);
        assert_eq!(slab.iter().count(), 3000);
        assert_eq!(slab.get(slots[2999]), Some(&2999));
    }
}
