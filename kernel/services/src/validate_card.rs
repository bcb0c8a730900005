//! Checks the YAML at the top of a README before it is committed.

use ballast_types::RepoKind;
use serde_yaml_ng::{Mapping, Value};

use crate::Hub;

/// What is wrong with a card, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardReport {
    /// With any of these the card is refused.
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

/// The licences that the Hub knows by an identifier (its documentation, "Licenses").
const LICENSES: &[&str] = &[
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "apple-amlr",
    "apple-ascl",
    "artistic-2.0",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "c-uda",
    "cc",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "eupl-1.2",
    "fair-noncommercial-research-license",
    "gemma",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "h-research",
    "intel-research",
    "isc",
    "lgpl",
    "lgpl-2.1",
    "lgpl-3.0",
    "lgpl-lr",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "lppl-1.3c",
    "mit",
    "mpl-2.0",
    "ms-pl",
    "ncsa",
    "odbl",
    "odc-by",
    "ofl-1.1",
    "open-mdw",
    "openmdw-1.0",
    "openrail",
    "openrail++",
    "osl-3.0",
    "other",
    "pddl",
    "postgresql",
    "unknown",
    "unlicense",
    "wtfpl",
    "zlib",
];

/// The most of a card that is parsed, in bytes: YAML can be made to cost far more than its length.
const MAX_METADATA: usize = 256 * 1024;

/// The most brackets of a card that are open at once. The parser's time grows with their square before it comes to
/// its own limit: sixty thousand of them, 60 KB, took it five seconds.
const MAX_DEPTH: usize = 100;

impl Hub {
    /// Reads a card's front matter and says what is wrong with it. Never fails: a broken card is an answer.
    pub fn validate_card(&self, content: &str, kind: RepoKind) -> CardReport {
        let mut report = CardReport::default();
        match front_matter(content) {
            None => report.warnings.push("empty or missing yaml metadata in repo card".to_owned()),
            Some(Err(why)) => report.errors.push(why),
            Some(Ok(metadata)) => check(&metadata, kind, &mut report),
        }
        report
    }
}

/// The YAML between two lines `---`; none where the text does not begin with it or it is empty.
pub(crate) fn front_matter(content: &str) -> Option<Result<Mapping, String>> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let body =
        content.strip_prefix("---").and_then(|rest| rest.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n'))?;
    let mut length = 0;
    let closed = body.split_inclusive('\n').find_map(|line| match line.trim_end() {
        "---" => Some(length),
        _ => {
            length += line.len();
            None
        }
    });
    let Some(end) = closed else {
        return Some(Err("the metadata begins with '---' but has no line '---' at its end".to_owned()));
    };
    if end > MAX_METADATA {
        return Some(Err(format!("the metadata is longer than {MAX_METADATA} bytes")));
    }
    if depth(&body[..end]) > MAX_DEPTH {
        return Some(Err(format!("the metadata is nested more than {MAX_DEPTH} levels deep")));
    }
    match serde_yaml_ng::from_str::<Value>(&body[..end]) {
        Ok(Value::Null) => None,
        Ok(Value::Mapping(metadata)) => Some(Ok(metadata)),
        Ok(_) => Some(Err("the metadata must be a mapping of keys to values".to_owned())),
        Err(error) => Some(Err(format!("the metadata is not valid YAML: {error}"))),
    }
}

/// The most brackets that are open at once, those in texts and comments counted too.
fn depth(yaml: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in yaml.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn check(metadata: &Mapping, kind: RepoKind, report: &mut CardReport) {
    let texts = |key: &str, report: &mut CardReport| match metadata.get(key) {
        None | Some(Value::Null) => vec![],
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Sequence(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => {
            report.errors.push(format!("\"{key}\" must be a string or a list of strings"));
            vec![]
        }
    };
    for license in texts("license", report) {
        if !LICENSES.contains(&license.to_ascii_lowercase().as_str()) {
            report.errors.push(format!("\"license\" must be one of [{}]", LICENSES.join(", ")));
        }
    }
    for key in ["tags", "language", "datasets", "metrics", "base_model"] {
        texts(key, report);
    }
    if kind == RepoKind::Space {
        match metadata.get("sdk") {
            Some(Value::String(sdk)) if ["gradio", "docker", "static", "streamlit"].contains(&sdk.as_str()) => {}
            Some(_) => report.errors.push("\"sdk\" must be one of [gradio, docker, static, streamlit]".to_owned()),
            None => report.warnings.push("\"sdk\" is not set: a space says how it is run".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(content: &str) -> CardReport {
        let mut report = CardReport::default();
        match front_matter(content) {
            None => report.warnings.push(String::new()),
            Some(Err(why)) => report.errors.push(why),
            Some(Ok(metadata)) => check(&metadata, RepoKind::Model, &mut report),
        }
        report
    }

    #[test]
    fn a_good_card_has_nothing_wrong() {
        assert_eq!(report("---\nlicense: mit\ntags:\n- a\n---\n# Hello\n"), CardReport::default());
    }

    #[test]
    fn an_empty_card_is_a_warning() {
        for content in ["", "# Hello", "---\n---\n# x", "---\n\n---\n"] {
            let report = report(content);
            assert_eq!((report.errors.len(), report.warnings.len()), (0, 1), "{content:?}");
        }
    }

    #[test]
    fn a_card_that_is_made_to_be_dear_is_refused_before_it_is_parsed() {
        for deep in ["[".repeat(200_000), "{a: ".repeat(50_000), "[{".repeat(100_000), "[\n".repeat(100_000)] {
            assert!(report(&format!("---\na: {deep}\n---\n")).errors[0].contains("levels deep"));
        }
        assert!(report("---\nx: [[[{a: []}]]]\n---\n").errors.is_empty());
    }

    #[test]
    fn a_broken_card_says_what_is_wrong() {
        assert!(report("---\nlicense: asdf\n---\n").errors[0].starts_with("\"license\" must be one of"));
        assert!(report("---\na: [\n---\n").errors[0].contains("not valid YAML"));
        assert!(report("---\n- a\n---\n").errors[0].contains("mapping"));
        assert!(report("---\na: 1\n").errors[0].contains("no line '---'"));
        assert!(report("---\ntags: {a: 1}\n---\n").errors[0].contains("\"tags\""));
    }
}
