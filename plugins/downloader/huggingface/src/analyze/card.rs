//! The metadata of a card: the YAML at the head of `README.md`, or the same as the hub has parsed it.

use serde_json::Value;

/// The longest metadata that is read, in bytes: cards of datasets with hundreds of configurations have some 100 KiB.
pub(crate) const MAX: usize = 256 * 1024;

/// The most brackets that may be open at once: a YAML reader's time grows with the square of them.
const MAX_DEPTH: usize = 100;

/// A card's metadata; null where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Card(Value);

impl Card {
    /// Metadata that was parsed already.
    pub(crate) fn new(metadata: Value) -> Self {
        Self(metadata)
    }

    /// Reads the head of a README; an empty card where it has no metadata, and why where they make no sense.
    pub(crate) fn parse(readme: &str) -> Result<Self, String> {
        let Some(yaml) = front_matter(readme) else { return Ok(Self::default()) };
        if yaml.len() > MAX {
            return Err(format!("the metadata are longer than {MAX} bytes"));
        }
        if depth(yaml) > MAX_DEPTH {
            return Err(format!("the metadata are nested more than {MAX_DEPTH} levels deep"));
        }
        let read = serde_yaml_ng::from_str::<Value>(yaml).map_err(|error| format!("the metadata are no YAML: {error}"));
        read.map(Self)
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// A list of texts; a text alone is a list of one.
    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        self.many(key).filter_map(Value::as_str).collect()
    }

    /// The things under a key: the items of a list, or the one thing.
    pub(crate) fn many(&self, key: &str) -> impl Iterator<Item = &Value> {
        many(self.0.get(key))
    }
}

/// The items of a list, or the one thing that stands there instead.
pub(crate) fn many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        None | Some(Value::Null) => [].iter(),
        Some(Value::Array(items)) => items.iter(),
        Some(one) => std::slice::from_ref(one).iter(),
    }
}

/// What stands between two lines `---` at the beginning.
fn front_matter(readme: &str) -> Option<&str> {
    let text = readme.strip_prefix('\u{feff}').unwrap_or(readme).strip_prefix("---")?;
    let text = text.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n')?;
    let end = text.match_indices("---").map(|(at, _)| at).find(|at| {
        let begins = *at == 0 || text[..*at].ends_with('\n');
        begins && text[at + 3..].lines().next().is_none_or(|rest| rest.trim().is_empty())
    })?;
    Some(&text[..end])
}

/// The most brackets that are open at once, those in texts counted too.
fn depth(yaml: &str) -> usize {
    let step = |(open, most): (usize, usize), byte: u8| match byte {
        b'[' | b'{' => (open + 1, most.max(open + 1)),
        b']' | b'}' => (open.saturating_sub(1), most),
        _ => (open, most),
    };
    yaml.bytes().fold((0, 0), step).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_read_from_the_head_of_a_readme() {
        let card = Card::parse("---\r\nlanguage: de\r\ntags:\r\n- a\r\n- b\r\n---\r\n# Title\n---\n").unwrap();
        assert_eq!((card.texts("language"), card.texts("tags")), (vec!["de"], vec!["a", "b"]));
        assert_eq!((card.text("language"), card.text("tags")), (Some("de"), None));
        assert!(!card.is_empty());
    }

    #[test]
    fn a_readme_without_metadata_is_an_empty_card() {
        for text in ["", "# Title", "---", "---\na: 1", "--- a\n---\n", "---\n---\n", "---\n\n---"] {
            assert!(Card::parse(text).unwrap().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn metadata_that_make_no_sense_say_so() {
        let deep = format!("---\na: {}\n---\n", "[".repeat(101));
        let long = format!("---\na: {}\n---\n", "x".repeat(MAX));
        let bomb = format!(
            "---\na0: &a0 x\n{}---\n",
            (1..40).map(|n| { format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1) }).collect::<String>()
        );
        for text in ["---\na: [\n---\n", "---\na: b: c\n---\n", &deep, &long, &bomb] {
            assert!(Card::parse(text).is_err(), "{}", &text[..20.min(text.len())]);
        }
    }
}
