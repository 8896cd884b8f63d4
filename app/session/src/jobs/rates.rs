//! Measures how fast this machine runs a model.

use crate::error::Stopped;
use crate::pace::RunningJob;
use locus_engine::Error;
use locus_engine::rates::{self, Plain};
use locus_protocol::{Event, Phase, RateMeasured, Rates, RatesMeasured};

/// Measures the model that is loaded, or random weights in a shape beside it.
pub fn run(job: RunningJob<'_>, order: &Rates) -> Result<(), Stopped> {
    let loaded = job.loaded.stack.model();
    if loaded.places.are_several() {
        let message = "rates compare one device with its peak; name one with --device";
        return Err(crate::error::Error::Request(message.to_owned()).into());
    }
    let (device, kind) = (loaded.device, loaded.kind);
    let made = match &order.shape {
        Some(shape) => Some(rates::model(shape, loaded.tokenizer.clone(), device, kind)?),
        None => None,
    };
    let model = made.as_ref().unwrap_or(loaded);
    let mut stopped = None;
    let mut listen = |done, total| {
        job.progress(Phase::Method("rates".to_owned()), done, total);
        job.check_cancel().map_err(|stop| {
            stopped = Some(stop);
            Error::Cancelled
        })
    };
    let plain = Plain::of(device, kind)?;
    let measured = rates::measure(model, &mut listen);
    if let Some(stop) = stopped {
        return Err(stop.into());
    }
    let rates = measured?.into_iter().map(|rate| RateMeasured {
        what: rate.what.to_owned(),
        seconds: rate.seconds,
        bytes: rate.work.bytes / rate.seconds,
        operations: rate.work.operations / rate.seconds,
        of_copy: rate.of_copy(plain),
        of_product: rate.of_product(plain),
    });
    job.tell(Event::Rates(RatesMeasured {
        job: job.number,
        model: order.shape.clone().unwrap_or_else(|| job.loaded.mark.name.clone()),
        device: locus_engine::edit::device_name(device),
        number_format: locus_engine::edit::number_format(kind).to_owned(),
        copy_bytes: plain.bytes,
        product_operations: plain.operations,
        rates: rates.collect(),
    }));
    Ok(())
}
