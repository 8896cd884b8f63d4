//! The one macro of an author, and what it expands to calls.
#![allow(unsafe_code)]

use super::abi::{
    INTERFACE_MAJOR, LocusBytes, LocusHost, LocusMethod, LocusObjective, LocusPlugin, Unusable, View, field,
};
use super::guard::{guarded, keep_panics_silent};
use super::transfer::put;
use crate::error::Error;

/// Makes a library of type `cdylib` a plugin:
///
/// ```ignore
/// locus_plugin::export_plugin!(methods: [Rome]);
/// locus_plugin::export_plugin!(objectives: [ErrorInjection]);
/// locus_plugin::export_plugin!(methods: [First, Second], objectives: [Third]);
/// ```
///
/// Once in a library: two exports in one binary clash when it is linked.
#[macro_export]
macro_rules! export_plugin {
    (methods: [$($method:ty),* $(,)?] $(,)?) => {
        $crate::export_plugin!(methods: [$($method),*], objectives: []);
    };
    (objectives: [$($objective:ty),* $(,)?] $(,)?) => {
        $crate::export_plugin!(methods: [], objectives: [$($objective),*]);
    };
    (methods: [$($method:ty),* $(,)?], objectives: [$($objective:ty),* $(,)?] $(,)?) => {
        const _: () = {
            #[cfg(panic = "abort")]
            ::std::compile_error!("a plugin needs `panic = \"unwind\"`: with \"abort\" its panics would end the host");

            #[used]
            #[unsafe(no_mangle)]
            #[unsafe(link_section = ".locus_plugin")]
            pub static LOCUS_PLUGIN_STAMP: $crate::glue::abi::LocusStamp = $crate::glue::stamp(
                ::std::env!("CARGO_PKG_NAME"),
                ::std::env!("CARGO_PKG_VERSION"),
                ::std::option_env!("LOCUS_PLUGIN_BY_NAME_ONLY").is_some(),
            );

            #[used]
            #[unsafe(no_mangle)]
            #[unsafe(link_section = ".locus_source")]
            pub static LOCUS_PLUGIN_SOURCE: [u8; ::std::env!("CARGO_MANIFEST_DIR").len()] =
                $crate::glue::source(::std::env!("CARGO_MANIFEST_DIR"));

            static PLUGIN: $crate::glue::abi::LocusPlugin = $crate::glue::plugin(
                &[$(&$crate::glue::MethodEntries::<$method>::TABLE),*],
                &[$(&$crate::glue::ObjectiveEntries::<$objective>::TABLE),*],
            );

            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn locus_plugin_entry_v2(
                host: *const $crate::glue::abi::LocusHost,
                plugin: *mut *const $crate::glue::abi::LocusPlugin,
                error: *mut $crate::glue::abi::LocusBytes,
            ) -> i32 {
                // SAFETY: this is the entry function, which the contract has a host call with its table and two places.
                unsafe { $crate::glue::enter(host, &PLUGIN, plugin, error) }
            }
        };
    };
}

/// The table of a library.
#[must_use]
pub const fn plugin(
    methods: &'static [&'static LocusMethod],
    objectives: &'static [&'static LocusObjective],
) -> LocusPlugin {
    LocusPlugin {
        struct_size: size_of::<LocusPlugin>(),
        methods: methods.as_ptr().cast(),
        method_count: methods.len(),
        objectives: objectives.as_ptr().cast(),
        objective_count: objectives.len(),
    }
}

/// The entry function of a plugin.
///
/// # Safety
/// `host` is null or a host's table, which lives as long as the process; `out` is null or has room for a pointer; `error` is
/// null or an empty struct; nobody else uses the latter two.
pub unsafe fn enter(
    host: *const LocusHost,
    plugin: &'static LocusPlugin,
    out: *mut *const LocusPlugin,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: null or a table that lives as long as the process, as the caller promises.
        let host = unsafe { View::of(host) };
        let host = host.map_err(|reason: Unusable| Error::Unsupported(format!("a host whose table {reason}")))?;
        let version = (field!(host, LocusHost, interface_major), field!(host, LocusHost, interface_minor));
        if version.0 != Some(INTERFACE_MAJOR) {
            let (major, minor) = (version.0.unwrap_or_default(), version.1.unwrap_or_default());
            return Err(Error::Unsupported(format!("a host of plugin interface {major}.{minor}")));
        }
        // SAFETY: null, or room for a pointer, as the caller promises.
        unsafe { put(out, "the plugin's table", || std::ptr::from_ref(plugin)) }?;
        keep_panics_silent();
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guarded(error, run) }
}
