//! What a request shows to say who sent it.

use ballast_contract::auth::Credential;
use ballast_services::{Failure, HubToken};
use ballast_types::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads an `Authorization` header. None is nobody; one that cannot be read is a wrong credential, not none.
pub fn read(header: Option<&[u8]>) -> Result<Option<Credential>, Failure> {
    let Some(header) = header else { return Ok(None) };
    let text = std::str::from_utf8(header).map_err(|_| Failure::BadCredential)?.trim();
    let (scheme, value) = text.split_once(' ').ok_or(Failure::BadCredential)?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        // What stands behind it is for other hubs.
        let value = value.split('|').next().unwrap_or_default().trim();
        if value.is_empty() {
            return Err(Failure::BadCredential);
        }
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

/// The most tokens for other hubs that one request brings along.
const MOST_ELSEWHERE: usize = 16;

/// The tokens for other hubs that stand behind the one for this hub: `Bearer TOKEN|https://huggingface.co,hf_…|…`. `Invalid`
/// where they cannot be read.
pub fn elsewhere(header: Option<&[u8]>) -> Result<Vec<HubToken>, Failure> {
    let text = header.and_then(|header| std::str::from_utf8(header).ok()).unwrap_or_default().trim();
    let Some((scheme, value)) = text.split_once(' ') else { return Ok(vec![]) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(vec![]);
    }
    let read = |part: &str| {
        let (endpoint, token) = part.split_once(',')?;
        let (endpoint, token) = (endpoint.trim(), token.trim());
        let is_address = ["http://", "https://"].iter().any(|scheme| endpoint.to_ascii_lowercase().starts_with(scheme));
        let told = HubToken { endpoint: endpoint.to_owned(), token: Secret::new(token) };
        Some(told).filter(|_| is_address && !token.is_empty())
    };
    let tokens: Option<Vec<HubToken>> = value.split('|').skip(1).map(read).collect();
    tokens.filter(|tokens| tokens.len() <= MOST_ELSEWHERE).ok_or_else(|| Failure::Invalid(ELSEWHERE.to_owned()))
}

/// Never with what was sent: it may be a token.
const ELSEWHERE: &str = "Authorization: behind this hub's token stand, each after '|', the address of another hub, a comma and \
                         your token for it, at most 16, as in 'TOKEN|https://huggingface.co,TOKEN_THERE'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_for_other_hubs_stand_behind_the_one_for_this_hub() {
        let told = |header: &str| {
            let tokens = elsewhere(Some(header.as_bytes()))?;
            Ok::<_, Failure>(
                tokens.into_iter().map(|told| (told.endpoint, told.token.expose().to_owned())).collect::<Vec<_>>(),
            )
        };
        let both = "Bearer hf_x|https://huggingface.co,hf_a,b| HTTP://hub:1/x , t ";
        let pair = |endpoint: &str, token: &str| (endpoint.to_owned(), token.to_owned());
        assert_eq!(told(both).unwrap(), [pair("https://huggingface.co", "hf_a,b"), pair("HTTP://hub:1/x", "t")]);
        let own = Some(Credential::Bearer { token: Secret::new("hf_x") });
        assert_eq!(read(Some(both.as_bytes())).unwrap(), own);
        for none in ["", "Bearer hf_x", "Basic dTp8aHR0cA=="] {
            assert_eq!(told(none).unwrap(), [], "{none}");
        }
        assert!(elsewhere(None).unwrap().is_empty());
        assert!(matches!(read(Some(b"Bearer |https://huggingface.co,hf_a")), Err(Failure::BadCredential)));
        let many = format!("Bearer x{}", "|https://a,b".repeat(17));
        for wrong in [
            "Bearer x|",
            "Bearer x|https://a",
            "Bearer x|https://a,",
            "Bearer x|hf_secret",
            "Bearer x|a,hf_secret",
            &many,
        ] {
            let why = told(wrong).unwrap_err().to_string();
            assert!(why.contains("a comma and") && !why.contains("hf_secret"), "{wrong}: {why}");
        }
    }

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
