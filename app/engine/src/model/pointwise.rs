//! Functions of numbers one by one and of short rows, where libtorch's own take several times what they must on a CPU: what is
//! here was chosen by measurement (docs/performance.md, Products).

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// Numbers below which a row is not normalized in vectors.
const SHORT: i64 = 16;
/// Numbers that are gone through several times before the next ones come.
const BLOCK: i64 = 1 << 16;
/// 2 √(2/π), of the approximation of GELU by a hyperbolic tangent.
const SLOPE: f64 = 1.595_769_121_605_730_7;
/// The part of the cube in it.
const CUBE: f64 = 0.044_715;

/// Softmax of scores `[.., keys]`. Short rows are lengthened by numbers that weigh nothing.
pub fn softmax(scores: &Tensor) -> Result<Tensor> {
    let keys = scores.size().last().copied().unwrap_or(0);
    if scores.device() != Device::Cpu || !(1..SHORT).contains(&keys) {
        return Ok(scores.f_softmax(-1, None)?);
    }
    let padded = scores.f_pad([0, SHORT - keys], "constant", f64::NEG_INFINITY)?;
    Ok(padded.f_softmax(-1, None)?.f_narrow(-1, 0, keys)?)
}

/// GELU by a hyperbolic tangent: x σ(2z), which is x (1 + tanh z) / 2. The exponential of a sigmoid is quick, and keeps its
/// digits where the tangent is close to -1. With gradients, libtorch's own, which keeps one tensor for them.
pub fn gelu_tanh(input: &Tensor) -> Result<Tensor> {
    let is_plain = input.device() == Device::Cpu && matches!(input.kind(), Kind::Float | Kind::Double);
    if !is_plain || input.requires_grad() {
        return Ok(input.f_gelu("tanh")?);
    }
    let made = Tensor::f_empty(input.size(), (input.kind(), input.device()))?;
    let (from, to) = (input.f_reshape([-1])?, made.f_reshape([-1])?);
    let count = i64::try_from(from.numel()).unwrap_or(i64::MAX);
    let mut first = 0;
    while first < count {
        let some = BLOCK.min(count - first);
        let part = from.f_narrow(0, first, some)?;
        let mut twice = part.f_square()?;
        twice = twice.f_mul_scalar_(SLOPE * CUBE)?.f_add_scalar_(SLOPE)?.f_mul_(&part)?.f_sigmoid_()?;
        let _ = twice.f_mul_out(&to.f_narrow(0, first, some)?, &part)?;
        first += some;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, gelu_tanh, softmax};
    use crate::test_numbers::Numbers;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn rows_of_every_length_are_normalized_with_their_gradients() {
        let mut random = Numbers::new(2);
        for keys in [0, 1, 2, 9, 15, 16, 17, 40] {
            let start = random.wide(&[3, 2, 5, keys]) * 3.0;
            if keys > 2 {
                let _ = start.narrow(-1, 1, 1).fill_(f64::NEG_INFINITY);
            }
            let weights = random.wide(&[3, 2, 5, keys]);
            let run = |ours: bool| {
                let scores = start.copy().set_requires_grad(true);
                let made = if ours { softmax(&scores).expect("libtorch") } else { scores.softmax(-1, None::<Kind>) };
                (&made * &weights).sum(Kind::Double).backward();
                (made.detach(), scores.grad())
            };
            let ((ours, our_gradient), (plain, gradient)) = (run(true), run(false));
            assert_eq!(ours.size(), plain.size());
            assert!(ours.allclose(&plain, 1e-14, 1e-14, false), "{keys} keys");
            assert!(our_gradient.allclose(&gradient, 1e-14, 1e-14, false), "{keys} keys");
        }
    }

    #[test]
    fn gelu_is_that_of_libtorch_to_the_last_digits() {
        let exact = Tensor::arange_start_step(-12.0, 12.0, 1e-3, (Kind::Double, Device::Cpu));
        let wanted = exact.gelu("tanh");
        let off = |made: Tensor| (made.to_kind(Kind::Double) - &wanted).abs().max().double_value(&[]);
        assert!(off(gelu_tanh(&exact).expect("libtorch")) < 1e-14);
        let narrow = exact.to_kind(Kind::Float);
        assert!(off(gelu_tanh(&narrow).expect("libtorch")) < 1e-6);
        // parts of a tensor, in other orders in memory, and more than one block
        let shaped = exact.narrow(0, 0, 24_000).reshape([40, 600]);
        for some in [shaped.tr(), shaped.narrow(1, 3, 100), shaped.narrow(0, 0, 0), shaped.repeat([60, 1])] {
            let made = gelu_tanh(&some).expect("libtorch");
            assert!(made.size() == some.size() && made.allclose(&some.gelu("tanh"), 1e-14, 1e-14, false));
        }
        assert!(shaped.numel() as i64 * 60 > BLOCK);
        let special = Tensor::from_slice(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0]);
        let made = Vec::<f64>::try_from(gelu_tanh(&special).expect("libtorch")).expect("numbers");
        assert!(made[0] == f64::INFINITY && made[2].is_nan() && made[3] == 0.0, "{made:?}");
    }
}
