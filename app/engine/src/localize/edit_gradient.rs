//! The gradient of the edit's own loss by layer: how much the new answer's probability hangs on the down-projection
//! there (layer gradient analysis, arXiv 2602.20207).
//!
//! The gradient of a down-projection is `Σ g_t k_tᵀ` over the tokens, `g` the gradient of its output and `k` its key, so
//! that its Frobenius norm follows from inner products alone, and no gradient of the size of the weights is made.

use super::{Asked, Found, Listen, Localizer};
use crate::error::{Error, Result};
use crate::model::Site;
use crate::run::{Prepared, capture};
use locus_plugin::{Cell, Cells, Read, SuffixRequest};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

pub const LOCALIZER: Localizer = Localizer {
    kind: "edit-gradient",
    about: "the norm of the gradient of the answer's loss at the layer's down-projection",
    settings: &[("target", "new or true: the answer whose loss is used; new")],
    find,
};

fn find(asked: &Asked<'_>, listen: Listen<'_>) -> Result<Found> {
    let (model, fact) = (asked.model, asked.fact);
    let target = match asked.settings.choice("target", &["new", "true"])? {
        "true" => &fact.target_true,
        _ => &fact.target_new,
    };
    if target.trim().is_empty() {
        return Err(Error::Request("the fact has no such answer; give one, or another `target`".to_owned()));
    }
    listen()?;
    let joined = model.tokenizer.prompt(&fact.template, &fact.subject, Some(target))?;
    let (first, ids) = (joined.prompt, joined.ids);
    let row = ids[..ids.len() - 1].to_vec();
    let cells: Vec<Cell> = (0..row.len()).map(|position| Cell { row: 0, position }).collect();
    let read = |(offset, &token): (usize, &i64)| Read { cell: Cell { row: 0, position: first - 1 + offset }, token };
    let layers = model.architecture.layers;
    let request = SuffixRequest {
        rows: vec![row.clone()],
        read: ids[first..].iter().enumerate().map(read).collect(),
        add: (0..layers).map(|layer| Cells { site: Site::MlpOut(layer), cells: cells.clone() }).collect(),
        ..SuffixRequest::default()
    };
    let sites: Vec<Cells> =
        (0..layers).map(|layer| Cells { site: Site::MlpKey(layer), cells: cells.clone() }).collect();
    // first: where a layer has no one key, nothing else is worth its time
    let keys = capture(model, &[row], &sites)?;
    let prepared = Prepared::new(model, request)?;
    let size = [cells.len() as i64, model.architecture.hidden];
    let zeros = (0..layers).map(|_| Ok(Tensor::f_zeros(size, (Kind::Float, model.device))?.f_set_requires_grad(true)?));
    let zeros = zeros.collect::<Result<Vec<Tensor>>>()?;
    let loss = prepared.repeat(model, &zeros, &[])?.output.log_probabilities.f_sum(Kind::Float)?.f_neg()?;
    let gradients = Tensor::f_run_backward(&[&loss], &zeros.iter().collect::<Vec<_>>(), false, false)?;
    let _guard = tch::no_grad_guard();
    let norm = |(gradient, key): (&Tensor, &Tensor)| -> Result<f64> {
        let double = |tensor: &Tensor| tensor.f_to_kind(Kind::Double);
        let (gradient, key) = (double(gradient)?, double(key)?);
        let products = gradient.f_matmul(&gradient.f_tr()?)?.f_mul(&key.f_matmul(&key.f_tr()?)?)?;
        Ok(products.f_sum(Kind::Double)?.f_double_value(&[])?.max(0.0).sqrt())
    };
    let effects = gradients.iter().zip(&keys).map(norm).collect::<Result<Vec<f64>>>()?;
    let numbers = BTreeMap::from([("loss".to_owned(), loss.f_double_value(&[])?)]);
    Ok(Found { effects, halves: Vec::new(), numbers })
}
