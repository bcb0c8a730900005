//! Addresses of the public internet, and all others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether anybody on the internet can have this address (IANA's registries of special-purpose addresses, RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        // Shared by a provider's customers (RFC 6598), protocol assignments, benchmarks (RFC 2544), 6to4 relays.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (b == 18 || b == 19))
        || (a, b, c) == (192, 88, 99);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // One that stands for an address of version 4 leads there: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056).
    let segments = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(v4(high, low)),
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // Global unicast, without documentation (RFC 3849, RFC 9637) and protocol assignments (RFC 2928).
        [first, second, ..] => {
            (0x2000..0x4000).contains(&first)
                && (first, second) != (0x2001, 0xdb8)
                && !(first == 0x2001 && second < 0x200)
                && first != 0x3fff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_version_6_that_stands_for_one_of_version_4_is_as_public_as_that() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("2606:2800:220:1::1", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
