//! Lets the campaigns that read files in their own process find libtorch without an environment variable.

include!("../../xtask/rpath.rs");
