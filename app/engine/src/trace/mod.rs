//! Causal tracing.
