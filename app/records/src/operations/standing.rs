//! What the next start of the workbench puts in place.

use locus_protocol::{Operation, Origin};

/// Edits in place and those that were taken back, by the numbers of their operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In place, in order.
    pub in_place: Vec<u64>,
    /// Can be put in place again, the next one last.
    pub taken_back: Vec<u64>,
}

impl Standing {
    /// Where the workbench's last operation on a model left it. What commands did with models of their own is not in
    /// it.
    #[must_use]
    pub fn of(operations: &[Operation], fingerprint: &str) -> Self {
        let ours = |operation: &&Operation| {
            operation.origin == Origin::Workbench && operation.model.fingerprint == fingerprint
        };
        operations.iter().rev().find(ours).map_or_else(Self::default, |operation| Self {
            in_place: operation.in_place.clone(),
            taken_back: operation.taken_back.clone(),
        })
    }

    /// The same with an edit taken back; `None` where it is not in place.
    #[must_use]
    pub fn without(&self, edit: u64) -> Option<Self> {
        let mut after = self.clone();
        after.in_place.retain(|&number| number != edit);
        after.taken_back.push(edit);
        (after.in_place.len() < self.in_place.len()).then_some(after)
    }

    /// The same with an edit in place, where its number belongs; `None` where it is there already.
    #[must_use]
    pub fn with(&self, edit: u64) -> Option<Self> {
        let mut after = self.clone();
        let place = after.in_place.binary_search(&edit).err()?;
        after.in_place.insert(place, edit);
        after.taken_back.retain(|&number| number != edit);
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;

    #[test]
    fn an_edit_goes_and_comes_back_to_its_old_place() {
        let standing = Standing { in_place: vec![1, 4, 6], taken_back: vec![2] };
        let without = standing.without(4).expect("in place");
        assert_eq!(without, Standing { in_place: vec![1, 6], taken_back: vec![2, 4] });
        assert_eq!(without.with(4), Some(standing.clone()));
        assert_eq!((standing.without(2), standing.with(6)), (None, None));
    }
}
