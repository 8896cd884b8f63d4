//! Whether a loss was still falling at its last steps.

/// A loss that falls by less than this share of itself is flat.
const FLAT: f64 = 0.02;
/// Fewest steps for which it can be told.
const FEWEST: usize = 4;

/// How a loss developed over its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It was still falling over the last quarter of its steps.
    Falling,
    /// It has not fallen since this step, from 0.
    FlatSince(usize),
}

impl Course {
    /// Judges the losses of all steps; `None` if they are fewer than four, or not all finite.
    #[must_use]
    pub fn of(losses: &[f64]) -> Option<Self> {
        if losses.len() < FEWEST || losses.iter().any(|loss| !loss.is_finite()) {
            return None;
        }
        // the least loss so far: one that goes up and down does not fall
        let mut least = losses.to_vec();
        for step in 1..losses.len() {
            least[step] = least[step].min(least[step - 1]);
        }
        let last = least[losses.len() - 1];
        let is_flat = |step: &usize| least[*step] - last <= FLAT * least[*step].abs();
        let quarter = (losses.len() - 1) * 3 / 4;
        if !is_flat(&quarter) {
            return Some(Self::Falling);
        }
        (0..=quarter).find(is_flat).map(Self::FlatSince)
    }

    /// In words, with what to change: `steps` if it was still falling, `flat` if it no longer was.
    #[must_use]
    pub fn limit(self, steps: &str, flat: &str) -> String {
        match self {
            Self::Falling => format!("the steps ran out while the loss still fell: {steps}"),
            Self::FlatSince(step) => format!("the loss is flat since step {step}: {flat}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Course;

    #[test]
    fn a_loss_falls_or_is_flat_since_a_step() {
        let course = |losses: &[f64]| Course::of(losses);
        assert_eq!(course(&[4.0, 3.0, 2.0, 1.5, 1.0, 0.8]), Some(Course::Falling));
        assert_eq!(course(&[4.0, 2.0, 1.0, 0.995, 1.01, 1.0, 0.99, 0.99]), Some(Course::FlatSince(2)));
        assert_eq!(course(&[4.0; 5]), Some(Course::FlatSince(0)));
        assert_eq!(course(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), Some(Course::FlatSince(0)), "it goes up and down");
        assert_eq!(course(&[0.0; 4]), Some(Course::FlatSince(0)));
        for none in [&[4.0, 3.0, 2.0][..], &[1.0, f64::NAN, 1.0, 1.0], &[]] {
            assert_eq!(course(none), None);
        }
    }

    #[test]
    fn it_names_the_setting() {
        let words = |course: Course| course.limit("raise steps", "raise learning_rate");
        assert_eq!(words(Course::Falling), "the steps ran out while the loss still fell: raise steps");
        assert_eq!(words(Course::FlatSince(4)), "the loss is flat since step 4: raise learning_rate");
    }
}
