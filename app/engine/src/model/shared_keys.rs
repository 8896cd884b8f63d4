//! Products of queries with keys, and of weights with values, that several rows or heads have in common: the queries of all of
//! them are multiplied at once, and keys and values are never copied for each.

use crate::error::Result;
use tch::Tensor;

/// Products `[blocks · rows, heads, columns, positions]` of queries `[blocks · rows, heads, columns, width]` with keys `[rows,
/// key-value heads, positions, width]`. Rows stand in adjacent blocks, heads that share keys side by side.
///
/// # Errors
/// Those of libtorch.
pub fn products(queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
    multiplied(queries, &keys.f_transpose(2, 3)?)
}

/// Values `[rows, key-value heads, positions, width]` mixed by weights `[blocks · rows, heads, columns, positions]`: `[blocks ·
/// rows, heads, columns, width]`.
///
/// # Errors
/// Those of libtorch.
pub fn mixed(weights: &Tensor, values: &Tensor) -> Result<Tensor> {
    multiplied(weights, values)
}

fn multiplied(many: &Tensor, shared: &Tensor) -> Result<Tensor> {
    let (of_many, of_shared) = (many.size(), shared.size());
    let ([all, heads, columns, inner], [rows, shared_heads, _, outer]) = (&of_many[..], &of_shared[..]) else {
        return Ok(many.f_matmul(shared)?);
    };
    let (all, heads, columns, inner) = (*all, *heads, *columns, *inner);
    let (rows, shared_heads, outer) = (*rows, *shared_heads, *outer);
    let (blocks, groups) = (all / rows.max(1), heads / shared_heads.max(1));
    if blocks <= 1 {
        if groups <= 1 {
            return Ok(many.f_matmul(shared)?);
        }
        let together = many.f_reshape([rows, shared_heads, groups * columns, inner])?;
        return Ok(together.f_matmul(shared)?.f_reshape([all, heads, columns, outer])?);
    }
    let together = many.f_reshape([blocks, rows, shared_heads, groups * columns, inner])?.f_permute([1, 2, 0, 3, 4])?;
    let together = together.f_reshape([rows, shared_heads, blocks * groups * columns, inner])?.f_matmul(shared)?;
    let apart =
        together.f_reshape([rows, shared_heads, blocks, groups * columns, outer])?.f_permute([2, 0, 1, 3, 4])?;
    Ok(apart.f_reshape([all, heads, columns, outer])?)
}

#[cfg(test)]
mod tests {
    use super::{mixed, products};
    use crate::test_numbers::Numbers;

    #[test]
    fn what_is_shared_is_multiplied_as_if_it_were_copied() {
        let mut random = Numbers::new(8);
        let (columns, positions, width) = (3, 5, 4);
        for (rows, blocks, shared_heads, groups) in
            [(2, 1, 3, 1), (2, 1, 2, 2), (1, 4, 3, 1), (2, 3, 2, 2), (1, 1, 1, 1)]
        {
            let queries = random.wide(&[blocks * rows, shared_heads * groups, columns, width]);
            let keys = random.wide(&[rows, shared_heads, positions, width]);
            let values = random.wide(&[rows, shared_heads, positions, width]);
            let copied =
                |shared: &tch::Tensor| shared.repeat_interleave_self_int(groups, 1, None).repeat([blocks, 1, 1, 1]);
            let found = products(&queries, &keys).expect("libtorch");
            let wanted = queries.matmul(&copied(&keys).transpose(2, 3));
            assert!(
                found.size() == wanted.size() && found.allclose(&wanted, 1e-12, 1e-12, false),
                "{rows} {blocks} {groups}"
            );
            let found = mixed(&wanted, &values).expect("libtorch");
            let wanted = wanted.matmul(&copied(&values));
            assert!(
                found.size() == wanted.size() && found.allclose(&wanted, 1e-12, 1e-12, false),
                "{rows} {blocks} {groups}"
            );
        }
    }
}
