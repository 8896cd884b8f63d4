//! A plugin in C, built against the generated header alone.

use crate::c::compile;
use crate::support::{Toy, method, request};
use locus_plugin::services::name;
use locus_plugin::{Error, Form};
use locus_plugin_host::load;
use serde_json::json;

fn settings(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().cloned().expect("an object")
}

#[test]
fn a_plugin_in_c_edits() {
    let folder = tempfile::tempdir().expect("folder");
    let warnings = ["-Wall", "-Wextra", "-Werror"];
    let loaded = load(&compile("scale_row.c", &warnings, folder.path())).expect("loads");
    let ready = &loaded[0].ready;
    assert_eq!((ready.id.as_str(), ready.version.as_str(), ready.interface.as_str()), ("scale-row", "1.2.0", "2.0"));
    assert_eq!(ready.hyperparameters.len(), 2);

    let scale_row = method(&loaded, "scale-row");
    let plan = scale_row.plan(&request(2), &settings(json!({})), &Default::default()).expect("plan");
    assert_eq!((plan.layers.as_slice(), plan.steps), ([2].as_slice(), 1));

    let toy = Toy::new();
    for (given, row, factor) in [(json!({"row": 3, "factor": -0.5}), 3, -0.5), (json!({}), 0, 2.0)] {
        let edited = scale_row.edit(&request(2), &settings(given), &toy).expect("edits");
        assert_eq!(edited.deltas[0].parameter, Toy::weight_name(2));
        let Form::LowRank { left, right } = &edited.deltas[0].form else { panic!("factors") };
        let wanted = toy.weight(2);
        let _ = wanted.get(row).f_mul_scalar_(factor).expect("a row");
        assert!((toy.weight(2) + left.matmul(right)).allclose(&wanted, 1e-6, 1e-6, false));
        assert_eq!(edited.notes, [format!("scaled row {row} by {factor}")]);
    }
    assert_eq!(*toy.log.borrow(), ["Info: scaled", "Info: scaled"]);
    assert_eq!(toy.reports.borrow().len(), 2);
}

#[test]
fn a_plugin_in_c_fails_like_any_other() {
    let folder = tempfile::tempdir().expect("folder");
    let scale_row = method(&load(&compile("scale_row.c", &[], folder.path())).expect("loads"), "scale-row");
    let toy = Toy::new();
    let error = scale_row.edit(&request(2), &settings(json!({"row": 32})), &toy).expect_err("32 rows");
    assert!(matches!(&error, Error::Request(text) if text == "the matrix has no such row"), "{error:?}");
    let error = scale_row.edit(&request(9), &settings(json!({})), &toy).expect_err("four layers");
    assert!(error.to_string().contains("there is nothing at `/down_projections/9/weight`"), "{error}");
    let error = scale_row.edit(&request(0), &settings(json!({"row": 1.5})), &toy).expect_err("a half row");
    assert!(error.to_string().contains("`row` must be a whole number from 0 to 100000, not 1.5"), "{error}");
    toy.cancel_after.set(toy.reports.borrow().len());
    let error = scale_row.edit(&request(2), &settings(json!({})), &toy).expect_err("cancelled");
    assert!(matches!(error, Error::Cancelled), "{error:?}");
}

#[test]
fn a_table_is_read_no_further_than_it_says() {
    let folder = tempfile::tempdir().expect("folder");
    // whatever is read behind the end of this one ends the test
    let short = method(&load(&compile("broken.c", &["-DTABLE_WITHOUT_PLAN"], folder.path())).expect("loads"), "broken");
    let plan =
        short.plan(&request(2), &settings(json!({})), &Default::default()).expect("the layers that were asked for");
    assert_eq!((plan.layers.as_slice(), plan.steps), ([2].as_slice(), 0));
    let long = method(&load(&compile("broken.c", &["-DLONG_TABLES"], folder.path())).expect("loads"), "broken");
    for method in [short, long] {
        let mut request = request(1);
        request.edits[0].template = name::MODEL.to_owned();
        request.edits[0].target = "{}".to_owned();
        method.edit(&request, &settings(json!({})), &Toy::new()).expect("an edit without changes");
    }
}
