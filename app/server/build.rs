//! Lets this package find libtorch at run time without an environment variable.

include!("../../xtask/rpath.rs");
