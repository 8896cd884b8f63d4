//! What localizers of one fact share: the clean and the corrupted run.

use crate::error::Result;
use crate::trace::Runs;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Runs of one fact by what they depend on.
#[derive(Default)]
pub struct Shared {
    runs: RefCell<HashMap<String, Rc<Runs>>>,
}

impl Shared {
    /// The runs under this name, made where they are not there.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn runs(&self, name: &str, make: impl FnOnce() -> Result<Runs>) -> Result<Rc<Runs>> {
        if let Some(runs) = self.runs.borrow().get(name) {
            return Ok(runs.clone());
        }
        let made = Rc::new(make()?);
        self.runs.borrow_mut().insert(name.to_owned(), made.clone());
        Ok(made)
    }
}
