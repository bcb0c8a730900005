//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use poem::http::HeaderMap;
use poem::{Addr, Request};

/// The address that failed logins and downloads are counted for: that of the connection, or behind a proxy the one that the proxy
/// saw. What a proxy appended is the last entry of `X-Forwarded-For`, and everything before that is the client's own story.
pub fn of(request: &Request) -> Option<IpAddr> {
    let Addr::SocketAddr(connected) = &request.remote_addr().0 else { return None };
    Some(client(connected.ip(), request.headers()))
}

/// Whether what a request says about where it was before is believed: a proxy is whoever connects from this machine or
/// a private network.
pub fn is_proxy(request: &Request) -> bool {
    match &request.remote_addr().0 {
        Addr::SocketAddr(connected) => is_near(&connected.ip().to_canonical()),
        // No network at all.
        _ => true,
    }
}

fn client(connected: IpAddr, headers: &HeaderMap) -> IpAddr {
    let connected = connected.to_canonical();
    if !is_near(&connected) {
        return connected;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|line| line.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    last.map_or(connected, |address| address.to_canonical())
}

fn is_near(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => *address == Ipv6Addr::LOCALHOST || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_near_proxy_saw_is_believed() {
        let seen = |connected: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            forwarded.iter().for_each(|line| _ = headers.append("x-forwarded-for", line.parse().unwrap()));
            client(connected.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &["1.2.3.4, 5.6.7.8"]), "5.6.7.8");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4", "2001:db8::1"]), "2001:db8::1");
        assert_eq!(seen("::ffff:192.168.1.1", &["::ffff:9.9.9.9"]), "9.9.9.9");
        assert_eq!(seen("8.8.8.8", &["1.2.3.4"]), "8.8.8.8");
        assert_eq!(seen("127.0.0.1", &["nonsense"]), "127.0.0.1");
    }
}
