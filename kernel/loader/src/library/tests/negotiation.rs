//! Older and newer sides, and tables that are none.

use std::ffi::c_void;
use std::mem::offset_of;

use ballast_abi::{Failure, Host, Instance, LifeTable, READY, StorageTable, Str, TableFault, read_table};

use super::*;

/// What the declaration of a library becomes that has it from somebody else.
fn refused(change: impl FnOnce(&mut Declaration)) -> String {
    let mut declaration = INLINE;
    change(&mut declaration);
    library(Box::leak(Box::new(declaration))).err().unwrap()
}

#[test]
fn a_library_of_another_major_version_is_refused_with_what_to_do() {
    let minor = ballast_abi::MINOR;
    for major in [0, 2, 7] {
        assert_eq!(
            refused(|declaration| declaration.major = major),
            format!(
                "built for plugin ABI {major}.{minor}, this hub speaks ABI 1.x; rebuild it against ballast-sdk 1.x, or use a \
                 hub that speaks ABI {major}.x"
            )
        );
    }
}

#[test]
fn a_declaration_that_is_none_is_refused() {
    assert!(refused(|declaration| declaration.magic = *b"SOMETHIN").contains("is no plugin of Ballast"));
    assert_eq!(refused(|declaration| declaration.size = 3), "its declaration: it says that it is 3 bytes long");
    let cut = offset_of!(Declaration, create);
    assert_eq!(refused(|declaration| declaration.size = cut), "its declaration lacks create");
    assert_eq!(refused(|declaration| declaration.create = None), "its declaration lacks create");
    let other = Str::of("{}");
    let lies = "the manifest that it declares is not the one in its section";
    assert_eq!(refused(|declaration| declaration.manifest = other), lies);
    assert_eq!(refused(|declaration| declaration.manifest = Str::NONE), lies);
}

#[tokio::test]
async fn the_lower_minor_version_of_both_counts() {
    for (minor, spoken) in [(0, 0), (9, ballast_abi::MINOR)] {
        let declaration = Declaration { minor, create: Some(tells_minor), check: None, ..INLINE };
        let told = instance(Box::leak(Box::new(declaration))).await.err().unwrap();
        assert_eq!(told, format!("plugin: plugin.create: the hub speaks minor {spoken}"));
    }
}

unsafe extern "C" fn tells_minor(host: *const Host, _: Str, _: Str, _: *mut Instance, failure: *mut Failure) -> u32 {
    let host = unsafe { read_table(host) }.unwrap();
    let json = format!("{{\"context\": \"the hub speaks minor {}\"}}", host.minor);
    let why = Failure { code: ballast_abi::UNSUPPORTED, reserved: 0, json: ballast_abi::Buf::owning(json) };
    unsafe { failure.write(why) };
    ballast_abi::FAILED
}

/// Tables as the SDK makes them, cut and changed.
struct Bent {
    life: LifeTable,
    table: StorageTable,
}

static BENT: Mutex<Option<Bent>> = Mutex::new(None);

unsafe extern "C" fn creates_bent(
    host: *const Host,
    role: Str,
    config: Str,
    out: *mut Instance,
    failure: *mut Failure,
) -> u32 {
    let answer = unsafe { INLINE.create.unwrap()(host, role, config, out, failure) };
    if answer == READY
        && let Some(bent) = BENT.lock().unwrap().take()
    {
        let bent = Box::leak(Box::new(bent));
        let out = unsafe { &mut *out };
        (out.life, out.role) = (&raw const bent.life, (&raw const bent.table).cast::<c_void>());
    }
    answer
}

static CREATES_BENT: Declaration = Declaration { create: Some(creates_bent), ..INLINE };

/// Tests of this one take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn bent(change: impl FnOnce(&mut Bent)) -> Result<Arc<dyn Storage>, String> {
    let _turn = TURN.lock().await;
    let mut plain = Instance::NONE;
    let mut failure = Failure::empty();
    let faults = super::host::Faults::new("storage.main", "storage.memory".to_owned());
    let host = super::host::lend(&faults, 0, None, tokio::runtime::Handle::current());
    let create = INLINE.create.unwrap();
    assert_eq!(unsafe { create(host, Str::of("storage"), Str::of("{}"), &mut plain, &mut failure) }, READY);
    let life = unsafe { read_table(plain.life) }.unwrap();
    let table = unsafe { read_table(plain.role.cast::<StorageTable>()) }.unwrap();
    unsafe { life.destroy.unwrap()(plain.data) };
    let mut bent = Bent { life, table };
    change(&mut bent);
    *BENT.lock().unwrap() = Some(bent);
    instance(&CREATES_BENT).await
}

#[tokio::test]
async fn a_storage_without_what_every_storage_has_is_refused_by_name() {
    let lacks = |slot: &str| format!("plugin: its table of storage lacks {slot}");
    assert_eq!(bent(|bent| bent.table.read = None).await.err().unwrap(), lacks("read"));
    for (slot, size) in [
        ("stat", offset_of!(StorageTable, stat)),
        ("create", offset_of!(StorageTable, create)),
        ("list", offset_of!(StorageTable, list)),
    ] {
        assert_eq!(bent(|bent| bent.table.size = size).await.err().unwrap(), lacks(slot));
    }
    for size in [0, 12, usize::MAX] {
        let refused = bent(|bent| bent.table.size = size).await.err().unwrap();
        assert_eq!(refused, format!("plugin: its table of storage: {}", TableFault::Size(size)));
        let refused = bent(|bent| bent.life.size = size).await.err().unwrap();
        assert_eq!(refused, format!("plugin: the table of its life: {}", TableFault::Size(size)));
    }
}

#[tokio::test]
async fn an_older_storage_does_what_its_tables_have() {
    let older = bent(|bent| {
        bent.table.size = offset_of!(StorageTable, copy);
        bent.life.size = offset_of!(LifeTable, start);
    });
    let older = older.await.unwrap();
    older.start().await.unwrap();
    let mut writer = older.create(&key("a")).await.unwrap();
    writer.write("some".into()).await.unwrap();
    assert_eq!(writer.commit().await.unwrap(), 4);
    assert_eq!(older.stat(&key("a")).await.unwrap(), 4);
    let refused = older.copy(&key("a"), &key("b")).await.unwrap_err();
    assert_eq!(refused.kind, ballast_contract::ErrorKind::Unsupported);
    assert!(older.presign().is_none() && older.files().is_none());
    older.stop().await;
}
