//! Booleans as every generation of clients writes them.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};

/// `true`, `True` and `1`, or their opposites: old Python clients send `True`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Flag {
    pub(super) fn parse(text: &str) -> Result<bool, String> {
        match text {
            "true" | "True" | "TRUE" | "1" => Ok(true),
            "false" | "False" | "FALSE" | "0" | "" => Ok(false),
            _ => Err(format!("'{}' is neither true nor false", text.escape_debug())),
        }
    }
}

impl Type for Flag {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "boolean".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("boolean")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromParameter for Flag {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::parse(value).map(Self).map_err(ParseError::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_both_values_is_read_and_no_other() {
        for text in ["true", "True", "1"] {
            assert_eq!(Flag::parse_from_parameter(text).ok(), Some(Flag(true)));
        }
        for text in ["false", "False", "0"] {
            assert_eq!(Flag::parse_from_parameter(text).ok(), Some(Flag(false)));
        }
        for text in ["yes", "2", "tru"] {
            assert!(Flag::parse_from_parameter(text).is_err(), "{text}");
        }
    }
}
