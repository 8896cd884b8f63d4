//! Whether an objective's losses are finite, found out without waiting for the device at each of them.

use crate::error::{Doing, Result};
use std::cell::RefCell;
use tch::{Kind, Tensor};

/// Whether any loss so far was no number although numbers were given; on the device until somebody asks.
#[derive(Default)]
pub(super) struct Losses(RefCell<Option<Tensor>>);

impl Losses {
    /// Takes in a loss of log-probabilities.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn note(&self, given: &Tensor, loss: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mut so_far = self.0.borrow_mut();
        let spoiled = spoiled(given, loss).and_then(|spoiled| match so_far.as_ref() {
            Some(before) => before.f_logical_or(&spoiled),
            None => Ok(spoiled),
        });
        *so_far = Some(spoiled.doing(|| "checking whether a loss is a number".to_owned())?);
        Ok(())
    }

    /// Whether one was none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn are_spoiled(&self) -> Result<bool> {
        Ok(match self.0.borrow().as_ref() {
            Some(spoiled) => spoiled.f_int64_value(&[])? != 0,
            None => false,
        })
    }
}

fn spoiled(given: &Tensor, loss: &Tensor) -> std::result::Result<Tensor, tch::TchError> {
    let given = given.f_isfinite()?.f_all()?;
    let found = loss.f_to_kind(Kind::Float)?.f_isfinite()?.f_all()?.f_to_device(given.device())?;
    given.f_logical_and(&found.f_logical_not()?)
}

#[cfg(test)]
mod tests {
    use super::Losses;
    use tch::Tensor;

    #[test]
    fn a_loss_is_to_blame_where_numbers_were_given() {
        let (numbers, none) = (Tensor::from_slice(&[-1.0_f32, -2.0]), Tensor::from_slice(&[-1.0_f32, f32::NAN]));
        let losses = Losses::default();
        assert!(!losses.are_spoiled().expect("nothing yet"));
        for (given, loss, spoiled) in [
            (&numbers, Tensor::from(3.0_f32), false),
            (&none, Tensor::from(f32::NAN), false),
            // more than float32 holds
            (&numbers, Tensor::from(1e300_f64), true),
            // and it stays so
            (&numbers, Tensor::from(3.0_f32), true),
        ] {
            losses.note(given, &loss).expect("looked at");
            assert_eq!(losses.are_spoiled().expect("known"), spoiled, "{loss:?}");
        }
        losses.note(&numbers, &Tensor::from_slice(&[1.0_f32, f32::INFINITY])).expect("looked at");
        assert!(losses.are_spoiled().expect("known"));
    }
}
