//! Nothing of a call stays behind. A test of its own, since it measures the whole process.

#[path = "boundary/c.rs"]
mod c;
#[path = "boundary/support.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod support;

use c::compile;
use locus_plugin::Form;
use locus_plugin::tch::Tensor;
use locus_plugin_host::load;
use support::{Toy, method, request};

#[test]
fn tensors_pass_the_boundary_in_bulk_without_staying() {
    let folder = tempfile::tempdir().expect("folder");
    let scale_row = method(&load(&compile("scale_row.c", &[], folder.path())).expect("loads"), "scale-row");
    let toy = Toy::new();
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
        statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
    };
    let edits = |count| {
        for _ in 0..count {
            let edited = scale_row.edit(&request(0), &Default::default(), &toy).expect("edits");
            let Form::LowRank { left, .. } = &edited.deltas[0].form else { panic!("factors") };
            assert_eq!(Tensor::size(left), [32, 1]);
            toy.reports.borrow_mut().clear();
            toy.log.borrow_mut().clear();
        }
    };
    edits(2_000);
    let before = resident();
    edits(20_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "20 000 edits left {grown} bytes behind");
}
