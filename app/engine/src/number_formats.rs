//! Number formats as files, libtorch and sentences call them.

use safetensors::Dtype;
use tch::Kind;

/// Those that libtorch converts from.
const BOTH: [(Dtype, Kind); 10] = [
    (Dtype::BOOL, Kind::Bool),
    (Dtype::U8, Kind::Uint8),
    (Dtype::I8, Kind::Int8),
    (Dtype::I16, Kind::Int16),
    (Dtype::I32, Kind::Int),
    (Dtype::I64, Kind::Int64),
    (Dtype::F16, Kind::Half),
    (Dtype::BF16, Kind::BFloat16),
    (Dtype::F32, Kind::Float),
    (Dtype::F64, Kind::Double),
];

/// libtorch's name of a file's number format; `None` for one that it cannot convert from.
pub fn kind_of(dtype: Dtype) -> Option<Kind> {
    BOTH.iter().find(|(known, _)| *known == dtype).map(|(_, kind)| *kind)
}

/// A file's name of libtorch's number format; `None` for one that files do not hold.
pub fn dtype_of(kind: Kind) -> Option<Dtype> {
    BOTH.iter().find(|(_, known)| *known == kind).map(|(dtype, _)| *dtype)
}

/// Whether a number format is one of weights.
pub fn is_floating(kind: Kind) -> bool {
    matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double)
}

/// Name of a dtype: `float32`, `bfloat16`, ...
#[must_use]
pub fn number_format(kind: Kind) -> &'static str {
    match kind {
        Kind::Double => "float64",
        Kind::Float => "float32",
        Kind::BFloat16 => "bfloat16",
        Kind::Half => "float16",
        _ => "no floating-point numbers",
    }
}
