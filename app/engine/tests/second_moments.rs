//! Second moments: whatever the corpus lies in, wherever the pass is cut off, and to the published files and back.

mod support;

use locus_engine::model::Model;
use locus_engine::moments::{
    Collecting, Corpus, CorpusSettings, Precision, Progress, ProgressFile, SecondMoments, check, collect, describe,
    export, fingerprint, import,
};
use locus_engine::{Error, Result};
use npyz::npz::NpzArchive;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use support::numbers::Numbers;
use support::{cases, golden, tensors};
use tch::{Device, Kind, Tensor};

/// A trained model of the golden set, with the texts and the published second moments that belong to it.
struct Bench {
    folder: PathBuf,
    model: Model,
    texts: Vec<String>,
}

fn bench() -> Bench {
    tch::set_num_threads(1);
    let folder = cases(&golden().join("methods")).remove(0);
    let model = Model::load(&folder.join("model"), Device::Cpu, Kind::Float).expect("model");
    let about = support::json(&folder.join("cov/second_moment.json"));
    let texts = serde_json::from_value(about["docs"].clone()).expect("docs");
    Bench { folder, model, texts }
}

fn all(name: &str, text: &str) -> Corpus {
    Corpus::from_text(name, text, &CorpusSettings::default()).expect("corpus")
}

fn from_file(path: &Path, settings: &CorpusSettings) -> Result<Corpus> {
    Corpus::from_file(path, settings, &mut || Ok(()))
}

fn moments(model: &Model, corpus: &Corpus) -> SecondMoments {
    collect(model, corpus, &mut |_, _| Ok(())).expect("second moments")
}

fn same(model: &Model, a: &SecondMoments, b: &SecondMoments) {
    assert_eq!(a.tokens, b.tokens);
    for layer in 0..model.architecture.layers {
        assert_eq!(a.mean(layer).expect("read"), b.mean(layer).expect("read"), "layer {layer}");
    }
}

fn sentence(result: Result<impl std::fmt::Debug>) -> String {
    result.expect_err("it must be refused").to_string()
}

/// A Parquet file of three row groups with a number and a text that may be missing.
fn write_parquet(path: &Path, column: &str, texts: &[Option<&str>]) {
    let schema = format!("message corpus {{ required int64 id; optional binary {column} (UTF8); }}");
    let schema = Arc::new(parse_message_type(&schema).expect("schema"));
    let compression = parquet::basic::Compression::SNAPPY;
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(File::create(path).expect("file"), schema, properties).expect("writer");
    for part in texts.chunks(texts.len().div_ceil(3)) {
        let mut group = writer.next_row_group().expect("group");
        let mut ids = group.next_column().expect("column").expect("ids");
        let numbers: Vec<i64> = (0..part.len() as i64).collect();
        ids.typed::<Int64Type>().write_batch(&numbers, None, None).expect("ids");
        ids.close().expect("ids");
        let mut column = group.next_column().expect("column").expect("texts");
        let values: Vec<ByteArray> = part.iter().flatten().map(|text| ByteArray::from(*text)).collect();
        let levels: Vec<i16> = part.iter().map(|text| i16::from(text.is_some())).collect();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).expect("texts");
        column.close().expect("texts");
        group.close().expect("group");
    }
    writer.close().expect("close");
}

#[test]
fn lines_json_lines_and_parquet_hold_the_same_corpus() {
    let bench = bench();
    let folder = tempfile::tempdir().expect("folder");
    let texts: Vec<&str> = bench.texts.iter().map(String::as_str).collect();
    let expected = moments(&bench.model, &all("texts", &texts.join("\n")));

    let lines = folder.path().join("corpus.txt");
    std::fs::write(&lines, format!("\u{feff}{}\r\n\n", texts.join("\r\n \r\n"))).expect("file");
    let corpus = from_file(&lines, &CorpusSettings::default()).expect("lines");
    same(&bench.model, &moments(&bench.model, &corpus), &expected);

    let column = Some("body".to_owned());
    let settings = CorpusSettings { column, ..CorpusSettings::default() };
    let json = folder.path().join("corpus.jsonl");
    let record = |text: &&str| serde_json::json!({"id": 1, "body": text}).to_string();
    let records: Vec<String> = texts.iter().map(record).collect();
    std::fs::write(&json, records.join("\n") + "\n{\"body\": null}\n").expect("file");
    let corpus = from_file(&json, &settings).expect("JSON Lines");
    same(&bench.model, &moments(&bench.model, &corpus), &expected);

    let parquet = folder.path().join("corpus.parquet");
    let mut rows: Vec<Option<&str>> = texts.iter().copied().map(Some).collect();
    rows.insert(1, None);
    rows.push(Some(""));
    write_parquet(&parquet, "body", &rows);
    let corpus = from_file(&parquet, &settings).expect("Parquet");
    same(&bench.model, &moments(&bench.model, &corpus), &expected);
}

#[test]
fn the_published_sample_and_the_token_limit_choose_whole_documents() {
    let bench = bench();
    let folder = tempfile::tempdir().expect("folder");
    let ten = &bench.texts[..10];
    // the first four of Python's random.Random(1).shuffle of 0..9 are 6, 8, 9, 7
    let chosen: Vec<&str> = ten[6..10].iter().map(String::as_str).collect();
    let expected = moments(&bench.model, &all("texts", &chosen.join("\n")));
    let settings = CorpusSettings { sample: Some(4), ..CorpusSettings::default() };
    let corpus = Corpus::from_text("texts", &ten.join("\n"), &settings).expect("corpus");
    same(&bench.model, &moments(&bench.model, &corpus), &expected);
    let parquet = folder.path().join("ten.parquet");
    write_parquet(&parquet, "text", &ten.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
    same(&bench.model, &moments(&bench.model, &from_file(&parquet, &settings).expect("Parquet")), &expected);
    let described = expected.description.layers[&0].clone();
    assert_eq!(described.documents, 4);

    let first = bench.model.tokenizer.encode(&ten[0]).expect("ids").len();
    let settings = CorpusSettings { tokens: Some(first + 1), ..CorpusSettings::default() };
    let limited = Corpus::from_text("texts", &ten.join("\n"), &settings).expect("corpus");
    let two = moments(&bench.model, &all("texts", &ten[..2].join("\n")));
    same(&bench.model, &moments(&bench.model, &limited), &two);
    let whole = all("texts", &ten.join("\n"));
    let prints = [&corpus, &limited, &whole].map(|corpus| corpus.fingerprint.clone());
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
}

#[test]
fn a_bad_corpus_is_told_by_file_line_and_column() {
    let bench = bench();
    let folder = tempfile::tempdir().expect("folder");
    let refused = |name: &str, bytes: &[u8], column: Option<&str>| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("file");
        let settings = CorpusSettings { column: column.map(str::to_owned), ..CorpusSettings::default() };
        let said =
            sentence(from_file(&path, &settings).and_then(|corpus| collect(&bench.model, &corpus, &mut |_, _| Ok(()))));
        assert!(said.contains(name), "{said}");
        said
    };
    assert!(refused("empty.txt", b" \n\n", None).contains("contains no text"));
    assert!(refused("latin.txt", b"good\nM\xfcnchen\n", None).contains("line 2 is not UTF-8"));
    assert!(refused("lines.txt", b"good\n", Some("body")).contains("--corpus-column"));
    assert!(refused("a.jsonl", b"{\"text\": \"good\"}\n{\"text\": \n", None).contains("line 2: not a JSON object"));
    let said = refused("b.jsonl", b"{\"body\": \"good\", \"id\": 1}\n", None);
    assert!(said.contains("line 1: there is no field `text`") && said.contains("body, id"), "{said}");
    assert!(refused("c.jsonl", b"{\"text\": 3}\n", None).contains("field `text` is not a string"));
    assert!(refused("d.json", b"[{\"text\": \"good\"}]\n", None).contains("JSON Lines, one object per line"));
    assert!(refused("e.parquet", b"PAR1 is all there is", None).contains("not a complete Parquet file"));
    let parquet = folder.path().join("f.parquet");
    write_parquet(&parquet, "body", &[Some("good"), None]);
    let said = sentence(from_file(&parquet, &CorpusSettings::default()));
    assert!(said.contains("there is no column `text`") && said.contains("id, body"), "{said}");
    let settings = CorpusSettings { column: Some("id".to_owned()), ..CorpusSettings::default() };
    assert!(sentence(from_file(&parquet, &settings)).contains("column `id` does not contain"));
    let missing = from_file(&folder.path().join("nowhere.txt"), &CorpusSettings::default());
    assert!(sentence(missing).contains("cannot be read"));
}

#[test]
fn a_pass_that_is_cut_off_anywhere_gives_the_same_bits() {
    let bench = bench();
    // several chunks and many batches
    let text = bench.texts.join("\n").repeat(5);
    let corpus = all("texts", &text);
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("moments.safetensors");
    let layers = bench.model.architecture.layers;
    let mut heard = 0;
    let mut count = |_| {
        heard += 1;
        Ok(())
    };
    let undisturbed = Collecting::new(&bench.model, &corpus).run(&mut count).expect("moments");
    undisturbed.write(&file).expect("file");
    let expected = std::fs::read(&file).expect("file");
    let batches = heard / layers;
    assert!(batches > 18, "{batches} batches are not enough to be cut off in the second chunk");
    // in the middle of a batch, in one layer or another
    for every in [5 * layers + 1, 17 * layers + layers / 2] {
        let mut runs = 0;
        let mut last = 0;
        loop {
            runs += 1;
            let progress = ProgressFile::beside(&file).every(Duration::ZERO);
            let mut collecting = Collecting::new(&bench.model, &corpus);
            assert_eq!(progress.tokens(&collecting.description().expect("libtorch")), last);
            collecting.progress = Some(progress);
            let mut heard = 0;
            let result = collecting.run(&mut |Progress { done, total, before }| {
                assert_eq!(before, last);
                assert!(done <= total, "{done} of {total}");
                heard += 1;
                if heard > every { Err(Error::Cancelled) } else { Ok(()) }
            });
            last = collecting.progress.as_ref().expect("progress").tokens(&collecting.description().expect("libtorch"));
            match result {
                Ok(moments) => {
                    moments.write(&file).expect("file");
                    assert!(std::fs::read(&file).expect("file") == expected, "cut off every {every}");
                    collecting.progress.as_ref().expect("progress").remove();
                    break;
                }
                Err(Error::Cancelled) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(runs > 1);
    }
    // what is left of another corpus, and half a file, are not gone on from
    let other = all("texts", &bench.texts.join("\n"));
    let mut collecting = Collecting::new(&bench.model, &other);
    collecting.progress = Some(ProgressFile::beside(&file).every(Duration::ZERO));
    let mut heard = 0;
    let stopped = collecting.run(&mut |_| {
        heard += 1;
        if heard > layers { Err(Error::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let kept = file.with_extension("progress");
    for cut in [false, true] {
        if cut {
            let bytes = std::fs::read(&kept).expect("file");
            std::fs::write(&kept, &bytes[..bytes.len() - 5]).expect("file");
        }
        let mut collecting = Collecting::new(&bench.model, &corpus);
        collecting.progress = Some(ProgressFile::beside(&file));
        same(
            &bench.model,
            &collecting
                .run(&mut |progress| {
                    assert_eq!(progress.before, 0);
                    Ok(())
                })
                .expect("moments"),
            &undisturbed,
        );
    }
}

#[test]
fn float32_sums_are_checked_against_float64() {
    let bench = bench();
    let corpus = all("texts", &bench.texts.join("\n"));
    let narrow = moments(&bench.model, &corpus);
    let mut collecting = Collecting::new(&bench.model, &corpus);
    collecting.precision = Precision::Float64;
    let wide = collecting.run(&mut |_| Ok(())).expect("moments");
    assert_ne!(narrow.description.corpus, wide.description.corpus, "they are kept apart");
    for layer in 0..bench.model.architecture.layers {
        let (a, b) =
            (narrow.mean(layer).expect("read").expect("layer"), wide.mean(layer).expect("read").expect("layer"));
        assert_eq!((a.kind(), b.kind()), (Kind::Float, Kind::Double));
        let real = ((a.to_kind(Kind::Double) - b).norm() / b.norm()).double_value(&[]);
        let told = narrow.deviation(layer).expect("libtorch").expect("deviation");
        assert!(real < 1e-6 && told < 1e-6 && told > 0.0, "layer {layer}: {real:e}, told {told:e}");
        assert!(wide.deviation(layer).expect("libtorch").expect("deviation") < 1e-14);
    }
    // a sum that went wrong is found
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("moments.safetensors");
    narrow.write(&file).expect("file");
    let mut spoilt = Tensor::read_safetensors(&file).expect("tensors");
    for (name, tensor) in &mut spoilt {
        if name == "layer0.mom2" {
            *tensor = &*tensor * 1.01;
        }
    }
    Tensor::write_safetensors(&spoilt, &file).expect("file");
    let read = SecondMoments::read(&file, Device::Cpu).expect("moments");
    let found = check(&read, 0, bench.model.architecture.inner).expect("check");
    assert!(found.problems.iter().any(|problem| problem.contains("deviate")), "{found:?}");
    assert!(check(&read, 1, bench.model.architecture.inner).expect("check").problems.is_empty());
}

#[test]
fn a_check_finds_the_published_spectrum_and_what_is_wrong() {
    let bench = bench();
    let about = support::json(&bench.folder.join("cov/second_moment.json"));
    let golden = tensors(&bench.folder.join("cov/second_moment.safetensors"));
    let mut compared = 0;
    for (layer, expected) in about["layers"].as_object().expect("layers") {
        let layer: usize = layer.parse().expect("layer");
        let mean = golden[&format!("layer{layer}.mom2")].shallow_clone();
        let inner = mean.size()[0];
        let moments = SecondMoments::from_means(BTreeMap::from([(layer, mean)]), 1).expect("moments");
        let found = check(&moments, layer, inner).expect("check");
        assert_eq!(found.problems, Vec::<String>::new());
        let near = |ours: f64, field: &str| (ours / expected[field].as_f64().expect("number") - 1.0).abs();
        assert!(near(found.smallest.expect("definite"), "eig_min") < 1e-3);
        assert!(near(found.largest, "eig_max") < 1e-5);
        assert!(near(found.condition().expect("condition"), "cond") < 1e-3);
        compared += 1;
    }
    assert!(compared > 0);
    let wrong = |mean: Tensor, inner: i64| {
        let moments = SecondMoments::from_means(BTreeMap::from([(0, mean)]), 1).expect("moments");
        check(&moments, 0, inner).expect("check").problems.join("; ")
    };
    let identity = Tensor::eye(6, (Kind::Float, Device::Cpu));
    assert_eq!(wrong(identity.shallow_clone(), 6), "");
    assert!(wrong(identity.shallow_clone(), 8).contains("another model"));
    assert!(wrong(-&identity, 6).contains("not positive semi-definite"));
    assert!(wrong(&identity + identity.roll([1], [0]) * 0.1, 6).contains("not symmetric"));
}

#[test]
fn dead_keys_and_few_tokens_never_make_a_singular_matrix() {
    let mut random = Numbers::new(9);
    let keys = random.normal(&[400, 96]);
    // half of the keys never fire
    let dead = keys.copy();
    let _ = dead.narrow(1, 48, 48).zero_();
    // fewer tokens than keys
    let few = keys.narrow(0, 0, 20);
    let nothing = Tensor::zeros([3, 96], (Kind::Float, Device::Cpu));
    for (keys, zeros, singular) in [(&keys, 0, false), (&dead, 48, true), (&few, 0, true), (&nothing, 96, true)] {
        let mean = keys.tr().matmul(keys) / keys.size()[0] as f64;
        let moments = SecondMoments::from_means(BTreeMap::from([(0, mean.shallow_clone())]), 1).expect("moments");
        assert_eq!(moments.dead_keys(0).expect("libtorch"), zeros);
        let right = random.wide(&[2, 96]);
        let solved = moments.solve(0, &right).expect("solve");
        assert_eq!(solved.kind(), Kind::Double, "what comes in float64 stays in float64");
        assert_eq!(moments.ridge(0) > 0.0, singular, "{}", moments.ridge(0));
        let ridged = mean.to_kind(Kind::Double) + Tensor::eye(96, (Kind::Double, Device::Cpu)) * moments.ridge(0);
        let off = ((solved.matmul(&ridged) - &right).norm() / right.norm()).double_value(&[]);
        assert!(off < 1e-6, "{off:e}");
        let found = check(&moments, 0, 96).expect("check");
        assert_eq!((found.dead_keys, found.problems.len()), (zeros, 0), "{found:?}");
        assert_eq!(found.smallest.is_none(), keys.size()[0] < 96);
    }
}

#[test]
fn published_files_are_read_and_written() {
    let bench = bench();
    let model = &bench.model;
    let corpus = all("texts", &bench.texts.join("\n"));
    let ours = moments(model, &corpus);
    let folder = tempfile::tempdir().expect("folder");
    let stats = folder.path().join("texts_stats");
    let layers: Vec<usize> = ours.layers().collect();
    let written = export(&ours, model, &layers, &stats, None).expect("export");
    let module = model.architecture.blocks[1].down().expect("one MLP");
    let documents = bench.texts.len();
    assert!(written[1].ends_with(format!("{module}_float32_mom2_{documents}.npz")), "{:?}", written[1]);
    let mut archive = NpzArchive::open(&written[1]).expect("archive");
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let text = archive.by_name("mom2.constructor").expect("entry").expect("entry").into_vec::<String>().expect("text");
    assert_eq!(text, ["util.runningstats.SecondMoment()"]);
    let count = archive.by_name("mom2.count").expect("entry").expect("entry").into_vec::<i64>().expect("count");
    assert_eq!(count, [ours.tokens as i64]);

    let back = import(model, &stats, None).expect("import");
    assert_eq!(
        (back.description.corpus.as_str(), back.description.model.clone()),
        ("imported", fingerprint(model).expect("libtorch"))
    );
    for layer in 0..model.architecture.layers {
        let (a, b) = (ours.mean(layer).expect("read").expect("layer"), back.mean(layer).expect("read").expect("layer"));
        assert!(((a - b).norm() / a.norm()).double_value(&[]) < 1e-6);
        assert_eq!(back.description.layers[&layer].tokens, ours.tokens);
        assert_eq!(back.description.layers[&layer].documents, documents as u64);
    }
    // one file, for the layer that is said
    let one = import(model, &written[0], Some(1)).expect("import");
    assert_eq!(one.layers().collect::<Vec<_>>(), [1]);
    let merged = one.overlaid_by(&import(model, &written[0], None).expect("import")).expect("merged");
    assert_eq!(merged.layers().collect::<Vec<_>>(), [0, 1]);
    let plain = stats.join("1_float32_mom2.npz");
    std::fs::copy(&written[1], &plain).expect("copy");
    assert_eq!(import(model, &plain, None).expect("import").layers().collect::<Vec<_>>(), [1]);
    assert!(sentence(import(model, &stats, None)).contains("both for layer 1"));

    // as a safetensors file
    let file = folder.path().join("moments.safetensors");
    ours.only(&[1]).expect("layer").write(&file).expect("file");
    assert_eq!(describe(&file).expect("file").expect("ours").model, fingerprint(model).expect("libtorch"));
    let back = import(model, &file, None).expect("import");
    assert_eq!(back.mean(1).expect("read"), ours.mean(1).expect("read"));
    let golden = import(model, &bench.folder.join("cov/second_moment.safetensors"), None).expect("golden");
    assert!(golden.layers().count() > 0);

    // and what is refused
    let odd = folder.path().join("odd.npz");
    std::fs::copy(&written[0], &odd).expect("copy");
    assert!(sentence(import(model, &odd, None)).contains("--layer N"));
    assert!(sentence(import(model, &odd, Some(99))).contains("there is no layer 99"));
    let bytes = std::fs::read(&odd).expect("file");
    std::fs::write(&odd, &bytes[..bytes.len() / 2]).expect("file");
    assert!(sentence(import(model, &odd, Some(0))).contains("not a complete .npz file"));
    let mut writer = npyz::npz::NpzWriter::create(&odd).expect("file");
    {
        use npyz::WriterBuilder;
        let mut entry = writer
            .array::<i64>("mom2.count", Default::default())
            .expect("entry")
            .default_dtype()
            .shape(&[])
            .begin_nd()
            .expect("entry");
        entry.push(&7).expect("entry");
        entry.finish().expect("entry");
    }
    drop(writer);
    assert!(sentence(import(model, &odd, Some(0))).contains("no entry `mom2.mom2`"));
}
