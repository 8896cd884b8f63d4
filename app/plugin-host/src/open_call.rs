//! One call into a plugin, which may use the host's services until it returns.
#![allow(unsafe_code)]

use crate::remarks::remember;
use crate::thread_state::{Changes, ThreadState, set_gradients};
use crate::watch;
use locus_plugin::glue::abi::LocusContext;
use locus_plugin::{Error, Host, Result};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

static NEXT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    /// The calls of this thread that have not returned, the innermost last. A context is a number and no address,
    /// so that one that is kept too long, or carried to another thread, is found out.
    static OPEN: RefCell<Vec<(usize, *const OpenCall<'static>)>> = const { RefCell::new(Vec::new()) };
}

/// What the host remembers of a call while it runs: a plugin may swallow an error, the host does not.
pub(crate) struct OpenCall<'a> {
    /// The id of the plugin.
    plugin: &'a str,
    host: &'a dyn Host,
    cancelled: Cell<bool>,
    refused_report: RefCell<Option<String>>,
    host_panic: RefCell<Option<String>>,
    /// The host's own settings of libtorch and the thread, for its services.
    own: ThreadState,
}

impl OpenCall<'_> {
    /// Calls into `plugin` with `call`, which is given the context to pass on. Gradients are on while it runs.
    pub(crate) fn run<T>(
        plugin: &str,
        host: &dyn Host,
        call: impl FnOnce(*mut LocusContext) -> Result<T>,
    ) -> Result<T> {
        let open = OpenCall {
            plugin,
            host,
            cancelled: Cell::new(false),
            refused_report: RefCell::new(None),
            host_panic: RefCell::new(None),
            own: ThreadState::now(),
        };
        let outcome = watched(plugin, true, || {
            let opened = Opened::new(&open);
            call(opened.context())
        });
        open.verdict(outcome)
    }

    /// Serves the plugin with the host's own settings, but with the gradient mode that the plugin has chosen, and puts
    /// the plugin's settings back: it may round as it likes, the host's numbers are the host's.
    pub(crate) fn at_home<T>(&self, serve: impl FnOnce() -> T) -> T {
        let theirs = ThreadState::now();
        let gradients = set_gradients(true);
        let Changes { lost, .. } = self.own.set();
        // what the plugin has set until now is no remark yet: it may put it back itself
        remember(self.plugin, &Changes { lost, ..Changes::default() });
        set_gradients(gradients);
        let served = serve();
        theirs.set();
        served
    }

    /// What the plugin answered, unless the host knows better.
    fn verdict<T>(self, outcome: Result<T>) -> Result<T> {
        if let Some(text) = self.host_panic.into_inner() {
            return Err(Error::Failed(text));
        }
        if let Err(Error::Panic(_)) = outcome {
            return outcome;
        }
        if self.cancelled.get() {
            return Err(Error::Cancelled);
        }
        match self.refused_report.into_inner() {
            Some(complaint) => Err(Error::Failed(format!("its report was refused: {complaint}"))),
            None => outcome,
        }
    }

    pub(crate) fn host(&self) -> &dyn Host {
        self.host
    }

    /// Whether the user canceled; it is remembered that the plugin was told.
    pub(crate) fn cancelled(&self) -> bool {
        let cancelled = self.cancelled.get() || self.host.cancelled();
        self.cancelled.set(cancelled);
        cancelled
    }

    /// Remembers how a service ended.
    pub(crate) fn remember(&self, service: &str, failure: &Error) {
        match failure {
            Error::Cancelled => self.cancelled.set(true),
            failure if service == locus_plugin::services::name::REPORT => {
                self.refused_report.borrow_mut().get_or_insert_with(|| failure.to_string());
            }
            _ => {}
        }
    }

    /// Remembers that the host itself panicked.
    pub(crate) fn remember_panic(&self, text: String) {
        self.host_panic.borrow_mut().get_or_insert(text);
    }
}

/// Calls a plugin, and puts back and remembers what it leaves changed. `gradients` has them on while it runs.
fn watched<T>(plugin: &str, gradients: bool, call: impl FnOnce() -> T) -> T {
    let before = ThreadState::before_call();
    let outer = set_gradients(true);
    let inside = gradients || outer;
    set_gradients(inside);
    let outcome = watch::in_plugin(plugin, call);
    let found = set_gradients(outer);
    let mut changes = before.set();
    if found != inside {
        changes.put_back.insert(0, format!("gradients {}", if found { "on" } else { "off" }));
    }
    remember(plugin, &changes);
    outcome
}

/// Calls a plugin that may not use the host's services.
pub(crate) fn undisturbed<T>(plugin: &str, call: impl FnOnce() -> T) -> T {
    watched(plugin, false, call)
}

/// The call of a context.
///
/// # Errors
/// The context stands for no call of this thread that has not returned.
pub(crate) fn with<T>(context: *mut LocusContext, run: impl FnOnce(&OpenCall<'_>) -> Result<T>) -> Result<T> {
    if context.is_null() {
        return Err(Error::Unsupported("host services while a plugin describes, plans or scores".to_owned()));
    }
    let found = OPEN.with_borrow(|open| open.iter().rev().find(|(number, _)| *number == context.addr()).copied());
    let (_, open) = found.ok_or_else(|| {
        Error::Failed("the context belongs to a call that has returned or runs on another thread".to_owned())
    })?;
    // SAFETY: `run` has put it into the list of this thread, where `Opened` takes it out before it goes; it is not moved
    // meanwhile, and only borrowed. That it lives longer than this call of a service follows from the plugin's call, which
    // this one is in.
    run(unsafe { &*open })
}

/// A call in the list, until it is dropped.
struct Opened(usize);

impl Opened {
    fn new(call: &OpenCall<'_>) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let call: *const OpenCall<'_> = call;
        OPEN.with_borrow_mut(|open| open.push((number, call.cast())));
        Self(number)
    }

    fn context(&self) -> *mut LocusContext {
        std::ptr::without_provenance_mut(self.0)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.with_borrow_mut(|open| open.retain(|(number, _)| *number != self.0));
    }
}
