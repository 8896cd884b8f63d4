// Included by the build scripts of packages with C++ that uses libtorch.

/// Compiles `files` into the static library `name`.
fn compile(files: &[&str], name: &str) {
    for file in files {
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
        .files(files)
        .compile(name);
}

/// The headers of the libtorch that torch-sys was built with.
fn include() -> std::path::PathBuf {
    use std::path::Path;
    let beside = |lib: String| Path::new(&lib).parent().unwrap_or(Path::new("/")).join("include");
    let given = std::env::var("LIBTORCH_INCLUDE").map(|root| Path::new(&root).join("include"));
    given.or_else(|_| std::env::var("DEP_TCH_LIBTORCH_LIB").map(beside)).unwrap_or_else(|_| "include".into())
}
