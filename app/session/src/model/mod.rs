//! The model that is loaded, and what belongs to it.

pub mod device;
pub mod facts;
pub mod loaded;
pub mod rows;
