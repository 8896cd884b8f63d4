//! A file that was rebuilt is loaded anew while the old one is at work.

use crate::c::compile;
use crate::support::{Toy, request};
use locus_plugin_host::Registry;
use std::path::Path;
use std::sync::Arc;

fn compile_titled(title: &str, folder: &Path) -> std::path::PathBuf {
    compile("broken.c", &[&format!(r#"-DDESCRIPTION="{{\"id\": \"broken\", \"title\": \"{title}\"}}""#)], folder)
}

#[test]
fn a_rebuilt_file_replaces_the_old_one_and_the_old_one_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let file = compile_titled("First", folder.path());
    let mut registry = Registry::default();
    assert_eq!(registry.add(&file).expect("loads")[0].title, "First");
    let old = registry.method("broken").expect("there");

    // The compiler writes into the very file; a mapping of it would break now.
    compile_titled("Second", folder.path());
    assert_eq!(registry.add(&file).expect("loads anew")[0].title, "Second");
    assert_eq!(registry.plugins().len(), 1);
    let new = registry.method("broken").expect("there");
    for (method, title) in [(&old, "First"), (&new, "Second")] {
        assert_eq!(method.description().info.title, title);
        let mut request = request(1);
        request.edits[0].template = "model".to_owned();
        request.edits[0].target = "{}".to_owned();
        method.edit(&request, &Default::default(), &Toy::new()).expect("both work");
    }

    std::fs::write(&file, "no library").expect("overwritten");
    registry.add(&file).expect_err("no library any more");
    assert_eq!(registry.method("broken").expect("still there").description().info.title, "Second");
}

#[test]
fn a_file_that_did_not_change_is_not_loaded_again() {
    let folder = tempfile::tempdir().expect("folder");
    let file = compile_titled("Once", folder.path());
    let mut registry = Registry::default();
    registry.add(&file).expect("loads");
    let first = registry.method("broken").expect("there");
    registry.add(&file).expect("there");
    let again = folder.path().join("libagain.so");
    std::fs::copy(&file, &again).expect("copied");
    registry.add(&again).expect("the same file by another name");
    assert!(Arc::ptr_eq(&first, &registry.method("broken").expect("there")));
    assert_eq!(registry.plugins().len(), 1);
}

#[test]
fn a_hundred_reloads_do_no_harm() {
    let folder = tempfile::tempdir().expect("folder");
    let file = compile_titled("Often", folder.path());
    let bytes = std::fs::read(&file).expect("the plugin");
    let mut registry = Registry::default();
    for number in 0..100_u64 {
        let mut bytes = bytes.clone();
        bytes.extend(number.to_le_bytes());
        std::fs::write(&file, bytes).expect("written");
        registry.add(&file).expect("loads");
    }
    assert_eq!(registry.plugins().len(), 1);
}
