//! What is found in a cache as `huggingface_hub` lays it out.

use locus_hub::{Error, Hub, ModelId, Named};
use std::fs::{create_dir_all, write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn hub(cache: &Path) -> Hub {
    Hub { cache: cache.to_owned(), endpoint: "http://nowhere".to_owned(), token: None, offline: true, tries: 0 }
}

/// A whole snapshot of a model, named by branches and tags.
fn snapshot(cache: &Path, model: &str, commit: &str, revisions: &[&str]) -> PathBuf {
    let model = cache.join(model);
    let folder = model.join("snapshots").join(commit);
    create_dir_all(&folder).expect("a folder");
    create_dir_all(model.join("blobs")).expect("a folder");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let blob = format!("{commit}{name}");
        write(model.join("blobs").join(&blob), name).expect("a blob");
        symlink(Path::new("../../blobs").join(&blob), folder.join(name)).expect("a link");
    }
    for revision in revisions {
        let file = model.join("refs").join(revision);
        create_dir_all(file.parent().expect("a folder")).expect("a folder");
        write(file, commit).expect("a ref");
    }
    folder
}

fn id(text: &str) -> ModelId {
    text.parse().expect("an id")
}

#[test]
fn a_snapshot_is_found_by_its_branch_its_tag_and_its_commit() {
    let cache = tempfile::tempdir().expect("a cache");
    let hub = hub(cache.path());
    let first = snapshot(cache.path(), "models--org--one", "aaaa", &["main"]);
    let second = snapshot(cache.path(), "models--org--one", "bbbb", &["v2", "refs/pr/1"]);
    let old = snapshot(cache.path(), "models--gpt2", "cccc", &["main"]);
    snapshot(cache.path(), "datasets--org--one", "dddd", &["main"]);
    for (text, folder) in [
        ("org/one", &first),
        ("org/one@aaaa", &first),
        ("org/one@v2", &second),
        ("org/one@refs/pr/1", &second),
        ("org/one@bbbb", &second),
        ("gpt2", &old),
    ] {
        assert_eq!(hub.find(&id(text)).as_ref(), Some(folder), "{text}");
    }
    for text in ["org/two", "org/one@v3", "org/one@aaa", "one"] {
        assert_eq!(hub.find(&id(text)), None, "{text}");
        let error = hub.find_only(&id(text)).expect_err(text);
        assert!(matches!(error, Error::NotCached { .. }), "{error}");
        assert!(error.to_string().contains(&format!("`locus model download {text}`")), "{error}");
    }
    let listed: Vec<_> = hub.cached().into_iter().map(|found| (found.id(), found.folder, found.revisions)).collect();
    let main = || vec!["main".to_owned()];
    let others = vec!["refs/pr/1".to_owned(), "v2".to_owned()];
    let second = ("org/one@refs/pr/1".to_owned(), second, others);
    assert_eq!(listed, [("gpt2".to_owned(), old, main()), ("org/one".to_owned(), first, main()), second]);
}

#[test]
fn half_of_a_model_is_listed_and_not_found() {
    let cache = tempfile::tempdir().expect("a cache");
    let hub = hub(cache.path());
    let folder = snapshot(cache.path(), "models--org--one", "aaaa", &["main"]);
    std::fs::remove_file(cache.path().join("models--org--one/blobs/aaaamodel.safetensors")).expect("removed");
    assert_eq!(hub.find(&id("org/one")), None);
    let listed = hub.cached();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].folder, &listed[0].contents.lacks[..]), (&folder, &["model.safetensors".to_owned()][..]));
}

#[test]
fn the_folder_of_a_model_in_the_cache_is_the_snapshot_of_main_or_the_only_one() {
    let cache = tempfile::tempdir().expect("a cache");
    let folder = cache.path().join("models--org--one");
    let only = snapshot(cache.path(), "models--org--one", "aaaa", &["v1"]);
    assert_eq!(Named::of(&folder), Named::Folder(only.clone()));
    let second = snapshot(cache.path(), "models--org--one", "bbbb", &[]);
    assert_eq!(Named::of(&folder), Named::Folder(folder.clone()), "which of the two is not said");
    write(folder.join("refs/main"), "bbbb\n").expect("a ref");
    assert_eq!(Named::of(&folder), Named::Folder(second));
    assert_eq!(Named::of(&only), Named::Folder(only), "a snapshot is a folder like others");
    let empty = cache.path().join("models--org--two");
    create_dir_all(&empty).expect("a folder");
    assert_eq!(Named::of(&empty), Named::Folder(empty.clone()));
}

#[test]
fn a_ref_leads_nowhere_else() {
    let cache = tempfile::tempdir().expect("a cache");
    let outside = snapshot(cache.path(), "models--org--one", "aaaa", &["main"]);
    snapshot(cache.path(), "models--org--two", "bbbb", &[]);
    create_dir_all(cache.path().join("models--org--two/refs")).expect("a folder");
    write(cache.path().join("models--org--two/refs/main"), "../../models--org--one/snapshots/aaaa").expect("a ref");
    assert!(outside.is_dir());
    assert_eq!(hub(cache.path()).find(&id("org/two")), None);
}
