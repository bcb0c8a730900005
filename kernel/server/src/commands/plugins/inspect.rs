//! `ballast plugins inspect FILE`.

use std::fmt::Write;
use std::path::Path;

use ballast_loader::Library;
use serde_json::Value;

use crate::exit::Exit;
use crate::output;

/// Prints what a library says of itself, and the lines that load it.
pub fn run(file: &Path) -> Result<(), Exit> {
    let refused = |why: String| Exit::failure(format!("{}: {why}", file.display()));
    let library = Library::inspect_anywhere(file).map_err(refused)?;
    let sha256 = Library::digest(file).map_err(refused)?;
    let manifest = library.manifest();
    let built_with: Vec<_> = manifest.built_with.iter().map(|(what, which)| format!("{what} {which}")).collect();
    let rows = [
        ["plugin".to_owned(), manifest.id.clone()],
        ["version".to_owned(), manifest.version.clone()],
        ["about".to_owned(), manifest.about.clone()],
        ["roles".to_owned(), manifest.roles.join(", ")],
        ["plugin ABI".to_owned(), format!("{}.{}", manifest.abi.major, manifest.abi.minor)],
        ["built with".to_owned(), built_with.join(", ")],
        ["SHA-256".to_owned(), sha256.clone()],
    ];
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut text = output::columns(&rows);
    text.push_str(&keys(&manifest.config));
    let _ = write!(text, "\n[[plugins.load]]\nfile = {:?}\nsha256 = \"{sha256}\"\n", absolute.display().to_string());
    output::print(&text)
}

/// The keys of an instance, a line each.
fn keys(schema: &Value) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return String::new() };
    let required = schema.get("required").and_then(Value::as_array);
    let line = |(name, schema): (&String, &Value)| {
        let needed = required.is_some_and(|names| names.iter().any(|needed| needed == name.as_str()));
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        [format!("  {name}"), if needed { "required" } else { "" }.to_owned(), about]
    };
    let rows: Vec<_> = properties.iter().map(line).collect();
    if rows.is_empty() { String::new() } else { format!("keys\n{}", output::columns(&rows)) }
}
