//! The published choice of documents: the first of Python's `random.Random(1).shuffle`.

use crate::noise::LegacyRandom;

/// Numbers of the `count` documents out of `all` that the published code takes, in ascending order.
pub fn published_sample(all: u32, count: usize) -> Vec<u32> {
    let mut order = shuffled(all, 1);
    order.truncate(count);
    order.sort_unstable();
    order
}

/// `0..all` as Python's `random.Random(seed).shuffle` leaves it.
fn shuffled(all: u32, seed: u32) -> Vec<u32> {
    let mut random = LegacyRandom::of_python(seed);
    let mut order: Vec<u32> = (0..all).collect();
    for i in (1..order.len()).rev() {
        let bound = i as u32 + 1;
        let bits = u32::BITS - bound.leading_zeros();
        let mut chosen = random.next_word() >> (u32::BITS - bits);
        while chosen >= bound {
            chosen = random.next_word() >> (u32::BITS - bits);
        }
        order.swap(i, chosen as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{published_sample, shuffled};

    /// Values that Python gives.
    #[test]
    fn it_is_pythons_shuffle() {
        assert_eq!(shuffled(10, 1), [6, 8, 9, 7, 5, 3, 0, 4, 1, 2]);
        assert_eq!(shuffled(1000, 1)[..6], [852, 836, 280, 575, 208, 609]);
        assert_eq!(published_sample(1000, 6), [208, 280, 575, 609, 836, 852]);
        assert_eq!(published_sample(3, 10), [0, 1, 2]);
    }
}
