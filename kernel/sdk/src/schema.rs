//! The schema of a plugin's keys: derived from its type, and kept in a file, because the manifest is read without
//! running the plugin.

use std::path::Path;

use ballast_contract::endpoints::part::Part;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The JSON Schema of a config type, as it stands in the manifest.
pub fn schema_of<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    format!("{:#}\n", schema.to_value())
}

/// Panics where the file is not what the type says; with `BALLAST_BLESS=1` in the environment it is written anew.
#[allow(clippy::panic)]
pub fn assert_current<T: JsonSchema>(manifest_dir: &str, source: &str, file: &str) {
    // `file!()` begins at the workspace's root, or at the package's; what both have in common is the end of it.
    let folder = Path::new(source).parent().and_then(Path::file_name).unwrap_or_default();
    let path = Path::new(manifest_dir).join(folder).join(file);
    let current = schema_of::<T>();
    if std::env::var_os("BALLAST_BLESS").is_some() {
        std::fs::write(&path, current).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == current, "{} is not what the config type says: BALLAST_BLESS=1 cargo test", path.display());
}

/// Panics where a part of the document is not as a hub takes it.
#[allow(clippy::panic)]
pub fn assert_part(text: &str) {
    let part = serde_json::from_str(text).unwrap_or_else(|error| panic!("it is no JSON: {error}"));
    Part::read(&part).unwrap_or_else(|why| panic!("{why}"));
}
