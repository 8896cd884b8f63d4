//! Lets this package find libtorch at run time without an environment variable, and notes what a plugin built
//! with it needs: the target, the compiler, the version of libtorch.

use std::path::Path;
use std::process::Command;

mod rpath {
    include!("../xtask/rpath.rs");

    pub fn set() {
        main();
    }
}

fn main() {
    rpath::set();
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo:rustc-env=LOCUS_TARGET={}", variable("TARGET"));
    println!("cargo:rustc-env=LOCUS_COMPILER={}", compiler(&variable("RUSTC")));
    println!("cargo:rustc-env=LOCUS_TORCH={}", torch(Path::new(&variable("DEP_TCH_LIBTORCH_LIB"))));
    println!("cargo:rerun-if-changed=build.rs");
}

fn compiler(rustc: &str) -> String {
    let output = Command::new(rustc).arg("--version").output().expect("rustc tells its version");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `TORCH_ABI_VERSION` of libtorch's headers: a byte each for major, minor and patch, then the tag.
fn torch(library: &Path) -> u64 {
    let header = library.join("../include/torch/headeronly/version.h");
    println!("cargo:rerun-if-changed={}", header.display());
    let text = std::fs::read_to_string(&header)
        .unwrap_or_else(|error| panic!("cannot read libtorch's version from {}: {error}", header.display()));
    let number = |name: &str| -> u64 {
        let definition = format!("#define TORCH_VERSION_{name} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&definition)?.trim().parse().ok())
            .unwrap_or_else(|| panic!("{} does not define TORCH_VERSION_{name}", header.display()))
    };
    number("MAJOR") << 56 | number("MINOR") << 48 | number("PATCH") << 40 | number("ABI_TAG")
}
