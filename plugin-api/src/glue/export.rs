//! The one macro of an author, and what it expands to calls.
#![allow(unsafe_code)]

use super::abi::{INTERFACE_MAJOR, LocusBytes, LocusHost, LocusMethod, LocusObjective, LocusPlugin};
use super::guard::{guarded, keep_panics_silent};
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
            pub unsafe extern "C" fn locus_plugin_entry_v1(
                host: *const $crate::glue::abi::LocusHost,
                plugin: *mut *const $crate::glue::abi::LocusPlugin,
                error: *mut $crate::glue::abi::LocusBytes,
            ) -> i32 {
                // SAFETY: called by a host, which keeps the contract.
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

/// The entry function.
///
/// # Safety
/// The arguments are what the contract says.
pub unsafe fn enter(
    host: *const LocusHost,
    plugin: &'static LocusPlugin,
    out: *mut *const LocusPlugin,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: null or the host's table, as the caller promises.
        let host = unsafe { host.as_ref() }.ok_or_else(|| Error::Request("no host table".to_owned()))?;
        if host.interface_major != INTERFACE_MAJOR || host.struct_size < LocusHost::LEAST_SIZE {
            let (major, minor) = (host.interface_major, host.interface_minor);
            return Err(Error::Unsupported(format!("a host of plugin interface {major}.{minor}")));
        }
        if out.is_null() {
            return Err(Error::Request("no place for the plugin's table".to_owned()));
        }
        keep_panics_silent();
        // SAFETY: not null.
        unsafe { out.write(plugin) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { guarded(error, run) }
}
