//! Second moments and their inverses.

use crate::bench::benches;
use crate::ledger::{Ledger, Totals};
use crate::support::{name, tensors};
use tch::{Device, Kind, Tensor};

#[test]
fn second_moments_equal_the_published_ones() {
    let mut totals = Totals::default();
    for bench in benches() {
        let golden = tensors(&bench.folder.join("cov/second_moment.safetensors"));
        let mut ledger = Ledger::new(format!("{} cov/second_moment", name(&bench.folder)));
        for (entry, expected) in &golden {
            let Some((layer, what)) = entry.strip_prefix("layer").and_then(|rest| rest.split_once('.')) else {
                continue;
            };
            let layer: usize = layer.parse().expect("layer");
            if what == "mom2" {
                ledger.relative(entry, bench.moments.mean(layer).expect("read").expect("layer"), expected, 1e-5);
            } else {
                let identity = Tensor::eye(expected.size()[0], (Kind::Float, Device::Cpu));
                ledger.relative(entry, &bench.moments.solve(layer, &identity).expect("solve"), expected, 1e-4);
            }
        }
        ledger.print();
        totals.add(&ledger);
    }
    totals.print("second moments");
}
