//! Real libraries behind the boundary: what they do right, what they do wrong, and which are refused.

mod c;
mod c_plugin;
mod documentation;
mod hostile;
mod loaded_is_linked;
mod refusals;
mod reload;
mod shipped;
mod support;
