// Included by the build scripts of all packages whose binaries or tests run libtorch:
// lets the loader find it without an environment variable. RUNPATH, so that
// LD_LIBRARY_PATH still wins.
fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/torch/lib");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
