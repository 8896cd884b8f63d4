//! Rates, as fractions of what the same device does at best.

use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};
use locus_protocol::{Event, Rates, RatesMeasured};

/// Measures the model, or random weights in a shape.
///
/// # Errors
/// There is no such shape; the device has no room for it.
pub fn run(client: &mut Client, shape: Option<&str>) -> Result<(), Failure> {
    let mut measured = None;
    client.job(Rates { shape: shape.map(str::to_owned) }, &mut |event| {
        if let Event::Rates(rates) = event {
            measured = Some(rates.clone());
        }
    })?;
    let measured = measured.ok_or_else(|| Failure::failed("the engine sent no rates; please report it"))?;
    if client.json() { Ok(()) } else { Ok(output::print(&text(&measured))?) }
}

fn text(measured: &RatesMeasured) -> String {
    let mut table = tables::table(["", "seconds", "weights read", "of a copy", "operations", "of a product"]);
    table.right([1, 2, 3, 4, 5]);
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let (giga, tera) =
        (|bytes: f64| format!("{:.1} GB/s", bytes / 1e9), |work: f64| format!("{:.3} TFLOP/s", work / 1e12));
    for rate in &measured.rates {
        table.add_row([
            rate.what.clone(),
            format!("{:.3}", rate.seconds),
            giga(rate.bytes),
            percent(rate.of_copy),
            tera(rate.operations),
            percent(rate.of_product),
        ]);
    }
    format!(
        "\nrates of {} on {} in {}; a plain copy reads and writes {}, a plain matrix product does {}\n\n{table}",
        measured.model,
        measured.device,
        measured.number_format,
        giga(measured.copy_bytes),
        tera(measured.product_operations),
    )
}
