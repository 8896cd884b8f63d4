//! The slope within facts: each fact has a level of its own and each layer too, so that only this is left: is an edit
//! of one fact better at the layers where its own trace is larger than usual?

use crate::clustered::{Coefficient, fit};
use crate::least_squares;
use crate::rows::Rows;
use crate::unavailable::{Computed, Unavailable};
use nalgebra::{DMatrix, DVector};

/// Scores, layers and effects less their means in each fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Within {
    /// `[row, column]`: layers but the first, then the effect.
    x: DMatrix<f64>,
    /// `[row]`.
    y: DVector<f64>,
    /// `[row]`: the number of the fact among those with two rows.
    facts: Vec<usize>,
    count: usize,
    /// `[number]`: the number of the fact in [`Rows`].
    pub places: Vec<usize>,
}

impl Within {
    /// Takes off the means of facts. Facts with one row say nothing and are passed over.
    ///
    /// # Errors
    ///
    /// Where nothing is left to compare.
    pub fn new(rows: &Rows) -> Computed<Self> {
        if rows.scores.is_empty() {
            return Err(Unavailable::NoRows);
        }
        if rows.centers.len() < 2 {
            return Err(Unavailable::OneLayer);
        }
        if rows.scores.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(Unavailable::AllScoresEqual);
        }
        let by_fact = rows.by_fact();
        let places: Vec<usize> = (0..by_fact.len()).filter(|fact| by_fact[*fact].len() > 1).collect();
        if places.len() < 2 {
            return Err(Unavailable::TooFewFacts { have: places.len(), need: 2 });
        }
        let kept: Vec<&Vec<usize>> = places.iter().map(|fact| &by_fact[*fact]).collect();
        let count = kept.iter().map(|rows| rows.len()).sum();
        let columns = rows.centers.len();
        let (mut x, mut y) = (DMatrix::zeros(count, columns), DVector::zeros(count));
        let (mut facts, mut raw) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (number, own) in kept.iter().enumerate() {
            let mean = |of: &dyn Fn(usize) -> f64| own.iter().map(|row| of(*row)).sum::<f64>() / own.len() as f64;
            let value = |column: usize, row: usize| match column + 1 {
                last if last == columns => rows.effects[row],
                layer => f64::from(u8::from(rows.layers[row] == layer)),
            };
            let level = mean(&|row| rows.scores[row]);
            let levels: Vec<f64> = (0..columns).map(|column| mean(&|row| value(column, row))).collect();
            for row in own.iter() {
                let at = facts.len();
                y[at] = rows.scores[*row] - level;
                (0..columns).for_each(|column| x[(at, column)] = value(column, *row) - levels[column]);
                facts.push(number);
                raw.push(rows.effects[*row]);
            }
        }
        let center = raw.iter().sum::<f64>() / raw.len() as f64;
        let spread: f64 = raw.iter().map(|effect| (effect - center).powi(2)).sum();
        if x.column(columns - 1).norm_squared() <= 1e-20 * spread.max(center * center) {
            return Err(Unavailable::NoEffectWithinFacts);
        }
        Ok(Self { x, y, facts, count: kept.len(), places })
    }

    /// Facts that are compared with themselves.
    pub fn facts(&self) -> usize {
        self.count
    }

    /// The slope, clustered by fact. Taking off the means of facts changes neither CR2 nor its degrees of freedom.
    ///
    /// # Errors
    ///
    /// Where no effect is left within facts, or rows are too few.
    pub fn slope(&self, confidence: f64) -> Computed<Coefficient> {
        let (rows, coefficients) = (self.y.len(), self.count + self.x.ncols());
        if rows <= coefficients {
            return Err(Unavailable::NoFreedom { rows, coefficients });
        }
        let last = self.x.ncols() - 1;
        let fitted = match fit(&self.x, &self.y, &self.facts) {
            Err(Unavailable::Collinear) => {
                let without = least_squares::fit(&self.x.columns(0, last).into_owned(), &self.y);
                return Err(without.map_or_else(|reason| reason, |_| Unavailable::NoEffectWithinFacts));
            }
            fitted => fitted?,
        };
        fitted.coefficient(last, confidence)
    }

    /// `[fact]`: products of all columns with all columns and the score, `[column, column + 1]`.
    pub fn products(&self) -> Vec<DMatrix<f64>> {
        let columns = self.x.ncols();
        let mut products = vec![DMatrix::zeros(columns, columns + 1); self.count];
        for (row, fact) in self.facts.iter().enumerate() {
            let product = &mut products[*fact];
            for one in 0..columns {
                for two in 0..columns {
                    product[(one, two)] += self.x[(row, one)] * self.x[(row, two)];
                }
                product[(one, columns)] += self.x[(row, one)] * self.y[row];
            }
        }
        products
    }
}

/// The slope of summed products; nothing where it is not determined.
pub fn slope_of(products: &DMatrix<f64>) -> Option<f64> {
    let columns = products.nrows();
    let square = products.columns(0, columns).into_owned();
    let diagonal = square.diagonal();
    let factor = square.cholesky()?;
    // what rounding leaves of a column that depends on the others
    let depends = |(left, whole): (&f64, &f64)| left * left <= 1e-10 * whole;
    if factor.l_dirty().diagonal().iter().zip(diagonal.iter()).any(depends) {
        return None;
    }
    let solved = factor.solve(&products.column(columns).into_owned());
    solved.iter().next_back().copied().filter(|slope| slope.is_finite())
}
