//! An opened library: what it declares, and making instances of it.

use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use ballast_abi::{
    Declaration, FAILED, Failure, Host, Instance, LifeTable, MAGIC, MINOR, READY, SYMBOL, Str, read_table,
};
use ballast_config::Role;
use ballast_contract::State;
use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};
use serde_json::Value;
use tokio::runtime::Handle;

use super::failure::told;
use super::held::Held;
use super::host::{self, Faults};
use super::manifest::{Version, speaks};
use super::{Limits, thread};
use crate::plugin::Refusal;

/// What a library declares. Its functions and texts live as long as the process.
pub(super) struct Declared {
    declaration: Declaration,
    /// The minor version that both sides speak.
    minor: u32,
}

impl Declared {
    /// Opens a library whose section has this manifest.
    pub(super) fn open(file: &Path, section: &[u8]) -> Result<Self, String> {
        // Everything that it needs must be there now: what is missed later ends the process.
        let opened = unsafe { Opened::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
        // It may have threads, and a library under which threads run cannot be closed.
        let opened = ManuallyDrop::new(opened.map_err(|error| format!("it cannot be opened: {error}"))?);
        let symbol = unsafe { opened.get::<*const Declaration>(SYMBOL.as_bytes()) };
        let symbol = symbol.map_err(|_| format!("it is no plugin of Ballast: it exports no {SYMBOL}"))?;
        unsafe { Self::read(*symbol, section) }
    }

    /// Reads what a library declares, and whether both sides understand each other.
    ///
    /// # Safety
    ///
    /// `at` is what a library exports under the name of a declaration.
    pub(super) unsafe fn read(at: *const Declaration, section: &[u8]) -> Result<Self, String> {
        if at.is_null() || !at.is_aligned() {
            return Err(format!("it is no plugin of Ballast: {SYMBOL} is no declaration"));
        }
        let magic = unsafe { (&raw const (*at).magic).read() };
        if magic != MAGIC {
            return Err(format!("it is no plugin of Ballast: {SYMBOL} does not begin as a declaration does"));
        }
        let (major, minor) = unsafe { ((&raw const (*at).major).read(), (&raw const (*at).minor).read()) };
        speaks(Version { major, minor })?;
        let declaration = unsafe { read_table(at) }.map_err(|fault| format!("its declaration: {fault}"))?;
        let manifest = unsafe { declaration.manifest.bytes() }.unwrap_or_default();
        let end = manifest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if &manifest[..end] != section {
            return Err("the manifest that it declares is not the one in its section".to_owned());
        }
        if declaration.create.is_none() {
            return Err("its declaration lacks create".to_owned());
        }
        let minor = minor.min(MINOR);
        Ok(Self { declaration, minor })
    }

    /// Checks the keys of an instance, and makes it.
    pub(super) async fn create(
        &self,
        role: Role,
        name: &str,
        plugin: String,
        config: &Value,
        limits: Limits,
        state: Option<Arc<dyn State>>,
    ) -> Result<Made, Refusal> {
        let (declaration, minor) = (self.declaration, self.minor);
        let (faults, config) = (Faults::new(name, plugin), config.to_string());
        let (of, runtime) = (Arc::clone(&faults), Handle::current());
        let make = move || {
            unsafe { check(&declaration, role, &config) }?;
            let host = host::lend(&of, minor, state, runtime);
            unsafe { create(&declaration, role, &config, host) }
        };
        let (held, table, capabilities) = match thread::within(limits.start, "making the instance", make).await {
            Ok(made) => made.map(|made| (made.held, made.role, made.capabilities))?,
            Err(why) => return Err(Refusal::plugin(why)),
        };
        Ok(Made { held: Arc::new(held), table, capabilities, faults, limits })
    }
}

/// An instance that was made, with the table of its role.
pub(super) struct Made {
    pub held: Arc<Held>,
    pub table: RolePointer,
    pub capabilities: u64,
    pub faults: Arc<Faults>,
    pub limits: Limits,
}

/// Where the table of a role lies: in the library, which is never unloaded.
pub(super) struct RolePointer(pub *const std::ffi::c_void);

unsafe impl Send for RolePointer {}
unsafe impl Sync for RolePointer {}

struct Created {
    held: Held,
    role: RolePointer,
    capabilities: u64,
}

unsafe fn check(declaration: &Declaration, role: Role, config: &str) -> Result<(), Refusal> {
    let Some(check) = declaration.check else { return Ok(()) };
    let mut failure = Failure::empty();
    match unsafe { check(Str::of(role.as_str()), Str::of(config), &mut failure) } {
        READY => Ok(()),
        FAILED => Err(refused(&failure, "plugin.check")),
        other => Err(Refusal::plugin(format!("check answered with the code {other}, which means nothing there"))),
    }
}

unsafe fn create(declaration: &Declaration, role: Role, config: &str, host: *const Host) -> Result<Created, Refusal> {
    let lacks = || Refusal::plugin("its declaration lacks create");
    let create = declaration.create.ok_or_else(lacks)?;
    let (mut instance, mut failure) = (Instance::NONE, Failure::empty());
    let answer = unsafe { create(host, Str::of(role.as_str()), Str::of(config), &mut instance, &mut failure) };
    match answer {
        READY => {}
        FAILED => return Err(refused(&failure, "plugin.create")),
        other => {
            return Err(Refusal::plugin(format!("create answered with the code {other}, which means nothing there")));
        }
    }
    let life = unsafe { read_table::<LifeTable>(instance.life) };
    let life = life.map_err(|fault| Refusal::plugin(format!("the table of its life: {fault}")))?;
    let capabilities = instance.capabilities;
    let role = RolePointer(instance.role);
    Ok(Created { held: Held::new(instance.data, life), role, capabilities })
}

fn refused(failure: &Failure, operation: &str) -> Refusal {
    let told = told(failure, operation);
    match told.error.kind {
        ballast_contract::ErrorKind::Invalid if !told.panicked => Refusal::config(told.path, told.error.context),
        _ => Refusal::plugin(format!("{}: {}", told.error.operation, told.error.context)),
    }
}
