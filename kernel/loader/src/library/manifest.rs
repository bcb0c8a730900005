//! What a library says of itself in its section, read without running its code.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use ballast_abi::{MAJOR, MINOR, SECTION};
use ballast_config::Role;
use ballast_contract::endpoints::part::Part;
use object::read::ReadCache;
use object::{Architecture, BinaryFormat, Object, ObjectKind, ObjectSection, ReadRef};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The manifest of a plugin. Keys that are not known here are those of a newer one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub abi: Version,
    pub id: String,
    pub version: String,
    #[serde(default)]
    pub about: String,
    pub roles: Vec<String>,
    /// What it cannot do without of what a hub lends.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The JSON Schema of an instance's keys.
    #[serde(default = "no_keys")]
    pub config: Value,
    /// Of endpoints: their part of the OpenAPI document.
    #[serde(default)]
    pub openapi: Option<Value>,
    /// Shown, and never compared.
    #[serde(default)]
    pub built_with: BTreeMap<String, String>,
}

/// A version of the plugin ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

fn no_keys() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// A manifest is small.
const LARGEST: u64 = 1 << 20;

/// The bytes of the section, and what they say.
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, Manifest), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let cache = ReadCache::new(file);
    let object = object::File::parse(&cache).map_err(|_| "it is no shared library".to_owned())?;
    fits_this_machine(&object)?;
    let section = object.section_by_name(SECTION);
    let section = section.ok_or_else(|| format!("it is no plugin of Ballast: it has no section {SECTION}"))?;
    if section.size() > LARGEST {
        return Err(format!("its manifest is {} bytes long, and may have {LARGEST}", section.size()));
    }
    let bytes = section.data().map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let bytes = bytes[..end].to_vec();
    // The version first: a newer manifest may look different.
    let spoken: Spoken = serde_json::from_slice(&bytes).map_err(|error| format!("its manifest is no JSON: {error}"))?;
    speaks(spoken.abi)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| format!("its manifest cannot be understood: {error}"))?;
    manifest.makes_sense()?;
    Ok((bytes, manifest))
}

#[derive(Deserialize)]
struct Spoken {
    abi: Version,
}

/// Whether both sides can understand each other.
pub(super) fn speaks(plugin: Version) -> Result<(), String> {
    if plugin.major == MAJOR {
        return Ok(());
    }
    let Version { major, minor } = plugin;
    Err(format!(
        "built for plugin ABI {major}.{minor}, this hub speaks ABI {MAJOR}.x; rebuild it against ballast-sdk {MAJOR}.x, \
         or use a hub that speaks ABI {major}.x"
    ))
}

fn fits_this_machine<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> Result<(), String> {
    let format = if cfg!(target_vendor = "apple") { BinaryFormat::MachO } else { BinaryFormat::Elf };
    if object.format() != format {
        return Err(format!("it is a {:?} file, and this machine's libraries are {format:?}", object.format()));
    }
    let (found, here) = (object.architecture(), here());
    if here.is_some_and(|here| here != found) {
        let here = std::env::consts::ARCH;
        return Err(format!("it is built for {found:?}, and this hub runs on {here}; build it for {here}"));
    }
    match object.kind() {
        ObjectKind::Dynamic => Ok(()),
        other => Err(format!("it is no shared library, but of the kind {other:?}")),
    }
}

fn here() -> Option<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Aarch64),
        _ => None,
    }
}

/// The roles that cross the C tables.
const CARRIED: [Role; 5] = [Role::Storage, Role::Auth, Role::Quota, Role::Downloader, Role::Endpoints];

/// What a hub lends whoever requires it.
const LENT: [&str; 1] = ["state"];

impl Manifest {
    /// What it is for.
    pub(crate) fn role(&self) -> Option<Role> {
        CARRIED.into_iter().find(|role| self.roles.iter().any(|known| known == role.as_str()))
    }

    /// Whether it cannot do without a space of its own.
    pub(crate) fn requires_state(&self) -> bool {
        self.requires.iter().any(|slot| slot == "state")
    }

    /// What it brings to the document, where it is endpoints; what is wrong with it.
    pub(super) fn part(&self) -> Result<Option<Part>, String> {
        match (self.role(), &self.openapi) {
            (Some(Role::Endpoints), Some(part)) => {
                Part::read(part).map(Some).map_err(|why| format!("its part of the OpenAPI document: {why}"))
            }
            (Some(Role::Endpoints), None) => Err("its manifest lacks openapi, which endpoints have".to_owned()),
            _ => Ok(None),
        }
    }

    fn makes_sense(&self) -> Result<(), String> {
        let plain = |text: &str| text.chars().count() <= 200 && !text.chars().any(char::is_control);
        let word = |text: &str| {
            let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
        };
        let id = self.id.split_once('.').filter(|(role, name)| word(role) && word(name));
        let Some((role, _)) = id else {
            return Err(format!("its manifest's id '{}' is none, as storage.example is", self.id.escape_debug()));
        };
        if !self.roles.iter().any(|known| known == role) {
            return Err(format!("its id {} says that it is for {role}, and its roles do not have that", self.id));
        }
        let carried = CARRIED.map(Role::as_str);
        if self.roles.len() != 1 || self.role().is_none() {
            let (roles, carried) = (self.roles.join(", ").escape_debug().to_string(), carried.join(", "));
            return Err(format!("it is for {roles}; plugin ABI {MAJOR}.{MINOR} carries one of {carried}"));
        }
        if let Some(slot) = self.requires.iter().find(|slot| !LENT.contains(&slot.as_str())) {
            let (slot, lent) = (slot.escape_debug(), LENT.join(", "));
            return Err(format!("it requires '{slot}', which this hub does not lend; plugins may require {lent}"));
        }
        if !plain(&self.version) || !plain(&self.about) || self.version.is_empty() {
            return Err("its manifest's version and about must be short texts of one line".to_owned());
        }
        match self.config.is_object() {
            true => Ok(()),
            false => Err("its manifest's config must be a JSON Schema".to_owned()),
        }
    }
}
