//! Where attempts come from, as far as one asker can choose it.

use std::net::{IpAddr, Ipv6Addr};

/// An address, or the /64 of an IPv6 address: a whole one is what one host is given (RFC 4291 section 2.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn check(one: &str, other: &str, is_same: bool) {
        let of = |address: &str| Source::of(address.parse().unwrap());
        assert_eq!(of(one) == of(other), is_same, "{one} {other}");
    }

    #[test]
    fn a_host_cannot_choose_its_source() {
        check("10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "::ffff:10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }
}
