//! Lets this package find libtorch at run time without an environment variable, and compiles what asks libtorch for
//! settings that it tells C++ only.

mod rpath {
    include!("../../xtask/rpath.rs");

    pub fn tell() {
        main();
    }
}

include!("../../xtask/libtorch_cpp.rs");

fn main() {
    rpath::tell();
    compile(&["src/cpp/thread_state.cpp", "src/cpp/tensor.cpp"], "locus_thread_state");
}
