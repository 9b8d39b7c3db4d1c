//! Networks in CIDR notation (RFC 4632, RFC 4291 §2.3), for lists of addresses that are not to be
//! touched.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// A network: an address and the number of leading bits that count. IPv4 is held as IPv4-mapped
/// IPv6, so that one spelling of an address cannot slip past another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    bits: u128,
    prefix: u32,
}

/// Text that is not a network, or too many networks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The text is not an address with an optional prefix length.
    #[error("`{0}` is not an IP address or a network such as `192.0.2.0/24`")]
    Text(String),
    /// The list is too long.
    #[error("the list has more than {max} networks", max = limits::NETWORKS_MAX)]
    TooMany,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError::Text(text.chars().take(80).collect());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p <= width).ok_or_else(error)?
            }
            Some(_) => return Err(error()),
        };
        let prefix = prefix + 128 - width;
        Ok(Self { bits: bits(address) & mask(prefix), prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Ipv6Addr::from(self.bits).to_canonical() {
            IpAddr::V4(address) if self.prefix >= 96 => {
                write!(f, "{address}/{}", self.prefix - 96)
            }
            _ => write!(f, "{}/{}", Ipv6Addr::from(self.bits), self.prefix),
        }
    }
}

/// A list of networks in which an address is looked up by prefix length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    all: BTreeSet<Network>,
    prefixes: BTreeSet<u32>,
}

impl Networks {
    /// Reads a list of networks, one an item. An item that is not a network is an error: a list
    /// that protects is whole or not taken.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        let mut list = Self::default();
        for item in items {
            if list.all.len() == limits::NETWORKS_MAX {
                return Err(NetworkError::TooMany);
            }
            let network: Network = item.parse()?;
            list.prefixes.insert(network.prefix);
            list.all.insert(network);
        }
        Ok(list)
    }

    /// Whether an address, or the IPv4 address that it stands for behind a NAT64 (RFC 6052), lies
    /// in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        let own = bits(address);
        let behind = behind_nat64(address).map(bits);
        [Some(own), behind].into_iter().flatten().any(|bits| {
            self.prefixes
                .iter()
                .any(|&prefix| self.all.contains(&Network { bits: bits & mask(prefix), prefix }))
        })
    }
}

/// 128 bits of an address; an IPv4 address is the IPv6 address that it is mapped to.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn behind_nat64(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = v6.segments() else { return None };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into())
}

const fn mask(prefix: u32) -> u128 {
    match u128::MAX.checked_shl(128 - prefix) {
        Some(mask) => mask,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(items: &[&str]) -> Networks {
        Networks::parse(items.iter().copied()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_in_every_spelling() {
        let net = list(&["192.0.2.128/25", "2001:db8::/33"]);
        for inside in ["192.0.2.128", "192.0.2.255", "::ffff:192.0.2.200", "2001:db8:7fff::1"] {
            assert!(net.contain(ip(inside)), "{inside}");
        }
        assert!(net.contain(ip("64:ff9b::192.0.2.129")), "behind a NAT64");
        for outside in ["192.0.2.127", "::192.0.2.200", "2001:db8:8000::1"] {
            assert!(!net.contain(ip(outside)), "{outside}");
        }
        assert!(list(&["0.0.0.0/0"]).contain(ip("203.0.113.1")));
        assert!(!list(&["0.0.0.0/0"]).contain(ip("2001:db8::1")));
        assert!(list(&["::/0"]).contain(ip("203.0.113.1")));
        assert!(!list(&["64:ff9b::/96"]).contain(ip("203.0.113.1")));
        assert!(!list(&[]).contain(ip("203.0.113.1")));
    }

    #[test]
    fn what_is_not_a_network_is_refused_with_the_whole_list() {
        for text in [
            "",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+8",
            "192.0.2/24",
            "::/129",
            "192.0.2.0/",
            "host.example",
        ] {
            assert!(Networks::parse(["192.0.2.1", text]).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_gives_the_network_back(
            address in prop_oneof![
                any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))),
                any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))),
            ],
            prefix in 0_u32..=128,
        ) {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let network: Network = format!("{address}/{}", prefix.min(width)).parse().unwrap();
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            prop_assert!(list(&[&network.to_string()]).contain(address));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = Networks::parse([text.as_str()]);
        }
    }
}
