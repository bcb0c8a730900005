//! What a request shows to say who sent it.

use ballast_contract::auth::Credential;
use ballast_services::Failure;
use ballast_types::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads an `Authorization` header. None is nobody; one that cannot be read is a wrong credential, not none.
pub fn read(header: Option<&[u8]>) -> Result<Option<Credential>, Failure> {
    let Some(header) = header else { return Ok(None) };
    let text = std::str::from_utf8(header).map_err(|_| Failure::BadCredential)?.trim();
    let (scheme, value) = text.split_once(' ').ok_or(Failure::BadCredential)?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !value.is_empty() {
        return Ok(Some(Credential::Bearer { token: Secret::new(value) }));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(value).map_err(|_| Failure::BadCredential)?;
        let decoded = String::from_utf8(decoded).map_err(|_| Failure::BadCredential)?;
        let (user, secret) = decoded.split_once(':').ok_or(Failure::BadCredential)?;
        return Ok(Some(Credential::Basic { user: user.to_owned(), secret: Secret::new(secret) }));
    }
    Err(Failure::BadCredential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_are_read_in_any_case() {
        let bearer = |token: &str| Some(Credential::Bearer { token: Secret::new(token) });
        assert_eq!(read(Some(b"Bearer hf_x")).unwrap(), bearer("hf_x"));
        assert_eq!(read(Some(b"bearer  hf_x ")).unwrap(), bearer("hf_x"));
        let basic = Credential::Basic { user: "u".to_owned(), secret: Secret::new("p:q") };
        assert_eq!(read(Some(b"Basic dTpwOnE=")).unwrap(), Some(basic));
        assert_eq!(read(None).unwrap(), None);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_a_wrong_credential() {
        for header in ["", "Bearer", "Bearer ", "Basic !!", "Basic dTpw\u{e9}", "Basic dQ==", "Digest x"] {
            assert!(matches!(read(Some(header.as_bytes())), Err(Failure::BadCredential)), "{header}");
        }
        assert!(read(Some(b"Bearer \xff")).is_err());
    }
}
