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

    /// Whether an address lies in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.prefixes.iter().any(|&prefix| {
            self.all.contains(&Network { bits: bits(address) & mask(prefix), prefix })
        })
    }
}

/// 128 bits of an address; what embeds an IPv4 address (mapped, or NAT64 of RFC 6052) is that one.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let v4 = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
                v4.to_ipv6_mapped().to_bits()
            }
            _ => v6.to_bits(),
        },
    }
}

const fn mask(prefix: u32) -> u128 {
    match u128::MAX.checked_shl(128 - prefix) {
        Some(mask) => mask,
        None => 0,
    }
}
