//! The host as a plugin sees it, behind its table.
#![allow(unsafe_code)]

use super::abi::{
    LEVEL_INFO, LEVEL_WARNING, LocusBytes, LocusContext, LocusHost, LocusReply, LocusStr, Unusable, View, field,
};
use super::transfer::{collect, handles};
use crate::call::{Answer, Arguments};
use crate::error::{Error, Result};
use crate::host::Level;
use crate::services::Host;

/// A host behind its table, for the time of one call.
pub(super) struct RemoteHost {
    table: View<LocusHost>,
    context: *mut LocusContext,
}

impl RemoteHost {
    /// The host of a call.
    ///
    /// # Safety
    /// `table` and `context` are those of a call into this plugin, and it has not returned while this is there.
    pub(super) unsafe fn of(table: *const LocusHost, context: *mut LocusContext) -> Result<Self> {
        // SAFETY: the table of a host lives as long as the process and never changes; its size is the host's to say.
        let table = unsafe { View::of(table) };
        let unusable = |reason: Unusable| Error::Request(format!("called by a host whose table {reason}"));
        Ok(Self { table: table.map_err(unusable)?, context })
    }
}

fn lacks(function: &str) -> Error {
    Error::Unsupported(format!("the function `{function}`, which the host's table lacks"))
}

impl Host for RemoteHost {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        let call = field!(self.table, LocusHost, call).flatten().ok_or_else(|| lacks("call"))?;
        let lent = handles(arguments.tensors);
        let (service, json) = (LocusStr::new(service), LocusStr::new(arguments.json()));
        let (mut reply, mut error) = (LocusReply::empty(), LocusBytes::empty());
        // SAFETY: the function is the host's own, and the context that of a call which has not returned (`of`). The two
        // texts, the handles in `lent` and the tensors behind them are borrowed until after this call; reply and error are
        // empty and this function's own.
        let status =
            unsafe { call(self.context, service, json, lent.as_ptr(), lent.len(), &raw mut reply, &raw mut error) };
        // SAFETY: the host has filled both or left them empty, and gave away what it put there.
        unsafe { collect(status, reply, error) }
    }

    fn log(&self, level: Level, text: &str) {
        let level = match level {
            Level::Info => LEVEL_INFO,
            Level::Warning => LEVEL_WARNING,
        };
        if let Some(log) = field!(self.table, LocusHost, log).flatten() {
            // SAFETY: the function is the host's own, the context that of a call which has not returned (`of`), and the text
            // is borrowed until after this call.
            unsafe { log(self.context, level, LocusStr::new(text)) };
        }
    }

    fn cancelled(&self) -> bool {
        let cancelled = field!(self.table, LocusHost, cancelled).flatten();
        // SAFETY: the function is the host's own, and the context that of a call which has not returned (`of`).
        cancelled.is_some_and(|cancelled| unsafe { cancelled(self.context) } != 0)
    }
}
