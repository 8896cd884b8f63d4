//! Makes the engine's tests find libtorch without an environment variable.

include!("../../xtask/rpath.rs");
