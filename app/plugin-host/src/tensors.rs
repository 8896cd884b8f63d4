//! Tensors that come from a plugin, looked at before anything is computed with them.
#![allow(unsafe_code)]

use locus_plugin::{Error, Result};
use std::ffi::{CStr, c_char, c_void};
use tch::{Kind, Tensor};

unsafe extern "C" {
    fn locus_tensor_oddity(tensor: *const c_void) -> *const c_char;
}

/// What is odd about a tensor, if anything is.
fn oddity(tensor: &Tensor) -> Option<&'static str> {
    // SAFETY: the handle is a tensor of libtorch on the heap; the text lives as long as the process.
    let text = unsafe {
        let text = locus_tensor_oddity(tensor.as_ptr().cast());
        if text.is_null() { None } else { Some(CStr::from_ptr(text)) }
    };
    text.map(|text| text.to_str().unwrap_or("is odd"))
}

/// Dense tensors of real numbers that are in memory; `whose` names them.
///
/// # Errors
/// [`Error::Failed`] with what is odd about the first that is none.
pub(crate) fn plain(tensors: &[Tensor], whose: &str) -> Result<()> {
    for (index, tensor) in tensors.iter().enumerate() {
        if let Some(oddity) = oddity(tensor) {
            let number = if tensors.len() == 1 { String::new() } else { format!(" {index}") };
            return Err(Error::Failed(format!("tensor{number} {whose} {oddity}; pass a dense tensor of real numbers")));
        }
    }
    Ok(())
}

/// The same of floating-point numbers.
///
/// # Errors
/// Those of [`plain`]; a tensor of whole numbers.
pub(crate) fn floating(tensors: &[Tensor], whose: &str) -> Result<()> {
    plain(tensors, whose)?;
    let is_floating =
        |tensor: &&Tensor| matches!(tensor.f_kind(), Ok(Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16));
    match tensors.iter().find(|tensor| !is_floating(tensor)) {
        Some(tensor) => Err(Error::Failed(format!(
            "a tensor {whose} holds {:?}, not floating-point numbers of float16, bfloat16, float32 or float64",
            tensor.f_kind()?
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{floating, plain};
    use tch::{Device, Kind, Tensor};

    fn said<E: std::fmt::Debug>(tensor: Result<Tensor, E>) -> String {
        floating(&[tensor.expect("a tensor")], "of it").expect_err("odd").to_string()
    }

    #[test]
    fn what_no_number_can_be_read_from_is_refused() {
        let dense = || Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
        assert!(plain(&[dense(), dense().to_kind(Kind::Int64)], "of it").is_ok());
        assert!(floating(&[dense(), dense().tr(), dense().expand([4, 2, 3], false)], "of it").is_ok());
        assert!(said::<()>(Ok(Tensor::new())).contains("is missing"));
        assert!(said(dense().f_to_sparse(None, None::<i64>, 0)).contains("is sparse"));
        assert!(said(dense().f_to_sparse_csr(None)).contains("is sparse"));
        assert!(said(dense().f_to_mkldnn(None)).contains("is sparse or of another layout"));
        assert!(said(dense().f_quantize_per_tensor(0.1, 0, Kind::QInt8)).contains("is quantized"));
        assert!(said(dense().f_to_kind(Kind::ComplexFloat)).contains("complex"));
        assert!(said(dense().f_to_kind(Kind::Int64)).contains("holds Int64"));
        assert!(said(dense().f_to_kind(Kind::Bool)).contains("holds Bool"));
    }
}
