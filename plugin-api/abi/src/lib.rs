//! The binary contract.
