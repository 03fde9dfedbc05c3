//! The bytes of one file: the readable and the durable ones.

use std::collections::BTreeSet;

use crate::generate::random::Random;

/// The unit that a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// The sectors that a sync would write.
    dirty: BTreeSet<usize>,
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = (offset as usize).min(self.live.len());
        let many = into.len().min(self.live.len() - from);
        into[..many].copy_from_slice(&self.live[from..from + many]);
        many
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        if self.live.len() < to {
            self.resize(to as u64);
        }
        self.live[from..to].copy_from_slice(bytes);
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    pub(super) fn resize(&mut self, length: u64) {
        let before = self.live.len();
        self.live.resize(length as usize, 0);
        self.dirty.extend(before / SECTOR..self.live.len().div_ceil(SECTOR));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.land(sector);
        }
    }

    /// Writes some dirty sectors. The others are lost, but stay readable and count as clean.
    pub(super) fn bad_sync(&mut self, random: &mut Random) {
        self.some_land(random);
        self.dirty.clear();
    }

    /// Writes some dirty sectors; after that, only the durable bytes are readable.
    pub(super) fn power_cut(&mut self, random: &mut Random) {
        if self.live != self.durable {
            self.some_land(random);
            self.live.clone_from(&self.durable);
        }
        self.dirty.clear();
    }

    pub(super) fn zero(&mut self, from: u64, to: u64) {
        for bytes in [&mut self.live, &mut self.durable] {
            if let Some(part) = bytes.get_mut(from as usize..to as usize) {
                part.fill(0);
            }
        }
    }

    pub(super) fn flip(&mut self, offset: u64, bit: u32) {
        for bytes in [&mut self.live, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    fn some_land(&mut self, random: &mut Random) {
        let percent = random.pick([0, 20, 50, 80, 100]);
        // The length may be durable without the bytes, and the other way round.
        if random.chance(percent) && self.durable.len() < self.live.len() {
            self.durable.resize(self.live.len(), 0);
        }
        for sector in self.dirty.clone() {
            if random.chance(percent) {
                self.land(sector);
            }
        }
    }

    fn land(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.live.len());
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        if from < to {
            self.durable[from..to].copy_from_slice(&self.live[from..to]);
        }
    }
}
