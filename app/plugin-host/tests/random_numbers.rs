//! Whose random numbers are drawn. A test of its own, since libtorch has one generator for the whole process.

#[path = "boundary/support.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod support;

use locus_plugin::tch::{self, Tensor};
use locus_plugin_host::{load, take_remarks};
use support::{Toy, library, method, request};

#[test]
fn random_numbers_that_a_plugin_draws_are_none_of_the_hosts() {
    let misbehaves = method(&load(&library("locus-hostile")).expect("loads"), "misbehaves");
    let drawn = || Tensor::rand([4], tch::kind::FLOAT_CPU);
    let settings = serde_json::Map::from_iter([("how".to_owned(), "draws-random-numbers".into())]);
    tch::manual_seed(3);
    let expected = drawn();
    tch::manual_seed(3);
    misbehaves.edit(&request(1), &settings, &Toy::new()).expect("it edits");
    assert!(drawn().equal(&expected));
    assert!(take_remarks().is_empty(), "draws are no fault");
}
