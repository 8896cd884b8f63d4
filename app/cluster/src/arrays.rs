//! Elements divided over arrays.

/// How many elements each array has. `largest` is Slurm's MaxArraySize, which bounds the *index*: the highest is one less, so
/// that an array that begins at 0 has at most so many elements. 0 and 1 mean that there are no arrays; then each element is a
/// job of its own.
pub fn sizes(elements: usize, largest: usize) -> Vec<usize> {
    let largest = largest.max(1);
    let mut sizes = vec![largest; elements / largest];
    sizes.extend(Some(elements % largest).filter(|rest| *rest > 0));
    sizes
}

/// How many elements of each array may run at a time where `at_once` of all may; `None` where there are fewer than arrays.
pub fn shares(at_once: usize, sizes: &[usize]) -> Option<Vec<usize>> {
    let arrays = sizes.len();
    if at_once < arrays {
        return None;
    }
    let mut left = at_once;
    let mut shares = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        let share = left.div_ceil(arrays - place).min(*size).max(1);
        left = left.saturating_sub(share);
        shares.push(share);
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::{shares, sizes};

    #[test]
    fn no_array_has_an_index_beyond_the_bound() {
        assert_eq!(sizes(10, 4), [4, 4, 2]);
        assert_eq!(sizes(4, 4), [4]);
        assert_eq!(sizes(3, 1001), [3]);
        assert_eq!(sizes(3, 0), [1, 1, 1]);
        for (elements, largest) in [(5868, 1001), (1, 1), (1000, 7)] {
            let sizes = sizes(elements, largest);
            assert_eq!(sizes.iter().sum::<usize>(), elements);
            assert!(sizes.iter().all(|size| (1..=largest).contains(size)), "{sizes:?}");
        }
    }

    #[test]
    fn what_may_run_at_once_is_divided_and_never_more() {
        assert_eq!(shares(5, &[4, 4, 2]), Some(vec![2, 2, 1]));
        assert_eq!(shares(3, &[4, 4, 2]), Some(vec![1, 1, 1]));
        assert_eq!(shares(2, &[4, 4, 2]), None);
        assert_eq!(shares(100, &[4, 4, 2]), Some(vec![4, 4, 2]));
        assert_eq!(shares(2, &[10]), Some(vec![2]));
    }
}
