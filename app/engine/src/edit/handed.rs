//! Tensors of the host in the hands of a plugin. A plugin gets a copy that is made only once somebody writes into it, so
//! that whatever it does with its handle, the host's bits stay; and it is found out, since it must not.

use crate::error::Result;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// What was handed out, by what it is called.
#[derive(Default)]
pub(super) struct Handed {
    out: RefCell<BTreeMap<String, Pair>>,
    /// The first that was written into.
    written: RefCell<Option<String>>,
}

/// The plugin's handle, and the host's tensor that it was made of.
struct Pair {
    theirs: Tensor,
    ours: Tensor,
}

impl Handed {
    /// A handle of `ours` for the plugin; `name` is how it is told if it is written into. Whoever asks again gets the
    /// same handle, so that its bits need be compared once only.
    ///
    /// # Errors
    /// No memory for a copy, where one has to be made at once.
    pub fn hand_out(&self, name: &str, ours: &Tensor) -> Result<Tensor> {
        let mut out = self.out.borrow_mut();
        match out.get(name) {
            Some(pair) if pair.is_of(ours) && pair.seems_untouched() && !pair.theirs.requires_grad() => {
                return Ok(pair.theirs.shallow_clone());
            }
            Some(pair) => self.look(name, pair),
            None => {}
        }
        let theirs = lent(ours)?;
        let pair = Pair { theirs: theirs.shallow_clone(), ours: ours.shallow_clone() };
        out.insert(name.to_owned(), pair);
        Ok(theirs)
    }

    /// What the plugin has written into, if it has.
    pub fn written(&self) -> Option<String> {
        for (name, pair) in self.out.borrow().iter() {
            self.look(name, pair);
        }
        self.written.borrow().clone()
    }

    fn look(&self, name: &str, pair: &Pair) {
        if self.written.borrow().is_none() && !pair.is_untouched() {
            self.written.borrow_mut().get_or_insert_with(|| name.to_owned());
        }
    }
}

impl Pair {
    /// Whether the handle was made of this tensor.
    fn is_of(&self, ours: &Tensor) -> bool {
        self.ours.f_is_set_to(ours).unwrap_or(false)
    }

    /// Whether no function of libtorch has written into the plugin's handle: those count.
    fn seems_untouched(&self) -> bool {
        let counted = self.theirs.f_internal_version();
        counted.is_ok_and(|count| count == 0)
            && self.theirs.size() == self.ours.size()
            && self.theirs.kind() == self.ours.kind()
    }

    /// Whether nobody has, not past libtorch either, which the bits tell.
    fn is_untouched(&self) -> bool {
        self.seems_untouched() && same_bits(&self.theirs, &self.ours).unwrap_or(false)
    }
}

/// Whether two tensors of one size and kind have the same bits.
fn same_bits(one: &Tensor, other: &Tensor) -> std::result::Result<bool, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let bits = match one.kind() {
        Kind::Double => Kind::Int64,
        Kind::Float => Kind::Int,
        Kind::Half | Kind::BFloat16 => Kind::Int16,
        _ => return one.f_equal(other),
    };
    // a tensor of no dimension has no view of another kind
    let flat = |tensor: &Tensor| tensor.f_detach()?.f_reshape([-1])?.f_view_dtype(bits);
    flat(one)?.f_equal(&flat(other)?)
}

/// A copy of a tensor that takes no memory until one of the two is written into; storage of a kind that cannot do
/// that is copied at once.
///
/// # Errors
/// No memory for the copy.
pub(super) fn lent(tensor: &Tensor) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let detached = tensor.f_detach()?;
    match detached.f_internal_lazy_clone() {
        Ok(copy) => Ok(copy),
        Err(_) => Ok(copied(&detached)?),
    }
}

/// The same numbers elsewhere.
///
/// # Errors
/// No memory for them.
pub(super) fn copied(tensor: &Tensor) -> std::result::Result<Tensor, tch::TchError> {
    let mut copy = tensor.f_empty_like()?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::{Handed, lent};
    use tch::{Device, Kind, Tensor};

    type Write = fn(&mut Tensor);

    fn ours() -> Tensor {
        Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3])
    }

    /// Ways to write into a tensor that tch has; the hostile plugin has one past them.
    const WRITES: [(&str, Write); 11] = [
        ("in place", |tensor| _ = tensor.fill_(7.0)),
        ("in place without gradients", |tensor| tch::no_grad(|| _ = tensor.f_add_scalar_(1.0))),
        ("through a view", |tensor| _ = tensor.narrow(0, 1, 1).zero_()),
        ("through a row", |tensor| _ = tensor.get(0).zero_()),
        ("through detach", |tensor| _ = tensor.detach().zero_()),
        ("through data", |tensor| _ = tensor.data().zero_()),
        ("through another kind", |tensor| _ = tensor.view_dtype(Kind::Int).zero_()),
        ("by exchanging data", |tensor| tensor.set_data(&Tensor::ones([2, 3], (Kind::Float, Device::Cpu)))),
        ("by a copy", |tensor| tensor.copy_(&Tensor::ones([2, 3], (Kind::Float, Device::Cpu)))),
        ("by transposing in place", |tensor| _ = tensor.t_()),
        ("by resizing", |tensor| _ = tensor.resize_([6, 6])),
    ];

    #[test]
    fn whatever_writes_into_a_handle_is_found_out_and_the_hosts_bits_stay() {
        for (how, write) in WRITES {
            let (handed, ours) = (Handed::default(), ours());
            let before = ours.copy();
            let mut theirs = handed.hand_out("w", &ours).expect("a handle");
            assert_eq!(handed.written(), None, "{how}");
            write(&mut theirs);
            assert_eq!(handed.written().as_deref(), Some("w"), "{how}");
            assert!(ours.equal(&before) && ours.size() == [2, 3], "{how}");
        }
    }

    #[test]
    fn reading_is_no_writing_and_a_write_is_remembered_after_the_next_handle() {
        let (handed, ours) = (Handed::default(), ours());
        let mut first = handed.hand_out("w", &ours).expect("a handle");
        let sum = (&first + 1.0).matmul(&first.tr()).sum(Kind::Double).double_value(&[]);
        assert!(sum.is_finite() && handed.written().is_none());
        let _ = first.zero_();
        let second = handed.hand_out("w", &ours).expect("a handle");
        assert_eq!(handed.written().as_deref(), Some("w"));
        assert_eq!(second.double_value(&[1, 2]), 5.0);
    }

    #[test]
    fn asking_again_gives_the_same_handle_unless_somebody_trains_it() {
        let (handed, ours) = (Handed::default(), ours());
        let first = handed.hand_out("w", &ours).expect("a handle");
        let second = handed.hand_out("w", &ours).expect("a handle");
        assert!(second.f_is_set_to(&first).expect("compared"), "a second handle");
        let _ = first.set_requires_grad(true);
        let third = handed.hand_out("w", &ours).expect("a handle");
        assert!(!third.requires_grad(), "what is trained is handed out");
        assert_eq!(handed.written(), None);
    }

    #[test]
    fn numbers_that_are_none_and_single_numbers_are_compared_by_their_bits() {
        for ours in [Tensor::from_slice(&[f32::NAN, -0.0]), Tensor::from(2.5), ours().to_kind(Kind::BFloat16)] {
            let handed = Handed::default();
            let _theirs = handed.hand_out("w", &ours).expect("a handle");
            assert_eq!(handed.written(), None, "{ours:?}");
        }
    }

    #[test]
    fn a_lent_tensor_keeps_what_it_had() {
        let mut ours = ours();
        let kept = lent(&ours).expect("a copy");
        let _ = ours.zero_();
        assert_eq!(kept.double_value(&[1, 2]), 5.0);
    }
}
