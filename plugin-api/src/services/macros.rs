//! What the table of services expands to.

use std::borrow::Borrow;

/// An argument of a service's method, by what is kept of it while it is served.
pub trait Passed<'a> {
    /// What is read out of JSON.
    type Owned;

    /// The argument made of it.
    fn pass(owned: &'a Self::Owned) -> Self;
}

impl<'a, T: ToOwned + ?Sized> Passed<'a> for &'a T
where
    T::Owned: 'a,
{
    type Owned = T::Owned;

    fn pass(owned: &'a T::Owned) -> Self {
        owned.borrow()
    }
}

macro_rules! by_value {
    ($($type:ty),*) => {$(
        impl Passed<'_> for $type {
            type Owned = Self;

            fn pass(owned: &Self) -> Self {
                *owned
            }
        }
    )*};
}
by_value!(bool, u64, usize, crate::host::Suffix, crate::request::Reduction);

/// Makes of the table of services: [`Host`](crate::Host) for those who ask, [`Services`](crate::services::Services) for
/// those who serve, [`serve`](crate::services::serve) between the two, the names, and the reference.
macro_rules! services {
    ($(
        $(#[doc = $help:literal])*
        #[service($constant:ident, $name:literal $(, $container:ident)?)]
        #[reference($json_in:literal, $tensors_in:literal, $json_out:literal, $tensors_out:literal)]
        fn $method:ident(
            $([$first:ident];)? $($(#[$attribute:meta])* $argument:ident: $type:ty),* $(; [$one:ident])? $(; all $all:ident)?
        ) -> $answer:ty $(as $key:ident)? $(, one for each $each:ident)?;
    )*) => {
        /// Names of the services.
        pub mod name {
            $(
                #[doc = concat!("Of [`Host::", stringify!($method), "`](crate::Host::", stringify!($method), ").")]
                pub const $constant: &str = $name;
            )*
        }

        /// All services, in the order of the reference.
        pub const SERVICES: &[Service] = &[$(
            Service {
                name: $name,
                constant: stringify!($constant),
                help: concat!($($help),*),
                json_in: $json_in,
                tensors_in: $tensors_in,
                json_out: $json_out,
                tensors_out: $tensors_out,
            },
        )*];

        /// What the host does for a plugin. All calls come from the thread that called the plugin.
        pub trait Host {
            /// Serves a call by the service's name: the one function behind the methods of all services, which write their
            /// arguments for it and read its answer. [`serve`] does it for who has [`Services`].
            ///
            /// # Errors
            /// [`Error::Unsupported`] for a service that is not there; those of the service.
            fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer>;

            /// Writes a line into the log.
            fn log(&self, level: Level, text: &str);

            /// Whether the user canceled.
            fn cancelled(&self) -> bool;

            /// The point at which a method can be canceled: call it with `?` in every step.
            ///
            /// # Errors
            /// [`Error::Cancelled`].
            fn checkpoint(&self) -> Result<()> {
                if self.cancelled() { Err(Error::Cancelled) } else { Ok(()) }
            }

            /// Like [`Self::capture_of`], for rows that are all about the first fact.
            ///
            /// # Errors
            /// Those of [`Self::capture_of`].
            fn capture(&self, rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
                self.capture_of(&[], rows, cells)
            }

            $(
                $(#[doc = $help])*
                fn $method(
                    &self,
                    $($first: &Tensor,)?
                    $($argument: $type,)*
                    $($one: &Tensor,)?
                    $($all: &[Tensor],)?
                ) -> Result<$answer> {
                    let json = written(&json::$method::Asked { $($argument: &$argument),* })?;
                    let tensors: &[Tensor] = services!(@lent $([$first])? $([$one])? $($all)?);
                    let answer = self.call($name, Arguments::new(&json, tensors))?;
                    let answer: $answer = services!(@read $method answer $($key)?)?;
                    $(one_for_each(&answer, $each.len())?;)?
                    Ok(answer)
                }
            )*
        }

        /// The services as whoever has them serves them: those that are not written out are refused as ones that are not
        /// there. A host has [`Host::call`] answer with [`serve`].
        pub trait Services {
            $(
                #[doc = concat!("See [`Host::", stringify!($method), "`].")]
                ///
                /// # Errors
                /// Those that are named there.
                fn $method(
                    &self,
                    $($first: &Tensor,)?
                    $($argument: $type,)*
                    $($one: &Tensor,)?
                    $($all: &[Tensor],)?
                ) -> Result<$answer> {
                    $(let _ = $first;)?
                    $(let _ = $argument;)*
                    $(let _ = $one;)?
                    $(let _ = $all;)?
                    Err(unserved($name))
                }
            )*
        }

        /// Serves one call: reads the arguments, asks `services`, and writes the answer.
        ///
        /// # Errors
        /// [`Error::Unsupported`] for a service that is not there, [`Error::Request`] for arguments of another shape;
        /// those of the service.
        pub fn serve<S: Services + ?Sized>(services: &S, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
            match service {
                $(
                    $name => {
                        let asked = arguments.read::<json::$method::Asked<$(<$type as Passed<'_>>::Owned),*>>()?;
                        $(let [$first] = arguments.exactly()?;)?
                        $(let [$one] = arguments.exactly()?;)?
                        $(let $all = arguments.tensors;)?
                        let json::$method::Asked { $($argument),* } = asked;
                        let answer = services.$method(
                            $($first,)? $(<$type as Passed<'_>>::pass(&$argument),)* $($one,)? $($all,)?
                        )?;
                        services!(@write $method answer $($key)?)
                    }
                )*
                unknown => Err(unserved(unknown)),
            }
        }

        /// By service the shape of its JSON: read as values, written from references.
        #[allow(non_camel_case_types, reason = "the type of an argument is called as the argument is")]
        mod json {
            $(
                pub mod $method {
                    #[derive(serde::Serialize, serde::Deserialize)]
                    $(#[serde($container)])?
                    pub struct Asked<$($argument),*> {
                        $($(#[$attribute])* pub $argument: $argument,)*
                    }

                    $(
                        #[derive(serde::Serialize, serde::Deserialize)]
                        pub struct Told<$key> {
                            pub $key: $key,
                        }
                    )?
                }
            )*
        }
    };
    (@lent) => {
        &[]
    };
    (@lent [$one:ident]) => {
        std::slice::from_ref($one)
    };
    (@lent $all:ident) => {
        $all
    };
    (@read $method:ident $answer:ident $key:ident) => {
        $answer.read().map(|json::$method::Told { $key }| $key)
    };
    (@read $method:ident $answer:ident) => {
        Answered::of($answer)
    };
    (@write $method:ident $answer:ident $key:ident) => {
        Answer::of(&json::$method::Told { $key: $answer })
    };
    (@write $method:ident $answer:ident) => {
        $answer.answer()
    };
}
