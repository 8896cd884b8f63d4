//! Arithmetic that gives the same bits on every x86-64 processor.
//!
//! libtorch, MKL, oneDNN and the C library each choose code by the processor, and another order of summation or a
//! fused product is another last bit. All of them take the choice from the environment, each once, at the latest at
//! its first use: the process has to be started with it.

use std::ffi::OsStr;
use std::process::Command;

/// What keeps each library to code that every x86-64 processor has, and GPUs to one order of summation.
pub const ENVIRONMENT: [(&str, &str); 8] = [
    // products and factorizations: one code path, whatever the processor and its maker
    ("MKL_CBWR", "COMPATIBLE"),
    // libtorch's own kernels
    ("ATEN_CPU_CAPABILITY", "default"),
    ("ONEDNN_MAX_CPU_ISA", "SSE41"),
    // exponentials and logarithms of the C library; the second half is what it called them before 2.33
    ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX_Usable,-AVX2_Usable,-FMA_Usable,-FMA4_Usable"),
    // sums are split by threads
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    ("NVIDIA_TF32_OVERRIDE", "0"),
];

/// What would undo a part of [`ENVIRONMENT`].
const IN_THE_WAY: [&str; 6] = [
    "MKL_ENABLE_INSTRUCTIONS",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "MKL_DEBUG_CPU_TYPE",
];

/// Whether this process was started so that it computes the same bits everywhere.
#[must_use]
pub fn is_on() -> bool {
    let is_set = |(name, value): &(&str, &str)| std::env::var_os(name).as_deref() == Some(OsStr::new(value));
    ENVIRONMENT.iter().all(is_set) && IN_THE_WAY.iter().all(|name| std::env::var_os(name).is_none())
}

/// Has a program that is to be started compute the same bits everywhere.
pub fn prepare(command: &mut Command) {
    for name in IN_THE_WAY {
        command.env_remove(name);
    }
    command.envs(ENVIRONMENT);
}

#[cfg(test)]
mod tests {
    use super::{ENVIRONMENT, IN_THE_WAY, prepare};
    use std::process::Command;

    #[test]
    fn what_is_in_the_way_is_taken_out_and_the_rest_is_left() {
        let mut command = Command::new("program");
        command.env("HOME", "/home").env(IN_THE_WAY[0], "AVX2");
        prepare(&mut command);
        let variables: Vec<_> = command.get_envs().collect();
        assert!(variables.contains(&(IN_THE_WAY[0].as_ref(), None)), "{variables:?}");
        assert!(variables.contains(&("HOME".as_ref(), Some("/home".as_ref()))), "{variables:?}");
        for (name, value) in ENVIRONMENT {
            assert!(variables.contains(&(name.as_ref(), Some(value.as_ref()))), "{name}");
        }
    }
}
