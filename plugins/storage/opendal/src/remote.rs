//! What a provider said, in the words of the contract: what was done to what, where, what the answer was, what to do.

use std::error::Error as _;
use std::io;

use ballast_contract::{Error, ErrorKind};

/// How much of an answer is repeated, in characters. Some providers send pages.
const LONGEST: usize = 300;

/// A provider, for errors.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// `bucket 'models' at https://s3.example.org`
    pub(crate) name: String,
}

/// What went wrong, as far as it makes a difference what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Absent,
    OutOfRange,
    Full,
    Clock,
    Key,
    Rights,
    NoBucket,
    Busy,
    Silent,
}

impl Trouble {
    /// By the provider's own word for it. None where the word says nothing more than the status.
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "NoSuchKey" | "NoSuchUpload" => Self::Absent,
            "InvalidRange" => Self::OutOfRange,
            "QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" | "StorageCapExceeded" => Self::Full,
            "RequestTimeTooSkewed" => Self::Clock,
            "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" => Self::Key,
            "AccessDenied" | "AllAccessDisabled" => Self::Rights,
            "NoSuchBucket" => Self::NoBucket,
            "SlowDown" | "TooManyRequests" | "ServiceUnavailable" => Self::Busy,
            _ => return None,
        })
    }

    fn of_status(status: u16) -> Self {
        match status {
            404 => Self::Absent,
            416 => Self::OutOfRange,
            507 => Self::Full,
            401 | 403 => Self::Rights,
            429 | 503 => Self::Busy,
            _ => Self::Silent,
        }
    }

    fn of_kind(kind: opendal::ErrorKind) -> Self {
        match kind {
            opendal::ErrorKind::NotFound => Self::Absent,
            opendal::ErrorKind::RangeNotSatisfied => Self::OutOfRange,
            opendal::ErrorKind::PermissionDenied => Self::Rights,
            opendal::ErrorKind::RateLimited => Self::Busy,
            _ => Self::Silent,
        }
    }

    /// The provider's refusal of us is no refusal of the hub's caller: to them the hub cannot do it now.
    fn kind(self) -> ErrorKind {
        match self {
            Self::Absent => ErrorKind::NotFound,
            Self::OutOfRange => ErrorKind::Invalid,
            Self::Full => ErrorKind::NoRoom,
            _ => ErrorKind::Unavailable,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Absent | Self::OutOfRange => "",
            Self::Full => "; make room there",
            Self::Clock => "; set this machine's clock",
            Self::Key => "; see that 'access_key_id', 'secret_access_key' and 'region' are right",
            Self::Rights => "; see that the key may read, write, list and delete there",
            Self::NoBucket => "; make the bucket, or set 'bucket' to one that is there",
            Self::Busy => "; try again in a while",
            Self::Silent => "; see that it is up and that 'endpoint' is right",
        }
    }
}

impl Remote {
    /// What OpenDAL said while `what` was worked on.
    pub(crate) fn told(&self, error: &opendal::Error, operation: &str, what: &str) -> Error {
        let (code, said) = answer(error.message());
        let trouble = code.and_then(Trouble::of_code).unwrap_or_else(|| Trouble::of_kind(error.kind()));
        let cause = root(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.error(trouble, operation, what, &format!("{said}{cause}"))
    }

    /// The same for an error that came in the middle of a body.
    pub(crate) fn broken(&self, error: &io::Error, operation: &str, what: &str) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<opendal::Error>()) {
            Some(error) => self.told(error, operation, what),
            None => self.error(Trouble::Silent, operation, what, &error.to_string()),
        }
    }

    /// A refusal that was read from the wire.
    pub(crate) fn refused(&self, status: u16, code: &str, message: &str, operation: &str, what: &str) -> Error {
        let trouble = Trouble::of_code(code).unwrap_or_else(|| Trouble::of_status(status));
        self.error(trouble, operation, what, &format!("status {status} {code} {message}"))
    }

    fn error(&self, trouble: Trouble, operation: &str, what: &str, said: &str) -> Error {
        let said = if said.trim().is_empty() { "it gave no reason" } else { said.trim() };
        let said: String = said.chars().take(LONGEST).collect();
        let context = format!("{what} in {}: {said}{}", self.name, trouble.advice());
        Error::new(trouble.kind(), operation, context)
    }
}

/// The provider's word and its sentence. OpenDAL shows what it read as a debugger does.
fn answer(message: &str) -> (Option<&str>, String) {
    let field = |name: &str| {
        let start = message.find(&format!("{name}: \""))? + name.len() + 3;
        let end = message[start..].find("\", ").map_or(message.len(), |length| start + length);
        message.get(start..end)
    };
    match message.starts_with("S3Error {").then(|| field("code")).flatten() {
        Some("") => (None, "it gave no reason".to_owned()),
        Some(code) => (Some(code), format!("{code}: {}", field("message").unwrap_or_default())),
        None => (None, message.to_owned()),
    }
}

/// The innermost cause: what is around it says the address, which may be signed, and nothing more.
fn root(error: &opendal::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        Remote { name: "bucket 'b' at http://h".to_owned() }
    }

    #[test]
    fn an_error_says_what_where_why_and_what_to_do() {
        let message = "S3Error { code: \"RequestTimeTooSkewed\", message: \"The difference is too large\", resource: \"\", \
                       request_id: \"1\" }";
        let error = opendal::Error::new(opendal::ErrorKind::PermissionDenied, message);
        let told = remote().told(&error, "storage.read", "lfs/a");
        let expected = "storage.read: lfs/a in bucket 'b' at http://h: RequestTimeTooSkewed: The difference is too large; \
                        set this machine's clock";
        assert_eq!(told.to_string(), expected);
        assert_eq!(told.kind, ErrorKind::Unavailable);
    }

    #[test]
    fn a_provider_that_refuses_the_hub_is_unavailable_and_not_the_callers_fault() {
        for (status, code) in
            [(403, "AccessDenied"), (404, "NoSuchBucket"), (400, "ExpiredToken"), (503, ""), (500, "")]
        {
            assert_eq!(remote().refused(status, code, "", "o", "k").kind, ErrorKind::Unavailable, "{status} {code}");
        }
        assert_eq!(remote().refused(404, "NoSuchUpload", "", "o", "k").kind, ErrorKind::NotFound);
        assert_eq!(remote().refused(507, "", "", "o", "k").kind, ErrorKind::NoRoom);
    }

    #[test]
    fn a_page_of_html_is_cut_and_an_address_in_the_context_is_not_repeated() {
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "x".repeat(5000));
        let error = error.with_context("url", "http://h/b/k?X-Amz-Signature=5ec4e7");
        let told = remote().told(&error, "storage.read", "k").to_string();
        assert!(told.len() < 500 && !told.contains("5ec4e7"), "{told}");
    }
}
