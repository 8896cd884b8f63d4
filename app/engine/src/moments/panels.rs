//! The lower half of a symmetric matrix in panels of rows, factored where it lies: half of the memory that a square needs,
//! which LAPACK would factor.

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// Panels of a wide matrix: their corners above the diagonal are one part in so many of the half.
const PANELS: i64 = 16;
/// Rows of a panel, at least: products of fewer are slow.
const ROWS: i64 = 256;

/// A lower triangle in float64.
#[derive(Debug)]
pub(super) struct Panels {
    /// Each is `[rows, columns up to its last row]`, all but the last with equally many rows.
    panels: Vec<Tensor>,
}

/// A panel, and the two parts of it that share its numbers.
struct Panel<'a> {
    first: i64,
    rows: i64,
    whole: &'a Tensor,
    /// What is left of the diagonal, `[rows, first]`.
    left: Tensor,
    /// What is at the diagonal, `[rows, rows]`.
    corner: Tensor,
}

impl Panels {
    /// Room for a matrix of that width.
    pub fn empty(width: i64, device: Device) -> Result<Self> {
        let at_once = ROWS.max(width / PANELS);
        let panels = (0..width).step_by(at_once as usize).map(|first| {
            let rows = at_once.min(width - first);
            Ok(Tensor::f_zeros([rows, first + rows], (Kind::Double, device))?)
        });
        Ok(Self { panels: panels.collect::<Result<_>>()? })
    }

    /// The panels of another one, from the first row on; `None` where they do not make up a triangle of that width.
    pub fn of(panels: Vec<Tensor>, width: i64) -> Option<Self> {
        let mut end = 0;
        for panel in &panels {
            let size = panel.size();
            end += size.first()?;
            if size[..] != [size[0], end] {
                return None;
            }
        }
        (end == width).then_some(Self { panels })
    }

    /// Its panels, from the first row on.
    pub fn all(&self) -> &[Tensor] {
        &self.panels
    }

    /// Rows and columns of the matrix.
    pub fn width(&self) -> i64 {
        self.panels.last().map_or(0, |last| last.size()[1])
    }

    /// Where they are.
    pub fn device(&self) -> Device {
        self.panels.first().map_or(Device::Cpu, Tensor::device)
    }

    fn each(&self) -> impl DoubleEndedIterator<Item = Result<Panel<'_>>> {
        self.panels.iter().map(|whole| {
            let (rows, end) = whole.size2()?;
            let first = end - rows;
            let (left, corner) = (whole.f_narrow(1, 0, first)?, whole.f_narrow(1, first, rows)?);
            Ok(Panel { first, rows, whole, left, corner })
        })
    }

    /// Writes some rows of the matrix, `[rows, width]`, the first of which is its row `first`.
    pub fn write_rows(&self, first: i64, rows: &Tensor) -> Result<()> {
        let end = first + rows.size()[0];
        for panel in self.each() {
            let panel = panel?;
            let (from, to) = (first.max(panel.first), end.min(panel.first + panel.rows));
            if from < to {
                let taken = rows.f_narrow(0, from - first, to - from)?.f_narrow(1, 0, panel.whole.size()[1])?;
                panel.whole.f_narrow(0, from - panel.first, to - from)?.f_copy_(&taken)?;
            }
        }
        Ok(())
    }

    /// The numbers on the diagonal, `[width]`, a copy.
    pub fn on_diagonal(&self) -> Result<Tensor> {
        let corners = self.each().map(|panel| Ok(panel?.corner.f_diagonal(0, 0, 1)?));
        Ok(Tensor::f_cat(&corners.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// Adds a number to all of the diagonal.
    pub fn raise(&self, ridge: f64) -> Result<()> {
        for panel in self.each() {
            let _ = panel?.corner.f_diagonal(0, 0, 1)?.f_add_scalar_(ridge)?;
        }
        Ok(())
    }

    /// Puts the lower Cholesky factor in the matrix's place, panel by panel: what is left of the diagonal is what the panels
    /// above leave of it. `false` where there is none.
    pub fn factor(&self) -> Result<bool> {
        let mut above: Vec<Panel> = Vec::with_capacity(self.panels.len());
        for panel in self.each() {
            let panel = panel?;
            for other in &above {
                let here = panel.whole.f_narrow(1, other.first, other.rows)?;
                subtract(&here, &panel.whole.f_narrow(1, 0, other.first)?, &other.left)?;
                here.shallow_clone()
                    .f_copy_(&other.corner.f_tr()?.f_linalg_solve_triangular(&here, true, false, false)?)?;
            }
            subtract(&panel.corner, &panel.left, &panel.left)?;
            let (lower, info) = panel.corner.f_linalg_cholesky_ex(false, false)?;
            if info.f_int64_value(&[])? != 0 {
                return Ok(false);
            }
            panel.corner.shallow_clone().f_copy_(&lower)?;
            above.push(panel);
        }
        Ok(true)
    }

    /// `C⁻¹ b` for each column of `right`, `[width, columns]` in float64, where these are the panels of the factor of `C`.
    pub fn solve(&self, right: &Tensor) -> Result<Tensor> {
        let mut solved = Tensor::f_empty(right.size(), (Kind::Double, self.device()))?;
        solved.f_copy_(right)?;
        for panel in self.each() {
            let Panel { first, rows, left, corner, .. } = panel?;
            let here = solved.f_narrow(0, first, rows)?;
            subtract(&here, &left, &solved.f_narrow(0, 0, first)?.f_tr()?)?;
            here.shallow_clone().f_copy_(&corner.f_linalg_solve_triangular(&here, false, true, false)?)?;
        }
        for panel in self.each().rev() {
            let Panel { first, rows, left, corner, .. } = panel?;
            let here = solved.f_narrow(0, first, rows)?;
            here.shallow_clone().f_copy_(&corner.f_tr()?.f_linalg_solve_triangular(&here, true, true, false)?)?;
            subtract(&solved.f_narrow(0, 0, first)?, &left.f_tr()?, &here.f_tr()?)?;
        }
        Ok(solved)
    }
}

/// Subtracts `left rightᵀ` from `from`, in place.
fn subtract(from: &Tensor, left: &Tensor, right: &Tensor) -> Result<()> {
    if left.size()[1] > 0 && from.numel() > 0 {
        let _ = from.shallow_clone().f_sub_(&left.f_matmul(&right.f_tr()?)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PANELS, Panels, ROWS};
    use crate::error::Result;
    use crate::test_numbers::Numbers;
    use tch::{Device, Kind, Tensor};

    fn of(matrix: &Tensor, at_once: i64) -> Result<Panels> {
        let width = matrix.size()[0];
        let panels = Panels::empty(width, Device::Cpu)?;
        for first in (0..width).step_by(at_once as usize) {
            panels.write_rows(first, &matrix.narrow(0, first, at_once.min(width - first)))?;
        }
        Ok(panels)
    }

    fn whole(panels: &Panels) -> Tensor {
        let width = panels.width();
        let rows = panels.all().iter().map(|panel| panel.constant_pad_nd([0, width - panel.size()[1]]));
        Tensor::cat(&rows.collect::<Vec<_>>(), 0)
    }

    #[test]
    fn panels_are_factored_and_solved_with_as_the_square() {
        for (width, at_once) in
            [(1, 1), (ROWS, 100), (ROWS + 1, ROWS + 1), (3 * ROWS + 77, 190), (ROWS * PANELS + PANELS, 999)]
        {
            let keys = Numbers::new(3).wide(&[width + 50, width]);
            let matrix = keys.tr().matmul(&keys);
            let panels = of(&matrix, at_once).expect("panels");
            assert_eq!(panels.on_diagonal().expect("a diagonal"), matrix.diag(0));
            assert!(panels.factor().expect("factored"));
            let lower = matrix.linalg_cholesky(false);
            let off = (whole(&panels) - &lower).abs().max().double_value(&[]);
            assert!(off <= 1e-11 * lower.abs().max().double_value(&[]) * width as f64, "{width}: {off}");
            let right = Numbers::new(4).wide(&[width, 3]);
            let solved = panels.solve(&right).expect("solved");
            let off = (matrix.matmul(&solved) - &right).abs().max().double_value(&[]);
            assert!(off < 1e-6, "{width}: {off}");
            assert!(Panels::of(panels.all().iter().map(Tensor::shallow_clone).collect(), width).is_some());
            assert!(Panels::of(panels.all().iter().skip(1).map(Tensor::shallow_clone).collect(), width).is_none());
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        let width = 2 * ROWS + 9;
        for place in [0, ROWS - 1, ROWS, width - 1] {
            let matrix = Tensor::eye(width, (Kind::Double, Device::Cpu));
            let _ = matrix.get(place).narrow(0, place, 1).fill_(-1.0);
            assert!(!of(&matrix, 64).expect("panels").factor().expect("tried"), "{place}");
        }
    }
}
