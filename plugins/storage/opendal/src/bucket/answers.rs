//! What a provider says, read leniently: providers leave out what they hold to be idle.

use ballast_contract::storage::UploadedPart;
use serde::Deserialize;

/// A refusal; also what stands in an answer of success that is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// An upload in parts has begun.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Begun {
    pub(crate) upload_id: String,
}

/// Some of the parts of an upload.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Parts {
    #[serde(rename = "Part")]
    parts: Vec<Part>,
    is_truncated: bool,
    next_part_number_marker: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    part_number: u32,
    #[serde(rename = "ETag", default)]
    etag: String,
    size: u64,
}

impl Parts {
    /// They, and behind which number the next ones are asked for.
    pub(crate) fn read(self) -> (Vec<(UploadedPart, u64)>, Option<u32>) {
        let part = |part: &Part| UploadedPart { number: part.part_number, etag: part.etag.clone() };
        let part = |listed: Part| (part(&listed), listed.size);
        let next = self.next_part_number_marker.filter(|_| self.is_truncated);
        (self.parts.into_iter().map(part).collect(), next)
    }
}

/// Some of the uploads in parts that are not finished.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Uploads {
    #[serde(rename = "Upload")]
    pub(crate) uploads: Vec<Unfinished>,
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Unfinished {
    pub(crate) key: String,
    pub(crate) upload_id: String,
    /// When it began, as RFC 3339 has it.
    pub(crate) initiated: String,
}

impl Uploads {
    /// Behind which key and id the next ones are asked for.
    pub(crate) fn next(&self) -> Option<(String, String)> {
        let more = self.is_truncated && !self.next_key_marker.is_empty();
        more.then(|| (self.next_key_marker.clone(), self.next_upload_id_marker.clone()))
    }
}

/// The list of parts to join. Etags come from clients, and can hold anything.
pub(crate) fn completion(parts: &[UploadedPart]) -> String {
    let part = |part: &UploadedPart| {
        let etag = format!("\"{}\"", part.etag.trim_matches('"'));
        let etag = quick_xml::escape::escape(&etag);
        format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", part.number)
    };
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_parts_without_etags_and_marks_is_read() {
        let xml = "<ListPartsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>b</Bucket><Part>\
                   <PartNumber>2</PartNumber><Size>7</Size></Part></ListPartsResult>";
        let (parts, next) = quick_xml::de::from_str::<Parts>(xml).unwrap().read();
        assert_eq!(parts, [(UploadedPart { number: 2, etag: String::new() }, 7)]);
        assert_eq!(next, None);
    }

    #[test]
    fn a_page_of_parts_says_where_the_next_begins() {
        let xml = "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part>\
                   <PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag><Size>7</Size></Part></ListPartsResult>";
        let (parts, next) = quick_xml::de::from_str::<Parts>(xml).unwrap().read();
        assert_eq!((parts[0].0.etag.as_str(), next), ("\"a\"", Some(1)));
    }

    #[test]
    fn an_etag_cannot_leave_its_place() {
        let part = UploadedPart { number: 1, etag: "\"a</ETag><x>\"".to_owned() };
        assert!(completion(&[part]).contains("<ETag>&quot;a&lt;/ETag&gt;&lt;x&gt;&quot;</ETag>"));
    }

    #[test]
    fn a_success_that_is_a_refusal_is_told_apart() {
        let refusal = |xml| quick_xml::de::from_str::<Refusal>(xml).unwrap().code;
        assert_eq!(refusal("<Error><Code>InternalError</Code><Message>again</Message></Error>"), "InternalError");
        assert_eq!(refusal("<CompleteMultipartUploadResult><ETag>\"a-1\"</ETag></CompleteMultipartUploadResult>"), "");
    }
}
