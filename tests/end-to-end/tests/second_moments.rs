//! `locus stats`: collected in pieces, checked, imported and exported, as a user does it.

use locus_end_to_end::{Home, is_whole_safetensors, send, shown_files};
use locus_protocol::{Event, SecondMomentsReport};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A short corpus is enough for what is not about time.
const SHORT: [&str; 2] = ["--corpus-tokens", "3000"];
/// Long enough to be killed in several times; the state is written after every batch.
const COLLECT: [&str; 7] = ["stats", "collect", "--keep-every", "0", "--corpus-tokens", "20000", "--json"];
const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// The files of second moments in a home's cache with this ending.
fn kept(home: &Home, end: &str) -> Vec<PathBuf> {
    let mut files = shown_files(&home.cache().join("second-moments"));
    files.retain(|path| path.extension().is_some_and(|found| found == end));
    files
}

fn report(home: &Home, arguments: &[&str]) -> SecondMomentsReport {
    let ended = home.run(arguments.iter().copied().chain(["--json"])).well();
    let told = ended.records().events.into_iter().find_map(|event| match event {
        Event::SecondMoments(report) => Some(report),
        _ => None,
    });
    told.expect("a report")
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).expect("the file")
}

/// The one finished file.
fn finished(home: &Home) -> PathBuf {
    let files = kept(home, "safetensors");
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

/// Killed `after` so many states of it have been kept, at a moment that nobody chose. Whether it was killed at all, and
/// what it said until then.
fn killed(home: &Home, after: usize) -> (bool, String) {
    let mut child = home.command(COLLECT).spawn().expect("the program starts");
    drop(child.stdin.take());
    let state = || kept(home, "progress").first().and_then(|file| file.metadata().ok()?.modified().ok());
    let (mut seen, mut states) = (state(), 0);
    while states < after && child.try_wait().expect("the child").is_none() {
        let now = state();
        if now != seen {
            (seen, states) = (now, states + 1);
        }
        thread::yield_now();
    }
    let runs = child.try_wait().expect("the child").is_none();
    if runs {
        send(Signal::KILL, child.id());
    }
    let output = child.wait_with_output().expect("the end");
    (runs, String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn killed_at_random_moments_it_gives_the_bits_of_an_undisturbed_run() {
    let home = Home::cold();
    let _ = home.run(COLLECT).well();
    let undisturbed = finished(&home);
    let expected = read(&undisturbed);
    assert!(is_whole_safetensors(&expected));

    let home = Home::cold();
    let (mut kills, mut resumed) = (0, 0);
    // before there is anything, and anywhere in it
    for after in [0, 1, 2, 1, 3] {
        let (was_killed, said) = killed(&home, after);
        kills += usize::from(was_killed);
        resumed += usize::from(said.contains("of an earlier run"));
        for file in kept(&home, "safetensors").into_iter().chain(kept(&home, "progress")) {
            assert!(is_whole_safetensors(&read(&file)), "{} is half a file", file.display());
        }
    }
    assert!(kills > 1 && resumed > 0, "killed {kills} times, gone on {resumed} times");
    let _ = home.run(COLLECT).well();
    assert!(read(&finished(&home)) == expected, "the result depends on where it was cut off");
    assert_eq!(finished(&home).file_name(), undisturbed.file_name());
    let left = shown_files(&home.cache().join("second-moments"));
    assert_eq!(left, [finished(&home)], "something is left over");
}

#[test]
fn anew_they_take_the_place_of_those_that_are_kept() {
    let home = Home::cold();
    let _ = home.run(["stats", "collect"].into_iter().chain(SHORT)).well();
    let file = finished(&home);
    let expected = read(&file);
    // a state of a pass that was stopped is not gone on from, whatever it says
    std::fs::write(file.with_extension("progress"), "older").expect("written");
    let before = file.metadata().expect("the file").ino();
    let again = home.run(["stats", "collect"].into_iter().chain(SHORT)).well();
    assert!(!again.err.contains("collecting second moments of all layers"), "{}", again.err);
    assert_eq!(file.metadata().expect("the file").ino(), before);
    let anew = home.run(["stats", "collect", "--anew"].into_iter().chain(SHORT)).well();
    assert!(anew.err.contains("collecting second moments of all layers"), "{}", anew.err);
    assert_eq!(shown_files(&home.cache().join("second-moments")), std::slice::from_ref(&file));
    assert!(file.metadata().expect("the file").ino() != before && read(&file) == expected);
    assert_eq!(home.run(["stats", "collect", "--anew", "--keep-every", "3"]).code, Some(USAGE));
}

#[test]
fn interrupted_it_keeps_what_is_there_and_the_list_says_so() {
    let home = Home::cold();
    // the state is written only because of the interrupt
    let long = ["stats", "collect", "--corpus-tokens", "2000000", "--json"];
    let mut child = home.command(long).spawn().expect("the program starts");
    drop(child.stdin.take());
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    while !home.cache().join("built-in-model").is_dir() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no model is unpacked");
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_secs(3));
    send(Signal::INT, child.id());
    let ended = child.wait_with_output().expect("the end");
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("the same command resumes from there"), "{said}");
    let files = kept(&home, "progress");
    let [file] = &files[..] else { panic!("{files:?} after {said}") };
    assert!(is_whole_safetensors(&read(file)));
    assert!(home.run(["stats"]).well().out.contains("unfinished"));
    let listed = home.run(["stats", "show", "--json"]).well().out;
    let record: Value = serde_json::from_str(listed.lines().next().expect("a line")).expect(&listed);
    assert!(record["unfinished"].as_u64().is_some_and(|tokens| tokens > 0), "{record}");
}

#[test]
fn collected_checked_exported_and_imported() {
    let home = Home::cold();
    // text says before it starts how much there is to do, and how to have less
    let told = home.run(["stats", "collect"].into_iter().chain(SHORT)).well();
    for said in ["collecting second moments of all layers", "up to 3000 tokens", "--corpus-tokens", "3840"] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
    let file = finished(&home);
    let checked = report(&home, &["stats", "verify", SHORT[0], SHORT[1]]);
    assert_eq!(checked.file, file);
    assert_eq!((checked.layers.len(), checked.problems.len()), (12, 0));
    for layer in &checked.layers {
        let check = layer.check.as_ref().expect("a check");
        assert!(check.problems.is_empty() && check.asymmetry == 0.0, "{layer:?}");
        assert!(layer.deviation.is_some_and(|deviation| deviation < 1e-5), "{layer:?}");
        assert!(layer.tokens >= 3000 && layer.documents > 10, "{layer:?}");
    }
    // as published, and back
    let export = ["stats", "export", "text_stats", "--sample-size", "100000", SHORT[0], SHORT[1]];
    let written = report(&home, &export).written;
    assert_eq!(written.len(), 12);
    let name = "transformer.h.5.mlp.c_proj_float32_mom2_100000.npz";
    assert!(written.iter().any(|file| file.ends_with(name)), "{written:?}");
    let one = format!("text_stats/{name}");
    assert_eq!(report(&home, &["stats", "import", &one]).layers.len(), 1);
    // an edit of another layer says that they do not reach, one of that layer uses them
    let edit = |layer: &str| home.run(["edit", "--method", "rome", "--set", "steps=2", "--layers", layer]).well().err;
    assert!(edit("5").contains("using the second moments in"), "{}", edit("5"));
    let imported = report(&home, &["stats", "import", "text_stats"]);
    assert_eq!((imported.layers.len(), imported.corpus.as_str()), (12, "imported"));
    assert!(imported.layers.iter().all(|layer| layer.source.ends_with("_mom2_100000.npz")), "{imported:?}");
    assert!(edit("3").contains("using the second moments in"));
    let _ = home.run(["stats", "verify"]).well();
    let _ = home.run(["stats", "export", "x.safetensors", "--layers", "2-3"]).well();
    assert!(is_whole_safetensors(&read(&home.path("x.safetensors"))));
    let _ = home.run(["stats", "verify", "x.safetensors"]).well();
}

#[test]
fn a_file_of_another_model_or_a_damaged_one_is_told() {
    let home = Home::cold();
    let _ = home.run(["stats", "collect"].into_iter().chain(SHORT)).well();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/methods/gpt2_a");
    let (model, cov) = (golden.join("model"), golden.join("cov/second_moment.safetensors"));
    let file = finished(&home).display().to_string();
    let other = ["--model".to_owned(), model.display().to_string()];
    let verify: Vec<String> = ["stats", "verify", &file].into_iter().map(str::to_owned).chain(other.clone()).collect();
    let said = home.run(&verify).sentence(FAILED);
    assert!(said.contains("another model") && said.contains("--model"), "{said}");
    let cov = cov.display().to_string();
    assert!(home.run(["stats", "import", &cov]).sentence(FAILED).contains("keys have width 384"));
    let import: Vec<String> = ["stats", "import", &cov].into_iter().map(str::to_owned).chain(other).collect();
    let _ = home.run(&import).well();
    let bytes = read(Path::new(&file));
    std::fs::write(&file, &bytes[..bytes.len() - 9]).expect("cut short");
    assert!(home.run(["stats", "verify", &file]).sentence(FAILED).contains("not a complete file"));
    assert!(home.run(["stats"]).well().out.contains("damaged"));
    assert!(home.run(["stats", "verify"]).sentence(FAILED).contains("locus stats collect"));
    assert!(home.run(["stats", "import", "nowhere.npz", "--layer", "1"]).sentence(FAILED).contains("nowhere.npz"));
    assert!(home.run(["stats", "export", "a.npz"]).sentence(USAGE).contains("name a folder"));
    assert!(home.run(["stats", "collect", "--keep-every", "-1"]).code == Some(USAGE));
    let nowhere = home.run(["stats", "collect", "--corpus", "nowhere.parquet"]).sentence(FAILED);
    assert!(nowhere.contains("nowhere.parquet"), "{nowhere}");
}
