//! What [`export_plugin!`](crate::export_plugin) makes of a plugin.

use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ballast_abi::{Declaration, FAILED, Failure, Host, Instance, MAGIC, MAJOR, MINOR, READY, Str, read_table};
use ballast_contract::auth::Auth;
use ballast_contract::downloader::Downloader;
use ballast_contract::endpoints::Endpoints;
use ballast_contract::quota::Quota;
use ballast_contract::storage::Storage;
use ballast_contract::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::failure::{failed, misread, panicked};
use crate::guard::words;
use crate::host::{Shared, Slots};
use crate::{log, message_table, runtime, storage_table};

/// Where a plugin's futures are polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// In the hub's own tasks, within the plugin's runtime: a call costs a tenth of a microsecond. Code that blocks
    /// stands in the hub's way.
    #[default]
    Inline,
    /// As tasks of the plugin's runtime, some twenty microseconds a call: for code that now and then blocks.
    Spawn,
}

/// An instance, by its role.
pub enum Exports {
    Storage(Arc<dyn Storage>),
    Auth(Arc<dyn Auth>),
    Quota(Arc<dyn Quota>),
    Downloader(Arc<dyn Downloader>),
    Endpoints(Arc<dyn Endpoints>),
}

/// A plugin of one role.
pub trait Exported: 'static {
    /// The role, as the configuration names it.
    const ROLE: &'static str;

    /// The keys of an instance.
    type Config: DeserializeOwned + JsonSchema;

    /// Where its futures are polled.
    const POLLING: Polling;

    /// Makes an instance; does no I/O.
    fn open(config: Self::Config, slots: Slots) -> Result<Exports>;
}

/// The declaration of a plugin whose manifest is this text.
pub const fn declaration<E: Exported>(manifest: &'static [u8]) -> Declaration {
    Declaration {
        magic: MAGIC,
        major: MAJOR,
        minor: MINOR,
        size: size_of::<Declaration>(),
        manifest: Str { ptr: manifest.as_ptr(), len: manifest.len() },
        check: Some(check::<E>),
        create: Some(create::<E>),
    }
}

/// The bytes of a text, as they lie in a section.
pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let (from, mut bytes, mut i) = (text.as_bytes(), [0; N], 0);
    while i < N {
        bytes[i] = from[i];
        i += 1;
    }
    bytes
}

unsafe extern "C" fn check<E: Exported>(_role: Str, config: Str, failure: *mut Failure) -> u32 {
    let outcome = catch_unwind(|| unsafe { read::<E>(config) }.map(drop));
    match outcome.unwrap_or_else(|panic| Err(panicked(&words(&*panic)))) {
        Ok(()) => READY,
        Err(why) => unsafe { fail(failure, why) },
    }
}

unsafe extern "C" fn create<E: Exported>(
    host: *const Host,
    role: Str,
    config: Str,
    out: *mut Instance,
    failure: *mut Failure,
) -> u32 {
    let made = catch_unwind(AssertUnwindSafe(|| unsafe { make::<E>(host, role, config) }));
    match made.unwrap_or_else(|panic| Err(panicked(&words(&*panic)))) {
        Ok(instance) => unsafe {
            out.write(instance);
            READY
        },
        Err(why) => unsafe { fail(failure, why) },
    }
}

unsafe fn fail(failure: *mut Failure, why: Failure) -> u32 {
    unsafe { failure.write(why) };
    FAILED
}

unsafe fn make<E: Exported>(host: *const Host, role: Str, config: Str) -> std::result::Result<Instance, Failure> {
    let refuse = |kind, why: &str| failed(&Error::new(kind, "plugin.create", why));
    let host = unsafe { read_table(host) }
        .map_err(|fault| refuse(ErrorKind::Internal, &format!("the host's table: {fault}")))?;
    if unsafe { role.text() } != Some(E::ROLE) {
        return Err(refuse(ErrorKind::Unsupported, &format!("the one role that it has is {}", E::ROLE)));
    }
    let runtime = runtime::start().map_err(|error| failed(&error))?;
    log::forward(host);
    let shared = Shared::new(host, E::POLLING);
    let config = unsafe { read::<E>(config) }?;
    let _entered = runtime.enter();
    Ok(match E::open(config, shared.slots()).map_err(|error| failed(&error))? {
        Exports::Storage(storage) => storage_table::instance(shared, storage),
        Exports::Auth(auth) => message_table::auth(shared, auth),
        Exports::Quota(quota) => message_table::quota(shared, quota),
        Exports::Downloader(downloader) => message_table::downloader(shared, downloader),
        Exports::Endpoints(endpoints) => message_table::endpoints(shared, endpoints),
    })
}

unsafe fn read<E: Exported>(config: Str) -> std::result::Result<E::Config, Failure> {
    let text = unsafe { config.bytes() }.unwrap_or_default();
    let mut reader = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| misread(&error.path().to_string(), &error.inner().to_string()))
}

/// Makes a plugin of a crate of type `cdylib`.
///
/// ```ignore
/// ballast_sdk::export_plugin! {
///     id: "storage.example",
///     about: "Keeps bytes somewhere",
///     config: ExampleConfig = "config.schema.json",
///     storage: open,
/// }
/// ```
///
/// - `id` is what a configuration names: the role, a dot, and a name of `[a-z0-9-]`.
/// - `about` is a sentence for `ballast plugins list`.
/// - `config` is the type of the plugin's keys, and a file beside the one with this macro that has their schema:
///   `BALLAST_BLESS=1 cargo test` writes it, and a test that the macro adds says when it is old. A key that is a secret
///   has `writeOnly` in its schema.
/// - `storage`, `auth`, `quota`, `downloader` or `endpoints` is a function from the keys and [`Slots`](crate::Slots) to an instance of that role. It
///   does no I/O: that belongs into `start`.
/// - `requires: [state]`, where the plugin cannot do without [`Slots::state`](crate::Slots::state).
/// - `polling: spawn`, where the plugin's code blocks: see [`Polling`](crate::Polling).
/// - `openapi: "openapi.json"`, of endpoints: a file beside the one with this macro that has their part of the document
///   ([`endpoints::part`](crate::endpoints::part) says its form). A test that the macro adds says what is wrong with it.
#[macro_export]
macro_rules! export_plugin {
    (
        id: $id:literal,
        about: $about:literal,
        config: $config:ty = $schema:literal,
        $role:ident: $open:path
        $(, requires: [$($slot:ident),*])?
        $(, polling: $polling:ident)?
        $(, openapi: $openapi:literal)? $(,)?
    ) => {
        #[cfg(panic = "abort")]
        compile_error!(
            "a plugin of Ballast is built with panic = \"unwind\": with \"abort\" a bug in it would end the hub"
        );

        const _: () = {
            struct ThisPlugin;

            impl $crate::export::Exported for ThisPlugin {
                type Config = $config;
                const ROLE: &'static str = stringify!($role);
                const POLLING: $crate::Polling = $crate::export_plugin!(@polling $($polling)?);

                fn open(
                    config: Self::Config,
                    slots: $crate::Slots,
                ) -> $crate::Result<$crate::Exports> {
                    Ok($crate::export_plugin!(@exports $role)(::std::sync::Arc::new($open(config, slots)?)))
                }
            }

            const TEXT: &str = concat!(
                "{\"abi\": {\"major\": 1, \"minor\": 2}, \"id\": \"", $id, "\", \"version\": \"",
                env!("CARGO_PKG_VERSION"), "\", \"about\": ", stringify!($about),
                ", \"roles\": [\"", stringify!($role), "\"], \"requires\": [", $crate::export_plugin!(@slots $($($slot),*)?),
                "], \"built_with\": {\"language\": \"Rust\"}, \"config\": ",
                include_str!($schema), $(", \"openapi\": ", include_str!($openapi),)? "}"
            );

            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ballast"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".ballast"))]
            static MANIFEST: [u8; TEXT.len()] = $crate::export::bytes(TEXT);

            #[used]
            #[unsafe(export_name = "ballast_plugin")]
            static DECLARATION: $crate::abi::Declaration = $crate::export::declaration::<ThisPlugin>(&MANIFEST);
        };

        #[cfg(test)]
        mod ballast_plugin {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn the_schema_of_its_keys_is_current() {
                $crate::assert_current::<$config>(env!("CARGO_MANIFEST_DIR"), file!(), $schema);
            }

            $(
                #[test]
                fn its_part_of_the_document_makes_sense() {
                    $crate::assert_part(include_str!($openapi));
                }
            )?
        }
    };
    (@exports storage) => {
        $crate::Exports::Storage
    };
    (@exports auth) => {
        $crate::Exports::Auth
    };
    (@exports quota) => {
        $crate::Exports::Quota
    };
    (@exports downloader) => {
        $crate::Exports::Downloader
    };
    (@exports endpoints) => {
        $crate::Exports::Endpoints
    };
    (@slots) => {
        ""
    };
    (@slots state) => {
        "\"state\""
    };
    (@polling) => {
        $crate::Polling::Inline
    };
    (@polling inline) => {
        $crate::Polling::Inline
    };
    (@polling spawn) => {
        $crate::Polling::Spawn
    };
}
