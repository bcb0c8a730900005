//! JSON that somebody wrote by hand, read field by field.
//!
//! Configs are written by every library in its own way: a field that has another type than usual is as good as missing,
//! and must not cost the others. So the object is split into its fields once, each kept as its text, and a field is
//! parsed when somebody wants it. No tree is built: what it takes follows what was read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A JSON object.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Document(BTreeMap<String, Box<RawValue>>);

impl Document {
    /// Splits an object; an error where it is none.
    pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes).map(Self)
    }

    /// A field of this type; none where it is missing or of another type.
    pub(crate) fn get<T: DeserializeOwned>(&self, field: &str) -> Option<T> {
        self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// The same, of a field that is at most so many bytes of text: a tree takes ten times as much.
    pub(crate) fn short<T: DeserializeOwned>(&self, field: &str, most: usize) -> Option<T> {
        self.0.get(field).filter(|raw| raw.get().len() <= most).and_then(|_| self.get(field))
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        self.get::<String>(field).filter(|text| !text.is_empty())
    }

    /// A whole number, also when it is written as `4096.0`.
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        /// Up to here every whole number is a float of its own.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let float = || self.get::<f64>(field).filter(|f| f.fract() == 0.0 && (0.0..=EXACT).contains(f));
        self.get::<u64>(field).or_else(|| float().map(|float| float as u64))
    }

    /// The first of these fields that holds a number: libraries have different names for one thing.
    pub(crate) fn number_of(&self, fields: &[&str]) -> Option<u64> {
        fields.iter().find_map(|field| self.number(field))
    }

    /// A number with or without a fraction.
    pub(crate) fn float(&self, field: &str) -> Option<f64> {
        self.get(field)
    }

    /// True or false.
    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        self.get(field)
    }

    /// A list of texts; a text alone is a list of one.
    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        self.get(field).or_else(|| self.text(field).map(|text| vec![text])).unwrap_or_default()
    }

    /// An object inside this one.
    pub(crate) fn object(&self, field: &str) -> Option<Document> {
        self.get(field).map(Self)
    }

    /// Whether the field is there, null not counted.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|raw| raw.get() != "null")
    }

    /// The names of its fields, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_costs_only_itself() {
        let document = Document::parse(br#"{"a": "x", "b": 7, "c": [1], "d": null, "e": {"f": 4096.0}}"#).unwrap();
        assert_eq!(document.text("a").as_deref(), Some("x"));
        assert_eq!((document.number("a"), document.number("b"), document.text("b")), (None, Some(7), None));
        assert!(document.texts("c").is_empty());
        assert_eq!(document.texts("a"), ["x"]);
        assert!(document.has("c") && !document.has("d") && !document.has("z"));
        assert_eq!(document.object("e").unwrap().number("f"), Some(4096));
        assert_eq!((document.short::<String>("a", 3).as_deref(), document.short::<String>("a", 2)), (Some("x"), None));
    }

    #[test]
    fn numbers_beyond_what_can_be_meant_are_none() {
        let document = Document::parse(br#"{"a": 1e30, "b": -3, "c": 0.5, "d": 99999999999999999999999}"#).unwrap();
        for field in ["a", "b", "c", "d"] {
            assert_eq!(document.number(field), None, "{field}");
        }
    }

    #[test]
    fn what_is_no_object_is_an_error_and_deep_nesting_does_no_harm() {
        for text in ["", "[]", "3", "{", r#"{"a": }"#, "\u{feff}{}"] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!(r#"{{"deep": {}{}, "a": "x"}}"#, "[".repeat(200_000), "]".repeat(200_000));
        let document = Document::parse(deep.as_bytes()).unwrap();
        assert_eq!(document.text("a").as_deref(), Some("x"));
        assert_eq!(document.get::<serde_json::Value>("deep"), None);
    }
}
