//! What is written from the tables says what they say: `include/locus_plugin.h`, which C and C++ compilers read, and the
//! services of docs/plugins.md. `LOCUS_WRITE=1` writes both anew.

use locus_plugin::services::{names_in_c, reference};
use std::path::{Path, PathBuf};
use std::process::Command;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Demands that `file` is what was `written`.
fn assert_written(file: PathBuf, written: &str) {
    if std::env::var_os("LOCUS_WRITE").is_some() {
        std::fs::write(&file, written).expect("written");
    }
    let kept = std::fs::read_to_string(&file).expect("the file");
    assert!(kept == written, "{} is out of date: run this test with LOCUS_WRITE=1", file.display());
}

#[test]
fn the_header_is_the_one_that_the_tables_give() {
    let abi = package().join("abi");
    let mut config = cbindgen::Config::from_file(abi.join("cbindgen.toml")).expect("cbindgen.toml");
    let declared = config.after_includes.unwrap_or_default();
    config.after_includes = Some(format!("{}\n\n{}", declared.trim_end(), names_in_c().trim_end()));
    let sources = ["lib", "stamp", "data", "host", "plugin"].map(|name| abi.join(format!("src/{name}.rs")));
    let builder = sources.iter().fold(cbindgen::Builder::new(), cbindgen::Builder::with_src);
    let mut written = Vec::new();
    builder.with_config(config).generate().expect("the header").write(&mut written);
    assert_written(package().join("include/locus_plugin.h"), &String::from_utf8(written).expect("text"));
}

#[test]
fn the_manual_lists_the_services_that_there_are() {
    let file = package().join("../docs/plugins.md");
    let text = std::fs::read_to_string(&file).expect("the manual");
    let head = "| service | JSON in | tensors in | JSON out | tensors out |\n| --- | --- | --- | --- | --- |\n";
    let (before, table) = text.split_once(head).expect("the head of the table");
    let (_, after) = table.split_once("\n\n").expect("the end of the table");
    assert_written(file, &format!("{before}{head}{}\n{after}", reference()));
}

#[test]
fn c99_and_cxx17_compilers_read_the_header() {
    let folder = tempfile::tempdir().expect("folder");
    let program = r#"
        #include "locus_plugin.h"
        #include "locus_plugin.h"
        LOCUS_STAMP("example 1.0");
        typedef char stamp_has_256_bytes[sizeof(struct LocusStamp) == 256 ? 1 : -1];
        typedef char host_has_112_bytes[sizeof(struct LocusHost) == 112 ? 1 : -1];
        typedef char json_str_lies_at_104[offsetof(struct LocusHost, json_str) == 104 ? 1 : -1];
        typedef char loss_lies_at_40[offsetof(struct LocusObjective, loss) == 40 ? 1 : -1];
        int32_t locus_plugin_entry_v2(const struct LocusHost *host, const struct LocusPlugin **plugin,
                                      struct LocusBytes *error) {
            (void)plugin;
            host->bytes_new(locus_str("not " LOCUS_SERVICE_OBJECTIVE_LOSS), error);
            return LOCUS_STATUS_FAILED;
        }
    "#;
    for (compiler, standard, name) in [("cc", "-std=c99", "example.c"), ("c++", "-std=c++17", "example.cc")] {
        let source = folder.path().join(name);
        std::fs::write(&source, program).expect("written");
        let mut command = Command::new(compiler);
        command.args([standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "-o"]);
        command.arg(folder.path().join("example.o")).arg("-I").arg(package().join("include")).arg(&source);
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {compiler}: {error}"));
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
