//! `include/locus_plugin.h` says what the tables say, and C and C++ compilers read it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> PathBuf {
    package().join("../include/locus_plugin.h")
}

#[test]
fn the_header_is_the_one_that_cbindgen_writes() {
    let config = cbindgen::Config::from_file(package().join("cbindgen.toml")).expect("cbindgen.toml");
    let sources = ["lib", "stamp", "data", "host", "plugin"].map(|name| package().join(format!("src/{name}.rs")));
    let builder = sources.iter().fold(cbindgen::Builder::new(), cbindgen::Builder::with_src);
    let mut written = Vec::new();
    builder.with_config(config).generate().expect("the header").write(&mut written);
    let written = String::from_utf8(written).expect("text");
    if std::env::var_os("LOCUS_WRITE_HEADER").is_some() {
        std::fs::write(header(), &written).expect("written");
    }
    let kept = std::fs::read_to_string(header()).expect("include/locus_plugin.h");
    assert!(kept == written, "include/locus_plugin.h is out of date: run this test with LOCUS_WRITE_HEADER=1");
}

#[test]
fn c99_and_cxx17_compilers_read_the_header() {
    let folder = tempfile::tempdir().expect("folder");
    let program = r#"
        #include "locus_plugin.h"
        LOCUS_STAMP("example 1.0");
        typedef char stamp_has_256_bytes[sizeof(struct LocusStamp) == 256 ? 1 : -1];
        typedef char host_has_112_bytes[sizeof(struct LocusHost) == 112 ? 1 : -1];
        typedef char json_str_lies_at_104[offsetof(struct LocusHost, json_str) == 104 ? 1 : -1];
        typedef char loss_lies_at_40[offsetof(struct LocusObjective, loss) == 40 ? 1 : -1];
        int32_t locus_plugin_entry_v1(const struct LocusHost *host, const struct LocusPlugin **plugin,
                                      struct LocusBytes *error) {
            (void)plugin;
            host->bytes_new(locus_str("not today"), error);
            return LOCUS_STATUS_FAILED;
        }
    "#;
    for (compiler, standard, name) in [("cc", "-std=c99", "example.c"), ("c++", "-std=c++17", "example.cc")] {
        let source = folder.path().join(name);
        std::fs::write(&source, program).expect("written");
        let mut command = Command::new(compiler);
        command.args([standard, "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "-o"]);
        command.arg(folder.path().join("example.o")).arg("-I").arg(package().join("../include")).arg(&source);
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {compiler}: {error}"));
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
