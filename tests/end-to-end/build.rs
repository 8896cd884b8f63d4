//! Lets the tests that run a session of their own find libtorch without an environment variable.

include!("../../xtask/rpath.rs");
