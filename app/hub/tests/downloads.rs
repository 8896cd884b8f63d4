//! Downloads from a server that plays the hub.

mod support;

use locus_hub::{Error, Hub, ModelId};
use std::path::{Path, PathBuf};
use support::{COMMIT, Faults, Files, MODEL, OLDER, Server, etag, files, sha256};

impl Server {
    /// A hub with its cache in a folder, that asks this server and gives up at the first fault.
    fn hub(&self, cache: &Path) -> Hub {
        Hub {
            cache: cache.to_owned(),
            endpoint: format!("http://127.0.0.1:{}", self.port),
            token: None,
            offline: false,
            tries: 0,
        }
    }
}

fn sharded() -> Files {
    let mut files = files();
    let whole = files.remove("model.safetensors").expect("weights");
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    files.insert("model.safetensors.index.json", index.to_vec());
    files.insert("model-1.safetensors", whole[..100_000].to_vec());
    files.insert("model-2.safetensors", whole[100_000..].to_vec());
    files.insert("model-9.safetensors", vec![1; 10]);
    files
}

fn id(text: &str) -> ModelId {
    text.parse().expect("an id")
}

fn download(hub: &Hub, text: &str) -> Result<PathBuf, Error> {
    hub.download(&id(text), &mut |_| true)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

fn assert_whole(folder: &Path, files: &Files, wanted: &[&str]) {
    assert_eq!(names(folder), wanted);
    for name in wanted {
        assert_eq!(std::fs::read(folder.join(name)).expect(name), files[name], "{name}");
        let link = std::fs::read_link(folder.join(name)).expect("a link");
        assert_eq!(link, Path::new("../../blobs").join(etag(name, &files[name])), "{name}");
    }
}

#[test]
fn only_the_files_that_are_needed_come_into_the_layout_of_the_cache() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let hub = server.hub(cache.path());
    let mut heard = Vec::new();
    let folder = hub.download(&id(MODEL), &mut |progress| {
        heard.push((progress.done, progress.total));
        assert_eq!(progress.missing, progress.total);
        true
    });
    let folder = folder.expect("downloaded");
    let wanted = ["config.json", "merges.txt", "model.safetensors", "tokenizer.json"];
    let model = cache.path().join("models--org--tiny");
    assert_eq!(folder, model.join("snapshots").join(COMMIT));
    assert_whole(&folder, &files(), &wanted);
    assert_eq!(std::fs::read_to_string(model.join("refs/main")).expect("a ref"), COMMIT);
    assert_eq!(names(&model.join("blobs")).len(), wanted.len());
    assert_eq!(names(&cache.path().join(".locks/models--org--tiny")).len(), wanted.len());
    let total: usize = wanted.iter().map(|name| files()[name].len()).sum();
    assert!(heard.is_sorted() && heard.iter().all(|(_, of)| *of == total as u64), "{heard:?}");
    assert_eq!(heard.last().map(|(done, _)| *done), Some(total as u64));
    // a second time there is nothing to bring
    server.asked();
    assert_eq!(download(&hub, MODEL).expect("there"), folder);
    assert_eq!(server.bodies(), []);
}

#[test]
fn an_index_says_which_shards_are_needed() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(sharded(), Faults::default()));
    let folder = download(&server.hub(cache.path()), MODEL).expect("downloaded");
    let wanted = [
        "config.json",
        "merges.txt",
        "model-1.safetensors",
        "model-2.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    assert_whole(&folder, &sharded(), &wanted);
}

#[test]
fn weights_of_pytorch_come_where_there_are_no_others() {
    let mut files = files();
    files.remove("model.safetensors");
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files.clone(), Faults::default()));
    let folder = download(&server.hub(cache.path()), MODEL).expect("downloaded");
    assert_whole(&folder, &files, &["config.json", "merges.txt", "pytorch_model.bin", "tokenizer.json"]);
}

#[test]
fn a_download_that_was_cut_goes_on_where_it_was() {
    let faults = Faults { cut: Some(("model.safetensors", 123_456, 1)), ..Faults::default() };
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), faults));
    let hub = server.hub(cache.path());
    let error = download(&hub, MODEL).expect_err("cut");
    assert!(matches!(error, Error::Cut { done: 123_456, whole: 300_000, .. }), "{error}");
    assert!(error.to_string().contains("120.6 KiB of 293.0 KiB of model.safetensors"), "{error}");
    assert!(error.to_string().contains("run the command again to resume"), "{error}");
    let blob = sha256(&files()["model.safetensors"]);
    let blobs = cache.path().join("models--org--tiny/blobs");
    assert_eq!(blobs.join(format!("{blob}.incomplete")).metadata().expect("kept").len(), 123_456);
    assert!(!blobs.join(&blob).exists());
    assert_eq!(hub.find(&id(MODEL)), None, "half of a model is none");
    server.asked();
    let folder = download(&hub, MODEL).expect("downloaded");
    assert_eq!(
        server.bodies(),
        [("model.safetensors".to_owned(), Some("bytes=123456-".to_owned()), 300_000 - 123_456)]
    );
    assert_eq!(std::fs::read(folder.join("model.safetensors")).expect("weights"), files()["model.safetensors"]);
    assert!(!blobs.join(format!("{blob}.incomplete")).exists());
}

#[test]
fn one_download_outlives_cut_connections() {
    let faults = Faults { cut: Some(("model.safetensors", 140_000, 2)), ..Faults::default() };
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), faults));
    let hub = Hub { tries: 1, ..server.hub(cache.path()) };
    let folder = download(&hub, MODEL).expect("downloaded");
    assert_eq!(std::fs::read(folder.join("model.safetensors")).expect("weights"), files()["model.safetensors"]);
    let ranges =
        server.bodies().into_iter().filter(|(name, ..)| name == "model.safetensors").map(|(_, range, _)| range);
    let ranges: Vec<_> = ranges.map(Option::unwrap_or_default).collect();
    assert_eq!(ranges, ["", "bytes=140000-", "bytes=280000-"]);
}

#[test]
fn a_hub_that_is_busy_for_a_moment_is_asked_again() {
    for (part, status) in [("/api/models/", 429), ("/resolve/", 503), ("/cdn/", 500)] {
        let busy = |times| Faults { busy: Some((part, status, times)), ..Faults::default() };
        let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), busy(1)));
        let hub = Hub { tries: 2, ..server.hub(cache.path()) };
        let folder = download(&hub, MODEL).expect(part);
        assert_whole(&folder, &files(), &["config.json", "merges.txt", "model.safetensors", "tokenizer.json"]);
        // who wants no more of it does not wait
        let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), busy(9)));
        let hub = Hub { tries: 2, ..server.hub(cache.path()) };
        assert!(matches!(hub.download(&id(MODEL), &mut |_| false), Err(Error::Stopped { .. })), "{part}");
    }
    for (part, status) in [("/api/models/", 500), ("/resolve/", 504), ("/cdn/", 502), ("/cdn/", 429)] {
        let busy = Faults { busy: Some((part, status, 1)), ..Faults::default() };
        let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), busy));
        let error = download(&server.hub(cache.path()), MODEL).expect_err(part);
        assert!(matches!(error, Error::Busy { status: said, .. } if said == status), "{error}");
        assert!(error.to_string().contains(&format!("status {status}")), "{error}");
    }
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_of_it_again() {
    let faults = Faults { cut: Some(("model.safetensors", 1000, 1)), whole: true, ..Faults::default() };
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), faults));
    let hub = server.hub(cache.path());
    download(&hub, MODEL).expect_err("cut");
    let folder = download(&hub, MODEL).expect("downloaded");
    assert_eq!(std::fs::read(folder.join("model.safetensors")).expect("weights"), files()["model.safetensors"]);
}

#[test]
fn a_download_that_is_stopped_goes_on_as_well() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let hub = server.hub(cache.path());
    let stopped = hub.download(&id(MODEL), &mut |progress| progress.file != "model.safetensors");
    assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    server.asked();
    download(&hub, MODEL).expect("downloaded");
    let bodies = server.bodies();
    assert!(
        matches!(&bodies[..], [(name, Some(_), sent)] if name == "model.safetensors" && *sent < 300_000),
        "{bodies:?}"
    );
}

#[test]
fn bytes_with_another_hash_are_refused_and_deleted() {
    let faults = Faults { damaged: Some("model.safetensors"), ..Faults::default() };
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), faults));
    let hub = server.hub(cache.path());
    let error = download(&hub, MODEL).expect_err("damaged");
    assert!(matches!(&error, Error::Hash { file, .. } if file == "model.safetensors"), "{error}");
    let model = cache.path().join("models--org--tiny");
    let blob = sha256(&files()["model.safetensors"]);
    assert!(
        names(&model.join("blobs")).iter().all(|name| !name.starts_with(&blob)),
        "{:?}",
        names(&model.join("blobs"))
    );
    assert!(!model.join("refs/main").exists());
    assert_eq!(hub.find(&id(MODEL)), None);
    // nothing of it is in the way of the next one
    *server.faults.lock().expect("faults") = Faults::default();
    assert_whole(
        &download(&hub, MODEL).expect("downloaded"),
        &files(),
        &["config.json", "merges.txt", "model.safetensors", "tokenizer.json"],
    );
}

#[test]
fn what_another_run_left_damaged_is_refused_too() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let blobs = cache.path().join("models--org--tiny/blobs");
    std::fs::create_dir_all(&blobs).expect("a folder");
    let left = blobs.join(format!("{}.incomplete", sha256(&files()["model.safetensors"])));
    std::fs::write(&left, [9; 5000]).expect("written");
    assert!(matches!(download(&server.hub(cache.path()), MODEL), Err(Error::Hash { .. })));
    assert!(!left.exists());
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_its_first_byte() {
    let faults = Faults { size: Some(("model.safetensors", 1 << 60)), ..Faults::default() };
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), faults));
    let error = download(&server.hub(cache.path()), MODEL).expect_err("no room");
    assert!(matches!(error, Error::Disk { needed, free, .. } if needed > 1 << 60 && free < 1 << 60), "{error}");
    assert!(error.to_string().contains("1048576.0 TiB more"), "{error}");
    assert_eq!(server.bodies(), []);
}

#[test]
fn a_gated_model_says_what_opens_it() {
    let folder = tempfile::tempdir().expect("a cache");
    for (status, code) in [(401, "GatedRepo"), (403, "GatedRepo")] {
        let server = Server::start(files(), Faults { gated: Some((status, code)), ..Faults::default() });
        let error = download(&server.hub(folder.path()), MODEL).expect_err("gated");
        assert!(matches!(error, Error::Gated { has_token: false, .. }), "{error}");
        assert!(error.to_string().contains("accept its terms") && error.to_string().contains("HF_TOKEN"), "{error}");
    }
    let server = Server::start(files(), Faults { gated: Some((401, "")), ..Faults::default() });
    let hub = Hub { token: Some("hf_expired".to_owned()), ..server.hub(folder.path()) };
    assert!(matches!(download(&hub, MODEL), Err(Error::Token)));
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let hub = Hub { token: Some("hf_secret".to_owned()), ..server.hub(cache.path()) };
    download(&hub, MODEL).expect("downloaded");
    for asked in server.asked() {
        let token = asked.host.starts_with("127.0.0.1").then(|| "Bearer hf_secret".to_owned());
        assert_eq!(asked.token, token, "{asked:?}");
    }
}

#[test]
fn a_revision_is_a_branch_a_tag_or_a_commit() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let hub = server.hub(cache.path());
    let model = cache.path().join("models--org--tiny");
    for (revision, commit) in [("v1.0", OLDER), ("refs/pr/3", OLDER)] {
        let folder = download(&hub, &format!("{MODEL}@{revision}")).expect(revision);
        assert_eq!(folder, model.join("snapshots").join(commit));
        assert_eq!(std::fs::read_to_string(model.join("refs").join(revision)).expect("a ref"), commit);
        assert_eq!(hub.find(&id(&format!("{MODEL}@{revision}"))), Some(folder));
    }
    let named = format!("{MODEL}@{COMMIT}");
    let folder = download(&hub, &named).expect("a commit");
    assert_eq!(hub.find(&id(&named)), Some(folder));
    assert!(!model.join("refs").join(COMMIT).exists() && hub.find(&id(MODEL)).is_none());
    let error = download(&hub, &format!("{MODEL}@v9")).expect_err("none");
    assert!(matches!(&error, Error::NoRevision { revision, .. } if revision == "v9"), "{error}");
    // the bytes of both commits are the same, and there once
    assert_eq!(names(&model.join("blobs")).len(), 4);
}

#[test]
fn a_model_that_is_not_there_or_cannot_run_is_refused() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let error = download(&server.hub(cache.path()), "org/tyni").expect_err("none");
    let said = error.to_string();
    assert!(matches!(error, Error::NotFound { .. }), "{said}");
    assert!(
        said.starts_with("the hub has no model org/tyni that is visible without a token; correct the name"),
        "{said}"
    );
    let mut without = files();
    without.remove("tokenizer.json");
    let server = Server::start(without, Faults::default());
    let error = download(&server.hub(cache.path()), MODEL).expect_err("no tokenizer");
    assert!(matches!(error, Error::Lacks { what: "tokenizer.json", .. }), "{error}");
}

#[test]
fn nobody_is_asked_for_what_is_in_the_cache_nor_where_that_is_forbidden() {
    let (cache, server) = (tempfile::tempdir().expect("a cache"), Server::start(files(), Faults::default()));
    let hub = server.hub(cache.path());
    let offline = Hub { offline: true, ..hub.clone() };
    let error = offline.get(&id(MODEL), &mut |_| true).expect_err("nothing is there");
    assert!(matches!(error, Error::Offline { .. }), "{error}");
    assert!(error.to_string().contains("HF_HUB_OFFLINE") && error.to_string().contains(MODEL), "{error}");
    assert_eq!(server.asked(), []);
    let folder = hub.get(&id(MODEL), &mut |_| true).expect("downloaded");
    server.asked();
    for hub in [&hub, &offline] {
        assert_eq!(hub.get(&id(MODEL), &mut |_| true).expect("there"), folder);
    }
    assert_eq!(download(&offline, MODEL).expect("there"), folder);
    assert_eq!(server.asked(), []);
}

#[test]
fn a_hub_that_is_not_there_is_said_with_its_address() {
    let cache = tempfile::tempdir().expect("a cache");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    let hub = Server::start(files(), Faults::default()).hub(cache.path());
    let hub = Hub { endpoint: format!("http://127.0.0.1:{port}"), ..hub };
    let error = download(&hub, MODEL).expect_err("nobody is there");
    assert!(matches!(&error, Error::Unreachable { endpoint, .. } if *endpoint == hub.endpoint), "{error}");
}
