//! Where the hub sends to: never to itself or its neighbours, unless its operator allows it.
//!
//! A name is looked up when a message is sent, and only addresses that are allowed are connected to, so that a name
//! which leads elsewhere the second time leads nowhere.

use std::net::{IpAddr, SocketAddr};

use ballast_types::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The longest address, in bytes.
const MAX_URL: usize = 2000;

/// An address that a webhook may have, or why it may not.
pub(super) fn checked(text: &str, allow_private: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("'{}' is no address: {error}", text.escape_debug()))?;
    if text.len() > MAX_URL {
        return Err(format!("it is longer than {MAX_URL} bytes"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("'{}' is no scheme that is sent to; it is http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or a password; use the secret".to_owned());
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err("it has no host".to_owned()),
    };
    match literal.filter(|address| !allow_private && !is_public(*address)) {
        Some(address) => {
            Err(format!("{address} is not an address of the public internet, which the operator must allow"))
        }
        None => Ok(url),
    }
}

/// Looks names up, and answers only addresses of the public internet.
pub(super) struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} is not on the public internet", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_of_private_networks_are_refused_however_they_are_written() {
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://198.18.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[ff02::1]/",
            "http://[2001:db8::1]/",
        ] {
            assert!(checked(private, false).is_err(), "{private}");
            assert!(checked(private, true).is_ok(), "{private}");
        }
        for public in ["https://example.org/hook", "http://93.184.216.34:8080/", "http://[2606:2800:220:1::1]/"] {
            assert!(checked(public, false).is_ok(), "{public}");
        }
    }

    #[test]
    fn what_is_no_address_to_send_to_is_refused_with_the_reason() {
        for (text, why) in [
            ("ftp://example.org/", "'ftp' is no scheme"),
            ("file:///etc/passwd", "'file' is no scheme"),
            ("example.org", "is no address"),
            ("https://user:secret@example.org/", "use the secret"),
        ] {
            let refusal = checked(text, true).unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }
}
