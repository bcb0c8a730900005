//! A storage in memory that misbehaves where its config says so.

mod fault;
mod memory;
mod unruly;

use std::collections::BTreeMap;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::{Result, Slots, schemars};
use serde::Deserialize;

use fault::{Fault, Faults};
use unruly::Unruly;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnrulyConfig {
    /// What goes wrong, by where: `open`, `start`, `health`, `stop`, `destroy`, `stat`, `read`, `piece`, `create`, `write`,
    /// `commit`, `abort`, `remove`, `list`, `copy`.
    #[serde(default)]
    pub faults: BTreeMap<String, Fault>,
    /// A text that the schema allows and the code does not: any but `round`.
    #[serde(default)]
    pub shape: Shape,
}

/// Read by hand, so that the schema knows less than the code.
#[derive(Default)]
pub struct Shape;

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "round" => Ok(Self),
            other => Err(serde::de::Error::custom(format!("'{other}' is no shape"))),
        }
    }
}

impl JsonSchema for Shape {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Shape".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

fn open(config: UnrulyConfig, _: Slots) -> Result<Unruly> {
    let faults = Faults(config.faults);
    faults.at_once("open");
    Ok(Unruly::new(faults))
}

ballast_sdk::export_plugin! {
    id: "storage.misbehaving",
    about: "Misbehaves on purpose",
    config: UnrulyConfig = "config.schema.json",
    storage: open,
}
