//! Lets this package find libtorch at run time without an environment variable, and notes what new plugins are built
//! with: the libtorch and the folder of cargo that the engine is built with.

use std::path::{Path, PathBuf};

mod rpath {
    include!("../../xtask/rpath.rs");

    pub fn set() {
        main();
    }
}

fn main() {
    rpath::set();
    println!("cargo:rustc-env=LOCUS_BUILT_WITH_LIBTORCH={}", libtorch().display());
    println!("cargo:rustc-env=LOCUS_BUILT_IN={}", build_dir().display());
    println!("cargo:rerun-if-changed=build.rs");
}

/// The folder with `include` and `lib`, in the words it was named by: cargo compares them.
fn libtorch() -> PathBuf {
    let of_library = || Some(Path::new(&std::env::var_os("DEP_TCH_LIBTORCH_LIB")?).parent()?.to_owned());
    std::env::var_os("LIBTORCH").map(PathBuf::from).or_else(of_library).unwrap_or_default()
}

/// `target`, above `release/build/locus-session-.../out`.
fn build_dir() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    out.ancestors().nth(4).map(Path::to_owned).unwrap_or_default()
}
