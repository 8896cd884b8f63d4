//! Lets this package find libtorch at run time without an environment variable, and compiles what asks libtorch for
//! settings that it tells C++ only.

use std::path::{Path, PathBuf};

mod rpath {
    include!("../../xtask/rpath.rs");

    pub fn tell() {
        main();
    }
}

fn main() {
    rpath::tell();
    for file in ["src/cpp/thread_state.cpp", "src/cpp/tensor.cpp"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let include = include();
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .define("_GLIBCXX_USE_CXX11_ABI", &*abi)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .warnings(false)
        .files(["src/cpp/thread_state.cpp", "src/cpp/tensor.cpp"])
        .compile("locus_thread_state");
}

/// The headers of the libtorch that torch-sys was built with.
fn include() -> PathBuf {
    let beside = |lib: String| Path::new(&lib).parent().unwrap_or(Path::new("/")).join("include");
    let given = std::env::var("LIBTORCH_INCLUDE").map(|root| Path::new(&root).join("include"));
    given.or_else(|_| std::env::var("DEP_TCH_LIBTORCH_LIB").map(beside)).unwrap_or_else(|_| PathBuf::from("include"))
}
