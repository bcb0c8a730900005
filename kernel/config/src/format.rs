//! The texts that have a form of their own: the `format` words of our schemas.

use ballast_types::Name;

/// Why a text does not have this form, if it does not. Formats that we did not make are annotations only.
pub(crate) fn refuse(format: &str, text: &str) -> Option<String> {
    let fault = |ok: bool, what: &str| (!ok).then(|| what.to_owned());
    match format {
        "name" => text.parse::<Name>().err().map(|error| error.to_string()),
        "namespace" => match text.parse::<Name>() {
            Err(error) => Some(error.to_string()),
            // The first start makes this one, and a deployment may declare its password.
            Ok(name) if name.as_str() == "admin" => None,
            Ok(name) => name.is_reserved().then(|| format!("'{name}' is taken by the hub's own pages; choose another")),
        },
        "host-port" => fault(is_host_port(text), "expected ADDRESS:PORT, such as 127.0.0.1:28080 or [::]:28080"),
        "http-url" => fault(is_http(text, true), "expected an address such as https://hub.example.org"),
        "origin" => {
            fault(text == "*" || is_http(text, false), "expected an origin such as https://app.example.org, or *")
        }
        "suffix" => fault(
            text.len() > 1
                && text.starts_with('.')
                && !text.contains(['/', '*'])
                && !text.contains(char::is_whitespace),
            "expected the end of a file name, such as .safetensors",
        ),
        "email" => fault(is_email(text), "expected an address such as demo@example.org"),
        _ => None,
    }
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => return address.parse::<std::net::Ipv6Addr>().is_ok() && port.parse::<u16>().is_ok(),
        None => host,
    };
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    !host.is_empty() && host.bytes().all(bare) && port.parse::<u16>().is_ok()
}

fn is_http(text: &str, may_have_path: bool) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@' | b'"'));
    !host.is_empty() && plain(host) && path.is_none_or(|path| may_have_path && plain(path))
}

fn is_email(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or_default();
    !user.is_empty() && !host.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        for (format, good, bad) in [
            ("host-port", "[::1]:0", "::1"),
            ("host-port", "localhost:28080", "localhost"),
            ("host-port", "0.0.0.0:80", "0.0.0.0:70000"),
            ("http-url", "https://hub.example.org/models", "hub.example.org"),
            ("origin", "http://localhost:3000", "https://app.example.org/"),
            ("origin", "*", "app"),
            ("suffix", ".tar.gz", "*.gz"),
            ("email", "a@b.c", "a.b.c"),
            ("namespace", "lab", "api"),
            ("name", "api", "a--b"),
        ] {
            assert_eq!(refuse(format, good), None, "{format} {good}");
            assert!(refuse(format, bad).is_some(), "{format} {bad}");
        }
    }
}
