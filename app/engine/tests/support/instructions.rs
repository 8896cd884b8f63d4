//! Which processor instructions the tests of golden numbers compute with.
//!
//! What libtorch, MKL and the C library compute differs by the last bits from processor to processor, so the golden
//! numbers are compared in the reproducible mode, which is the same on all of them. `cargo xtask test` compares them
//! with two other choices as well: `LOCUS_INSTRUCTIONS` is `same-everywhere` (as without it), `avx2` or `own`.

use locus_engine::reproducible;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Once;

/// Set once the process runs with what it was told.
const SETTLED: &str = "LOCUS_INSTRUCTIONS_SETTLED";

/// Has this process compute by the instructions that were asked for. They are chosen when a process starts: it becomes
/// the same one with another environment, and all tests of the file begin again. So it comes before a test computes.
pub fn settle() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let asked = std::env::var("LOCUS_INSTRUCTIONS").unwrap_or_else(|_| "same-everywhere".to_owned());
        if std::env::var(SETTLED).as_deref() == Ok(&asked) {
            return;
        }
        let mut again = Command::new(std::env::current_exe().expect("the test's own path"));
        again.args(std::env::args_os().skip(1)).env(SETTLED, &asked);
        match asked.as_str() {
            "same-everywhere" => reproducible::prepare(&mut again),
            "avx2" if std::is_x86_feature_detected!("avx2") => {
                for (name, value) in [("MKL_ENABLE_INSTRUCTIONS", "AVX2"), ("ATEN_CPU_CAPABILITY", "avx2")] {
                    again.env(name, value);
                }
                again.env("ONEDNN_MAX_CPU_ISA", "AVX2");
            }
            "avx2" => println!("this processor has no AVX2; its own instructions are used"),
            "own" => {}
            other => panic!("LOCUS_INSTRUCTIONS={other}: it is same-everywhere, avx2 or own"),
        }
        panic!("the test cannot be started again: {}", again.exec());
    });
}
