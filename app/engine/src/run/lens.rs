//! The logit lens: residual streams of all layers read through the final norm and the unembedding.

use super::capture::{capture, log_probabilities};
use crate::error::Result;
use crate::model::{Model, Site};
use locus_plugin::{Cell, Cells};
use locus_protocol::LayerRow;
use tch::{Device, Kind, Tensor};

/// What [`read_off`] gives of residual streams `[layers, hidden]`.
///
/// # Errors
/// Those of libtorch.
pub fn lens(model: &Model, streams: &Tensor, tokens: &[i64]) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    read_off(&log_probabilities(model, streams)?, tokens)
}

/// Probabilities and ranks `[layers, 2 tokens]` of `tokens` by log-probabilities `[layers, vocabulary]`: first the
/// probabilities, then by how many tokens each is surpassed, and one more.
///
/// # Errors
/// Those of libtorch.
pub fn read_off(log_probabilities: &Tensor, tokens: &[i64]) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let index = Tensor::f_from_slice(tokens)?.f_to_device(log_probabilities.device())?;
    let read = log_probabilities.f_index_select(1, &index)?;
    // float32 counts the tokens of any vocabulary exactly
    let mut columns = vec![read.f_exp()?];
    for place in 0..tokens.len() as i64 {
        let more_probable = log_probabilities.f_gt_tensor(&read.f_narrow(1, place, 1)?)?;
        let surpassed = more_probable.f_sum_dim_intlist([1].as_slice(), true, read.kind())?;
        columns.push(surpassed.f_add_scalar(1.0)?);
    }
    Ok(Tensor::f_cat(&columns, 1)?)
}

/// One row per layer for the last token of a prompt: what each layer's residual stream says of the first tokens of
/// the new and the true target.
///
/// # Errors
/// An empty or overlong prompt.
pub fn lens_rows(model: &Model, prompt: &[i64], new: i64, truth: i64) -> Result<Vec<LayerRow>> {
    let last = Cell { row: 0, position: prompt.len().saturating_sub(1) };
    let sites: Vec<Cells> =
        (0..model.architecture.layers).map(|layer| Cells { site: Site::Residual(layer), cells: vec![last] }).collect();
    let streams = Tensor::f_cat(&capture(model, &[prompt.to_vec()], &sites)?, 0)?;
    lens_rows_of(&lens(model, &streams, &[new, truth])?)
}

/// Rows out of what [`read_off`] gives of two tokens, that of the new target first.
///
/// # Errors
/// Those of libtorch.
pub fn lens_rows_of(read: &Tensor) -> Result<Vec<LayerRow>> {
    let flat = read.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_reshape([-1])?;
    let values = Vec::<f64>::try_from(flat)?;
    // what is no number is surpassed by none
    let rank = |probability: f64, rank: f64| (!probability.is_nan()).then_some(rank as u64);
    let row = |(layer, read): (usize, &[f64])| LayerRow {
        layer,
        probability_new: read[0],
        probability_true: read[1],
        rank_new: rank(read[0], read[2]),
        rank_true: rank(read[1], read[3]),
        ..LayerRow::default()
    };
    Ok(values.chunks_exact(4).enumerate().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::{lens_rows_of, read_off};
    use crate::test_numbers::Numbers;
    use tch::{Kind, Tensor};

    #[test]
    fn ranks_are_places_in_a_plain_sort() {
        let logits = Numbers::new(3).normal(&[5, 40]) * 4.0;
        let log_probabilities = logits.log_softmax(1, Kind::Float);
        for (new, truth) in [(0, 39), (7, 7), (21, 3)] {
            let rows = lens_rows_of(&read_off(&log_probabilities, &[new, truth]).expect("read")).expect("rows");
            for (layer, row) in (0..).zip(&rows) {
                let all = Vec::<f32>::try_from(log_probabilities.get(layer)).expect("numbers");
                let mut sorted: Vec<usize> = (0..all.len()).collect();
                sorted.sort_by(|one, other| all[*other].total_cmp(&all[*one]));
                let place =
                    |token: i64| sorted.iter().position(|known| *known as i64 == token).map(|place| place as u64 + 1);
                assert_eq!((row.rank_new, row.rank_true), (place(new), place(truth)), "layer {layer}");
                assert!((row.probability_new.ln() - f64::from(all[new as usize])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn equal_tokens_share_a_rank_and_what_is_no_number_has_none() {
        let rows = Tensor::from_slice(&[-1.0_f32, -1.0, -2.0, -0.5, f32::NAN, f32::NAN, f32::NAN, f32::NAN]);
        let read = read_off(&rows.view([2, 4]), &[1, 2]).expect("read");
        let rows = lens_rows_of(&read).expect("rows");
        assert_eq!((rows[0].rank_new, rows[0].rank_true), (Some(2), Some(4)));
        assert_eq!((rows[1].rank_new, rows[1].rank_true), (None, None));
    }
}
