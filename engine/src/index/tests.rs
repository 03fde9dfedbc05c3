//! Tests of the index against a map of the standard library.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::BTreeMap;

use super::{Index, IndexKey, SLOTS_MIN};
use crate::random::Random;

/// Checks that every slot of both tables is reachable from its home, and that the new table is at
/// most a quarter full. Returns the number of slots whose probe wrapped around.
fn assert_sound(index: &Index) -> usize {
    let taken = |slots: &[u64]| slots.iter().filter(|&&slot| slot != 0).count();
    assert_eq!(taken(&index.slots) + taken(&index.old), index.len());
    assert!(index.len() <= index.slots.len() / 4);
    let mut wrapped = 0;
    for (place, &slot) in index.slots.iter().enumerate().filter(|&(_, &slot)| slot != 0) {
        let mut probe = index.home(slot >> 32);
        wrapped += usize::from(probe > place);
        while probe != place {
            assert_ne!(index.slots.get(probe), Some(&0), "a gap before {place}");
            probe = index.next(probe);
        }
    }
    for (place, &slot) in index.old.iter().enumerate().filter(|&(_, &slot)| slot != 0) {
        let probed = index.old.get(index.old_home(slot >> 32)..place);
        assert!(
            probed.is_some_and(|probed| !probed.contains(&0)),
            "a gap before {place} of the old table"
        );
    }
    wrapped
}

#[test]
fn index_behaves_like_a_map() {
    let mut random = Random(23);
    let mut index = Index::new(IndexKey::FIXED);
    let mut map = BTreeMap::new();
    let mut keys = vec![0_u128; 3_000];
    for step in 0..400_000_u64 {
        // The range varies, so that the table empties and fills again.
        let range = if step & 0x1_0000 == 0 { 3_000 } else { 40 };
        let handle = u32::try_from(random.below(range)).unwrap();
        let known = keys.get_mut(usize::try_from(handle).unwrap()).unwrap();
        let key = if random.below(2) == 0 { u128::from(random.below(5_000)) } else { *known };
        let found = index.find(key, |handle| map.get(&key) == Some(&handle));
        assert_eq!(found, map.get(&key).copied());
        let position = index.find_position(key, |handle| map.get(&key) == Some(&handle));
        assert_eq!(position.map(|(handle, _)| handle).ok(), found);
        match position {
            Ok((handle, position)) => {
                match step % 2 {
                    0 => index.remove(key, handle),
                    _ => index.remove_at(position, handle),
                }
                map.remove(&key);
            }
            Err(_) if map.get(known) == Some(&handle) => {}
            Err(position) => {
                match step % 2 {
                    0 => index.insert(key, handle),
                    _ => index.insert_at(position, handle),
                }
                map.insert(key, handle);
                *known = key;
            }
        }
        if step % 1_000 == 0 || !index.old.is_empty() && step % 16 == 0 {
            assert_sound(&index);
        }
    }
    assert!(map.len() > 10, "the walk filled the map");
}

/// Returns a random id that is not in the map. If `crowded`, its home is close to an end of the
/// table, so that ids crowd there.
fn some_id(random: &mut Random, map: &BTreeMap<u128, u32>, crowded: bool) -> u128 {
    loop {
        let id = u128::from(random.next()) << 64 | u128::from(random.next());
        let fits = !crowded || matches!(IndexKey::FIXED.hash(id) >> 58, 0 | 62 | 63);
        if fits && !map.contains_key(&id) {
            return id;
        }
    }
}

/// Removes a random id, if there is one.
fn take_out(random: &mut Random, index: &mut Index, map: &mut BTreeMap<u128, u32>) {
    let from = u128::from(random.next()) << 64;
    let Some((id, handle)) = map.range(from..).next().or(map.iter().next()) else { return };
    let (id, handle) = (*id, *handle);
    match index.find_position(id, |found| found == handle) {
        Ok((_, position)) if random.below(2) == 0 => index.remove_at(position, handle),
        _ => index.remove(id, handle),
    }
    map.remove(&id);
    assert_eq!(index.find(id, |found| found == handle), None);
}

#[test]
fn index_is_sound_at_every_step_of_growth() {
    let mut random = Random(5);
    let (mut growing, mut wrapped) = (0, 0);
    for round in 0..24 {
        let (mut index, mut map) = (Index::new(IndexKey::FIXED), BTreeMap::new());
        let (crowded, removes) = (round % 2 == 0, random.below(4));
        for handle in 0..400 {
            let id = some_id(&mut random, &map, crowded);
            match index.find_position(id, |_| false) {
                Err(position) if handle % 2 == 0 => index.insert_at(position, handle),
                _ => index.insert(id, handle),
            }
            map.insert(id, handle);
            if random.below(5) < removes {
                take_out(&mut random, &mut index, &mut map);
            }
            wrapped += assert_sound(&index);
            growing += usize::from(!index.old.is_empty());
            if handle % 16 == 0 {
                for (id, handle) in &map {
                    assert_eq!(index.find(*id, |found| found == *handle), Some(*handle));
                }
            }
        }
        if random.below(2) == 0 {
            index.reserve(map.len());
            assert!(index.old.is_empty());
        }
        while !map.is_empty() {
            take_out(&mut random, &mut index, &mut map);
            assert_sound(&index);
        }
    }
    assert!(growing > 4_000, "only {growing} steps happened during growth");
    assert!(wrapped > 1_000, "only {wrapped} probes wrapped around the end");
}

/// The number of steps from home to place, summed over all ids.
fn steps(index: &Index) -> usize {
    let taken = index.slots.iter().enumerate().filter(|&(_, &slot)| slot != 0);
    taken.map(|(place, &slot)| index.distance(index.home(slot >> 32), place)).sum()
}

#[test]
fn index_works_if_all_entries_share_one_tag() {
    let mut index = Index::new(IndexKey::FIXED);
    for handle in 0..100 {
        index.insert(7, handle);
    }
    assert_sound(&index);
    assert_eq!(index.find(7, |handle| handle == 63), Some(63));
    for handle in (0..100).rev() {
        index.remove(7, handle);
        assert_sound(&index);
    }
    assert_eq!(index.find(7, |_| true), None);
}

#[test]
fn ids_of_every_kind_spread() {
    let mut random = Random(42);
    let kinds: [&dyn Fn(u128, u64, u64) -> u128; 8] = [
        &|n, _, _| n,
        &|n, _, _| n << 40,
        &|n, _, _| n << 64,
        &|n, _, _| n << 104,
        &|n, _, _| n << 64 | n,
        &|n, _, _| n.wrapping_mul(1_000) | 0xabcd << 112,
        // UUIDs, version 4 and version 7 with 16 ids in a millisecond.
        &|_, a, b| u128::from(a) << 64 | u128::from(b),
        &|n, a, b| (1_780_000_000_000 + n / 16) << 80 | u128::from(a >> 52) << 64 | u128::from(b),
    ];
    for (kind, key) in kinds.iter().enumerate() {
        let mut index = Index::new(IndexKey::FIXED);
        for handle in 0..1 << 16 {
            index.insert(key(u128::from(handle), random.next(), random.next()), handle);
        }
        assert!(index.slots.len() > SLOTS_MIN && index.old.is_empty());
        // At a quarter full, the expected number of steps is a sixth for each id.
        let steps = steps(&index);
        assert!(steps < (1 << 16) / 4, "kind {kind}: {steps} steps");
    }
}

/// Ids that a client can choose if it knows the fixed key. The lower half cancels its part of the
/// key, so one operand of the product is zero, whatever the upper half is.
fn colliding(count: u32) -> Vec<u128> {
    (0..u128::from(count)).map(|n| n << 64 | 0x243f_6a88_85a3_08d3).collect()
}

/// Ids whose home under the fixed key is in the first 1/256 of the table, found by trial.
fn crowded(count: usize) -> Vec<u128> {
    (0..u128::MAX).filter(|id| IndexKey::FIXED.hash(*id) >> 56 == 0).take(count).collect()
}

fn steps_under(key: IndexKey, ids: &[u128]) -> usize {
    let mut index = Index::new(key);
    for (id, handle) in ids.iter().zip(0..) {
        index.insert(*id, handle);
    }
    index.reserve(ids.len());
    steps(&index)
}

#[test]
fn ids_that_collide_under_one_key_spread_under_others() {
    let mut random = Random(77);
    for ids in [colliding(2_000), crowded(2_000)] {
        let count = ids.len();
        let known = steps_under(IndexKey::FIXED, &ids);
        assert!(known > count * count / 8, "the ids do not collide: {known} steps");
        for _ in 0..64 {
            let steps = steps_under(IndexKey::new(random.next(), random.next()), &ids);
            assert!(steps < count / 4, "{steps} steps for {count} ids");
        }
    }
}

#[test]
fn ids_in_equal_steps_spread_under_every_key() {
    let mut random = Random(3);
    for _ in 0..1_000 {
        let key = IndexKey::new(random.next(), random.next());
        for shift in [0, 40, 64, 104] {
            let ids: Vec<u128> = (0..500).map(|n: u128| n << shift).collect();
            let steps = steps_under(key, &ids);
            assert!(steps < ids.len() / 2, "{steps} steps, {shift} bits, {key:?}");
        }
    }
}
