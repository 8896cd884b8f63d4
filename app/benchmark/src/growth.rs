//! How time grows with layers, tokens and facts, beside what counting says, as a plot.

use crate::methods::{Editing, made_up};
use crate::{shape, timed};
use anyhow::{Context, Result};
use locus_analysis::report::svg::{Anchor, Drawing, Point};
use locus_engine::model::Model;
use locus_engine::run::seeded_noise;
use locus_engine::trace::{Kind, Request, Runs, TracedQuestion, heat_map, rows_at_once};
use std::path::Path;
use std::time::Duration;
use tch::Device;

/// Noised copies of a prompt.
const SAMPLES: i64 = 10;
/// Tokens where layers grow, and layers where tokens grow.
const TOKENS: usize = 8;
const LAYERS: i64 = 12;
const PIXELS: (f64, f64) = (900.0, 330.0);

/// One thing that grows: how much of it, what it took, and how often what the first took by counting.
struct Curve {
    title: &'static str,
    points: Vec<(f64, f64, f64)>,
}

/// Measures all curves on random models `hidden` wide and on the built-in one, prints them, and writes the plot to `file`.
pub fn plot(file: &Path, hidden: i64, vocabulary: i64, repeats: usize) -> Result<()> {
    let map = |layers: i64, tokens: usize| -> Result<(f64, f64)> {
        let folder = tempfile::tempdir()?;
        shape::write(folder.path(), layers, hidden, vocabulary)?;
        let model = Model::load(folder.path(), Device::Cpu, tch::Kind::Float)?;
        let mut best = Duration::MAX;
        for _ in 0..repeats.max(1) {
            best = best.min(timed(|| traced(&model, tokens))?.1);
        }
        Ok((best.as_secs_f64(), operations(layers, tokens, hidden, vocabulary)))
    };
    let of_layers = [12, 24, 48].map(|layers| map(layers, TOKENS).map(|(time, count)| (layers as f64, time, count)));
    let of_tokens = [8, 16, 32].map(|tokens| map(LAYERS, tokens).map(|(time, count)| (tokens as f64, time, count)));
    let cache = tempfile::tempdir()?;
    let built_in = Model::load(&locus_demo::materialize(cache.path())?, Device::Cpu, tch::Kind::Float)?;
    let edits = Editing::new(&built_in, made_up(&built_in)?)?;
    let of_facts = [1, 10, 100].map(|facts| {
        let time = edits.of_facts(facts, &[0, 1, 2, 3, 4])?;
        Ok((facts as f64, time.as_secs_f64(), facts as f64))
    });
    let curve = |title: &'static str, points: [Result<(f64, f64, f64)>; 3]| -> Result<Curve> {
        Ok(Curve { title, points: points.into_iter().collect::<Result<_>>()? })
    };
    let curves = [
        curve("layers (heat map, 8 tokens)", of_layers)?,
        curve("tokens (heat map, 12 layers)", of_tokens)?,
        curve("facts (MEMIT, built-in model)", of_facts)?,
    ];
    println!("{:<32} {:>6} {:>10} {:>8} {:>8}", "", "", "seconds", "grown", "counted");
    for Curve { title, points } in &curves {
        for (amount, time, count) in points {
            let (first, counted) = (points[0].1, points[0].2);
            println!("{title:<32} {amount:>6} {time:>9.3}s {:>7.1}x {:>7.1}x", time / first, count / counted);
        }
    }
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map(std::fs::create_dir_all).transpose().context("cannot make the folder of the plot")?;
    std::fs::write(file, drawn(&curves)).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

/// A heat map of hidden states of a prompt of so many tokens, whose subject is its second token.
fn traced(model: &Model, tokens: usize) -> Result<()> {
    let prompt = (0..tokens as i64).map(|position| 31 * position % 300 + 5).collect();
    let question = TracedQuestion { prompt, answer: vec![7], subject: 1..2 };
    let noise = seeded_noise(1, 0.1, SAMPLES, 1, model.architecture.hidden)?;
    let request = Request::with_noise(model, question, noise)?;
    let runs = Runs::new(model, &request)?;
    heat_map(model, &runs, Kind::Hidden, 1, rows_at_once(model), &mut |_| Ok(()))?;
    Ok(())
}

/// Multiplications of such a map: cells run the blocks above their layer from their token on, of the last block what is read
/// behind its keys and values, and each cell reads the answer from the whole vocabulary; the runs that they stand on come first.
fn operations(layers: i64, tokens: usize, hidden: i64, vocabulary: i64) -> f64 {
    let [layers, tokens, hidden, vocabulary] = [layers as f64, tokens as f64, hidden as f64, vocabulary as f64];
    let (samples, moved) = (SAMPLES as f64, tokens - 1.0);
    // the first column that is noised is known once it is restored
    let columns = moved * (moved + 1.0) / 2.0 - 1.0;
    let block = 12.0 * hidden * hidden;
    let below_last = columns * block * (layers - 1.0) * (layers - 2.0) / 2.0;
    let last = (layers - 1.0) * hidden * hidden * (2.0 * columns + 10.0 * moved);
    let read = hidden * vocabulary * (moved * (layers - 1.0) + 1.0);
    samples * (below_last + last + read) + (tokens + samples * moved) * layers * block
}

/// The curves side by side, both axes logarithmic: what was measured as dots on a line, what counting says dashed.
fn drawn(curves: &[Curve]) -> String {
    let (width, height) = PIXELS;
    let mut drawing = Drawing::new(width, height);
    let each = width / curves.len() as f64;
    let grown = |curve: &Curve, point: &(f64, f64, f64)| {
        let (_, time, count) = curve.points[0];
        (point.1 / time).max(point.2 / count)
    };
    let most = curves.iter().flat_map(|curve| curve.points.iter().map(move |point| grown(curve, point)));
    let highest = most.fold(1.0, f64::max).log10().ceil();
    let (top, bottom) = (50.0, height - 50.0);
    for (place, Curve { title, points }) in curves.iter().enumerate() {
        let (left, right) = (place as f64 * each + 60.0, (place + 1) as f64 * each - 20.0);
        let (first, last) = (points[0].0, points[points.len() - 1].0);
        let at = |amount: f64, grown: f64| -> Point {
            let across = (amount / first).ln() / (last / first).ln();
            (left + across * (right - left), bottom - grown.log10() / highest * (bottom - top))
        };
        drawing.words((left, top - 20.0), Anchor::Start, title, "");
        for power in 0..=highest as i32 {
            let grown = 10.0_f64.powi(power);
            let (from, to) = (at(first, grown), at(last, grown));
            drawing.line(from, to, if power == 0 { "axis" } else { "rule" });
            drawing.words((from.0 - 6.0, from.1 + 4.0), Anchor::End, &format!("{grown} ×"), "soft");
        }
        let (time, count) = (points[0].1, points[0].2);
        let counted: Vec<Point> = points.iter().map(|point| at(point.0, point.2 / count)).collect();
        let measured: Vec<Point> = points.iter().map(|point| at(point.0, point.1 / time)).collect();
        drawing.path(&counted, "s1 dashed");
        drawing.path(&measured, "s0");
        for (point, place) in points.iter().zip(&measured) {
            drawing.dot(*place, "s0");
            drawing.words((place.0, bottom + 20.0), Anchor::Middle, &point.0.to_string(), "soft");
        }
    }
    let legend = "time as a multiple of the first: measured (line), counted (dashed)";
    drawing.words((60.0, height - 8.0), Anchor::Start, legend, "soft");
    drawing.finish("How time grows with layers, tokens and facts")
}
