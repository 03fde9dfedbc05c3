//! Tests of the trie against a map of the standard library.

#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::BTreeMap;

use super::*;
use crate::random::Random;

/// Checks that a node's children are in its span, below it and in order. Counts the nodes of each
/// size.
fn count(trie: &Trie, node: u32, live: &mut [usize; 4]) {
    let head = trie.nodes.head(node);
    let size = usize::try_from(node >> 30).unwrap();
    *live.get_mut(size).unwrap() += 1;
    let most = [64, 16, 4, 1].get(size).copied().unwrap();
    assert!((1..=most).contains(&head.count()));
    assert!(size == 0 || size == 3 || head.count() > 1, "a single key is a pair");
    if head.is_leaf() {
        return;
    }
    assert!(head.count() > 1, "an inner node has two children");
    for slot in (0..64).filter(|&slot| head.has(slot)) {
        let child = trie.nodes.read(node, slot);
        let span = trie.nodes.head(child).span;
        assert_eq!(head.slot(span), slot);
        assert!(span & 63 < head.span & 63);
        count(trie, child, live);
    }
}

/// Checks that no node is lost or used twice, and that there are no more than there should be.
fn assert_sound(trie: &Trie) {
    let mut live = [0; 4];
    if trie.root != NONE {
        count(trie, trie.root, &mut live);
    }
    assert!(live.iter().sum::<usize>() < 2 * trie.len().max(1));
    let census = trie.nodes.census();
    let freed = live.iter().zip(census).map(|(live, (_, free))| live + free);
    assert!(freed.eq(census.map(|(all, _)| all)), "{live:?} of {census:?}");
}

/// Generates a key of one kind, around a centre.
type Kind = fn(&mut Random, u64) -> u64;

/// A key as a book might hold it: close to others, far away, or at an end.
fn any_key(random: &mut Random, centre: u64) -> u64 {
    let far = random.below(60);
    match random.below(8) {
        0 => random.next(),
        1 => random.next() >> far,
        2 => u64::MAX - random.below(3),
        3 => random.below(70),
        4 => centre.wrapping_add(1 << far),
        _ => centre.wrapping_add(random.below(3_000)),
    }
}

const KINDS: [Kind; 6] = [
    any_key,
    // Dense, so that leaves are full; isolated; in groups; at both ends; scattered within a leaf.
    |random, centre| centre.wrapping_add(random.below(700)),
    |random, _| random.next(),
    |random, centre| centre.wrapping_add((random.below(400) << 20) + random.below(9)),
    |random, _| random.below(300).wrapping_sub(150),
    |random, centre| centre.wrapping_add(random.below(1_000) * 11),
];

/// Grows and shrinks in turns. Each shrinking phase empties the trie.
fn walk(kind: Kind) -> Trie {
    let mut random = Random(23);
    let mut trie = Trie::default();
    let mut map = BTreeMap::new();
    let mut centre = 1 << 40;
    for step in 0..200_000_u32 {
        let key = kind(&mut random, centre);
        assert_eq!(trie.get(key), map.get(&key).copied());
        if step & 0x2000 == 0 && !map.contains_key(&key) {
            trie.insert(key, step);
            map.insert(key, step);
        } else {
            let near = map.range(key..).next().map_or(key, |(&key, _)| key);
            let first = map.first_key_value().map_or(key, |(&key, _)| key);
            for key in [key, near, first] {
                assert_eq!(trie.remove(key), map.remove(&key));
            }
        }
        let first = map.first_key_value();
        assert_eq!(trie.first(), first.map(|(&key, &value)| (key, value)));
        assert_eq!(trie.len(), map.len());
        if step % 500 == 0 || (map.len() < 50 && step % 16 == 0) {
            assert_sound(&trie);
            assert!(trie.entries().eq(map.iter().map(|(&key, &value)| (key, value))));
        }
        if map.is_empty() {
            centre = random.next();
        }
    }
    trie
}

#[test]
fn trie_behaves_like_a_sorted_map() {
    for kind in KINDS {
        walk(kind);
    }
}

#[test]
fn freed_nodes_are_reused() {
    for kind in KINDS {
        let mut trie = Trie::default();
        let mut bytes = 0;
        for cycle in 0..6 {
            let mut random = Random(42);
            let mut keys: Vec<u64> = (0..5_000).map(|_| kind(&mut random, 1 << 50)).collect();
            keys.sort_unstable();
            keys.dedup();
            // In a fixed order that is neither sorted nor that of generation.
            keys.sort_by_key(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for key in &keys {
                trie.insert(*key, 1);
            }
            assert_sound(&trie);
            let third = keys.len() / 3;
            keys.rotate_left(third);
            for key in &keys {
                assert_eq!(trie.remove(*key), Some(1));
            }
            assert_sound(&trie);
            assert_eq!((trie.len(), trie.root, trie.front), (0, NONE, NONE));
            assert!(cycle == 0 || bytes == trie.nodes.bytes(), "cycle {cycle}");
            bytes = trie.nodes.bytes();
        }
    }
}

#[test]
fn outlier_costs_a_fork_and_a_pair() {
    let mut trie = Trie::default();
    for key in 1 << 20..(1 << 20) + 4_096 {
        trie.insert(key, 1);
    }
    let used = |trie: &Trie| trie.nodes.census().map(|(all, free)| all - free);
    assert_eq!(used(&trie), [65, 0, 0, 0]);
    trie.insert(u64::MAX, 2);
    assert_eq!(used(&trie), [66, 0, 0, 1]);
    assert_eq!(
        trie.entries().skip(4_095).collect::<Vec<_>>(),
        [((1 << 20) + 4_095, 1), (u64::MAX, 2)]
    );
    assert_eq!(trie.remove(u64::MAX), Some(2));
    trie.insert(0, 3);
    assert_eq!((used(&trie), trie.first()), ([66, 0, 0, 1], Some((0, 3))));
    assert_sound(&trie);
}

#[test]
fn scattered_keys_need_under_50_bytes_each_at_any_count() {
    // The number of keys varies between powers of 64, so that the nodes right above the keys have
    // any number of taken slots.
    for keys in [4_000, 10_000, 25_000, 60_000, 120_000, 250_000] {
        let mut random = Random(42);
        let mut trie = Trie::default();
        while trie.len() < keys {
            let key = random.next();
            if trie.get(key).is_none() {
                trie.insert(key, 1);
            }
        }
        let bytes = trie.nodes.bytes() / keys;
        assert!(bytes < 50, "{bytes} bytes for each of {keys} keys");
    }
}
