//! The bytes of one file: the readable and the durable ones.

use std::collections::BTreeSet;

use crate::generate::random::Random;

/// The unit that a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Content {
    readable: Vec<u8>,
    durable: Vec<u8>,
    /// The sectors that a sync would write.
    dirty: BTreeSet<usize>,
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.readable.len() as u64
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = (offset as usize).min(self.readable.len());
        let count = into.len().min(self.readable.len() - from);
        into[..count].copy_from_slice(&self.readable[from..from + count]);
        count
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        if self.readable.len() < to {
            self.resize(to as u64);
        }
        self.readable[from..to].copy_from_slice(bytes);
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    pub(super) fn resize(&mut self, length: u64) {
        let before = self.readable.len();
        self.readable.resize(length as usize, 0);
        self.dirty.extend(before / SECTOR..self.readable.len().div_ceil(SECTOR));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.readable.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.make_durable(sector);
        }
    }

    /// Writes some dirty sectors. The others are lost, but stay readable and count as clean.
    pub(super) fn failed_sync(&mut self, random: &mut Random) {
        self.make_some_durable(random);
        self.dirty.clear();
    }

    /// Writes some dirty sectors; after that, only the durable bytes are readable.
    pub(super) fn power_cut(&mut self, random: &mut Random) {
        if self.readable != self.durable {
            self.make_some_durable(random);
            self.readable.clone_from(&self.durable);
        }
        self.dirty.clear();
    }

    pub(super) fn zero(&mut self, from: u64, to: u64) {
        for bytes in [&mut self.readable, &mut self.durable] {
            if let Some(part) = bytes.get_mut(from as usize..to as usize) {
                part.fill(0);
            }
        }
    }

    pub(super) fn flip(&mut self, offset: u64, bit: u32) {
        for bytes in [&mut self.readable, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    fn make_some_durable(&mut self, random: &mut Random) {
        let percent = random.pick([0, 20, 50, 80, 100]);
        // The length may be durable without the bytes, and the other way round.
        if random.chance(percent) && self.durable.len() < self.readable.len() {
            self.durable.resize(self.readable.len(), 0);
        }
        for sector in self.dirty.clone() {
            if random.chance(percent) {
                self.make_durable(sector);
            }
        }
    }

    fn make_durable(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.readable.len());
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        if from < to {
            self.durable[from..to].copy_from_slice(&self.readable[from..to]);
        }
    }
}
