//! Tells the front whose code runs before it runs, so that it knows when the engine dies of it.

use crate::outlet::Outlet;
use locus_link::{FromEngine, line_of};
use locus_plugin_host::Inside;
use std::sync::{Arc, Mutex, PoisonError};

/// The front that is told; the one that orders.
static FRONT: Mutex<Option<Arc<Outlet>>> = Mutex::new(None);

/// Has whose code runs be told to a front, to nobody without one.
pub fn tell_to(front: Option<Arc<Outlet>>) {
    *FRONT.lock().unwrap_or_else(PoisonError::into_inner) = front;
    locus_plugin_host::watch(told);
}

fn told(inside: &Inside) {
    let front = FRONT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(front) = front else { return };
    let (plugin, opening) = match inside {
        Inside::Nothing => (None, None),
        Inside::Plugin(plugin) => (Some(plugin.clone()), None),
        Inside::Opening(file) => (None, Some(file.clone())),
    };
    front.write_soon(line_of(&FromEngine::Inside { plugin, opening }));
}
