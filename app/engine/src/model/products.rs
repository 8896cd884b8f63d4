//! Products of rows with a weight. The one place that knows how the library that libtorch multiplies with on a CPU wants them:
//! what is here was chosen by measurement (docs/performance.md, Products).

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// Outputs from which on a weight is gone through block by block: that of an unembedding does not fit into any cache, and the
/// library's own order of it costs half as much again.
const TALL: i64 = 16_384;
/// Outputs of a block, for each thread.
const BLOCK: i64 = 1_024;
/// Entries of a weight below which an operator weighs as much as what padding saves.
const SMALL: usize = 1 << 18;
/// The library multiplies rows by fours.
const FOUR: i64 = 4;
/// Rows from which on a group of four that is not full costs nothing.
const MANY: i64 = 32;

/// `[.., in]` times a weight, which is `[in, out]` if `input_first`, else `[out, in]`, and a bias `[out]`: `[.., out]`.
pub fn product(input: &Tensor, weight: &Tensor, input_first: bool, bias: Option<&Tensor>) -> Result<Tensor> {
    let by_library = input.device() == Device::Cpu && matches!(input.kind(), Kind::Float | Kind::Double);
    let oriented = if input_first { weight.shallow_clone() } else { weight.f_tr()? };
    let size = input.size();
    let outer = &size[..size.len().saturating_sub(1)];
    let rows: i64 = outer.iter().product();
    if !by_library || rows == 0 {
        let made = input.f_matmul(&oriented)?;
        return bias.map_or(Ok(made.shallow_clone()), |bias| Ok(made.f_add(bias)?));
    }
    let outputs = oriented.size()[1];
    let flat = if outer.len() == 1 { input.shallow_clone() } else { input.f_reshape([rows, -1])? };
    let pads = padding(rows, input_first, weight.numel());
    let flat = if pads > 0 { flat.f_constant_pad_nd([0, 0, 0, pads])? } else { flat };
    // a gradient of the weight would be put together of as many whole ones as there are blocks
    let is_trained = weight.requires_grad() || bias.is_some_and(Tensor::requires_grad);
    let at_once = outputs < TALL || is_trained;
    let made = if at_once { added(&flat, &oriented, bias)? } else { in_blocks(&flat, &oriented, bias)? };
    let made = if pads > 0 { made.f_narrow(0, 0, rows)? } else { made };
    Ok(if outer.len() == 1 { made } else { made.f_reshape([outer, &[outputs]].concat())? })
}

/// The bias goes into the place of the product before it is added up there.
fn added(rows: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    Ok(bias.map_or_else(|| rows.f_mm(weight), |bias| bias.f_addmm(rows, weight))?)
}

/// Rows of zeros that a product of so many rows is quicker with.
fn padding(rows: i64, input_first: bool, entries: usize) -> i64 {
    let lacks_one = rows % FOUR == FOUR - 1;
    let pays = match rows {
        2 | 3 => !input_first,
        _ => lacks_one && rows < MANY && rows > FOUR,
    };
    if pays && entries >= SMALL { FOUR - rows % FOUR } else { 0 }
}

/// The same product with a weight that is not trained, some outputs after the others.
fn in_blocks(rows: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let outputs = weight.size()[1];
    let block = BLOCK * i64::from(tch::get_num_threads().max(1));
    let part = |first: i64| -> Result<(Tensor, Option<Tensor>)> {
        let count = block.min(outputs - first);
        let bias = bias.map(|bias| bias.f_narrow(0, first, count)).transpose()?;
        Ok((weight.f_narrow(1, first, count)?, bias))
    };
    let firsts = (0..outputs).step_by(usize::try_from(block).unwrap_or(1));
    if rows.requires_grad() {
        let one = |first: i64| part(first).and_then(|(part, bias)| added(rows, &part, bias.as_ref()));
        let parts = firsts.map(one).collect::<Result<Vec<Tensor>>>()?;
        return Ok(Tensor::f_cat(&parts, 1)?);
    }
    let made = Tensor::f_empty([rows.size()[0], outputs], (rows.kind(), rows.device()))?;
    for first in firsts {
        let (part, bias) = part(first)?;
        let place = made.f_narrow(1, first, part.size()[1])?;
        let _ = match bias {
            Some(bias) => bias.f_addmm_out(&place, rows, &part)?,
            None => rows.f_mm_out(&place, &part)?,
        };
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::{TALL, padding, product};
    use crate::test_numbers::Numbers;
    use tch::Kind;

    /// The numbers of a plain product, with their gradients, for every number of rows that is treated apart.
    #[test]
    fn products_are_those_of_plain_multiplication() {
        let mut random = Numbers::new(5);
        for (inputs, outputs) in [(24, TALL + 1500), (512, 513), (8, 12)] {
            for input_first in [false, true] {
                let size = if input_first { [inputs, outputs] } else { [outputs, inputs] };
                let weight = random.wide(&size);
                for rows in [0, 1, 2, 3, 4, 7, 8, 15, 31, 35] {
                    let input = random.wide(&[rows, inputs]);
                    let bias = random.wide(&[outputs]);
                    let run = |with_gradient: bool| {
                        let input = input.copy().set_requires_grad(with_gradient);
                        let made = product(&input, &weight, input_first, Some(&bias)).expect("libtorch");
                        let gradient = with_gradient.then(|| {
                            made.square().sum(Kind::Double).backward();
                            input.grad()
                        });
                        (made.detach(), gradient)
                    };
                    let plain = (if input_first { input.matmul(&weight) } else { input.matmul(&weight.tr()) }) + &bias;
                    for (made, gradient) in [run(false), run(true)] {
                        assert_eq!(made.size(), [rows, outputs]);
                        assert!(made.allclose(&plain, 1e-10, 1e-10, false), "{rows} rows of {inputs} to {outputs}");
                        let wanted = if input_first { plain.matmul(&weight.tr()) } else { plain.matmul(&weight) } * 2.0;
                        assert!(gradient.is_none_or(|gradient| gradient.allclose(&wanted, 1e-10, 1e-10, false)));
                    }
                }
                let bias = random.wide(&[outputs]);
                let input = random.wide(&[5, inputs]);
                let gradients = |plain: bool| {
                    let [weight, bias] = [&weight, &bias].map(|tensor| tensor.copy().set_requires_grad(true));
                    let made = match plain {
                        true if input_first => input.matmul(&weight) + &bias,
                        true => input.matmul(&weight.tr()) + &bias,
                        false => product(&input, &weight, input_first, Some(&bias)).expect("libtorch"),
                    };
                    made.square().sum(Kind::Double).backward();
                    [weight.grad(), bias.grad()]
                };
                for (ours, plain) in gradients(false).iter().zip(&gradients(true)) {
                    assert!(ours.allclose(plain, 1e-9, 1e-9, false), "what is trained has the plain gradient");
                }
                let shaped = random.wide(&[2, 3, inputs]);
                let made = product(&shaped, &weight, input_first, None).expect("libtorch");
                let flat = product(&shaped.reshape([6, inputs]), &weight, input_first, None).expect("libtorch");
                assert!(
                    made.size() == [2, 3, outputs] && made.reshape([6, outputs]).allclose(&flat, 1e-12, 1e-12, false)
                );
            }
        }
    }

    #[test]
    fn rows_are_padded_where_it_pays_and_nowhere_else() {
        let padded = |input_first| (0..40).filter(|&rows| padding(rows, input_first, 1 << 20) > 0).collect::<Vec<_>>();
        assert_eq!(padded(false), [2, 3, 7, 11, 15, 19, 23, 27, 31]);
        assert_eq!(padded(true), [7, 11, 15, 19, 23, 27, 31]);
        assert_eq!((padding(2, false, 1 << 20), padding(7, true, 1 << 20), padding(7, true, 100)), (2, 1, 0));
    }
}
