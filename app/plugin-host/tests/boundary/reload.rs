//! A file that was rebuilt is loaded anew while the old one is at work.

use crate::c::compile;
use crate::support::{Toy, library, request};
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

#[test]
fn what_a_new_build_replaces_stays_usable_under_another_id() {
    let folder = tempfile::tempdir().expect("folder");
    let file = compile_titled("First", folder.path());
    let mut registry = Registry::default();
    registry.add(&file).expect("loads");
    let title = |registry: &Registry, id: &str| registry.method(id).map(|it| it.description().info.title.clone());

    // the same build brings nothing
    let again = registry.reload(&file).expect("in use");
    assert_eq!((again.loaded.len(), again.replaced.len()), (1, 0));
    // a new one does, also from another folder
    let elsewhere = tempfile::tempdir().expect("folder");
    for (number, next) in ["Second", "Third"].into_iter().enumerate() {
        let reloaded = registry.reload(&compile_titled(next, elsewhere.path())).expect("loads");
        assert_eq!((reloaded.loaded[0].id.as_str(), reloaded.loaded[0].title.as_str()), ("broken", next));
        assert_eq!(reloaded.replaced[0].id, format!("broken@{}", number + 1));
    }
    let titles = ["broken@1", "broken@2", "broken"].map(|id| title(&registry, id).expect("there"));
    assert_eq!(titles, ["First", "Second", "Third"]);
    let shown: Vec<String> = registry.plugins().into_iter().map(|plugin| plugin.title).collect();
    assert_eq!(shown, ["First (build 1)", "Second (build 2)", "Third"]);

    // what cannot be loaded changes nothing
    std::fs::write(&file, "no library").expect("overwritten");
    registry.reload(&file).expect_err("no library any more");
    assert_eq!(title(&registry, "broken").expect("still there"), "Third");
    assert_eq!(registry.plugins().len(), 3);
    // a build that was replaced may come back as the newest
    registry.reload(&compile_titled("First", folder.path())).expect("loads");
    assert_eq!(title(&registry, "broken").expect("there"), "First");
    assert_eq!(title(&registry, "broken@3").expect("there"), "Third");
}

#[test]
fn a_plugin_in_rust_says_what_it_was_built_from() {
    let loaded = locus_plugin_host::load(&library("nudge")).expect("loads");
    let source = loaded[0].ready.source.clone().expect("a folder");
    assert!(source.ends_with("tests/fixtures/nudge") && source.join("Cargo.toml").is_file(), "{}", source.display());
    let folder = tempfile::tempdir().expect("folder");
    let in_c = locus_plugin_host::load(&compile_titled("In C", folder.path())).expect("loads");
    assert_eq!(in_c[0].ready.source, None);
}
