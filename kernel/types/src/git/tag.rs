//! Annotated tag objects.

use super::ObjectKind;
use crate::GitOid;

/// What an annotated tag points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagText {
    pub object: GitOid,
    pub kind: ObjectKind,
    /// The name that it was made under; none where it is no UTF-8.
    pub name: Option<String>,
}

impl TagText {
    /// Reads a tag's first lines, which are always the same ones; none where they are not.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let mut field = |name: &str| lines.next()?.strip_prefix(name.as_bytes())?.strip_prefix(b" ");
        let object = std::str::from_utf8(field("object")?).ok()?.parse().ok()?;
        let kind = ObjectKind::from_word(field("type")?)?;
        let name = String::from_utf8(field("tag")?.to_vec()).ok();
        Some(Self { object, kind, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_what_it_points_at() {
        let text =
            "object e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\ntype commit\ntag v1\ntagger A <a@b> 0 +0000\n\nhello\n";
        let tag = TagText::parse(text.as_bytes()).unwrap();
        assert_eq!((tag.kind, tag.name.as_deref()), (ObjectKind::Commit, Some("v1")));
        for broken in ["", "object x\n", &text[7..], &text.replace("type commit", "type blubb"), &text[..50]] {
            assert_eq!(TagText::parse(broken.as_bytes()), None, "{broken}");
        }
    }
}
