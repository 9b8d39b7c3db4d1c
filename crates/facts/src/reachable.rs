//! Addresses that stay reachable whoever asks (red line RL05): name servers of the root and of
//! `.com` and `.net`, well-known resolvers and clocks, the update servers of Debian and Ubuntu, and
//! what a machine needs to speak to its own link. The own gateway, hub, name servers and mirrors
//! differ from site to site and come with [`crate::Context`].
//!
//! Sources: the root hints of IANA, the operators' own pages, RFC 6890 (special-purpose addresses).

use crate::network::{NetworkError, Networks};

/// The built-in list.
const NETWORKS: &[&str] = &[
    // This host, this link, everybody.
    "0.0.0.0/32",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
    // Root name servers, a to m.
    "198.41.0.4",
    "2001:503:ba3e::2:30",
    "170.247.170.2",
    "2801:1b8:10::b",
    "192.33.4.12",
    "2001:500:2::c",
    "199.7.91.13",
    "2001:500:2d::d",
    "192.203.230.10",
    "2001:500:a8::e",
    "192.5.5.241",
    "2001:500:2f::f",
    "192.112.36.4",
    "2001:500:12::d0d",
    "198.97.190.53",
    "2001:500:1::53",
    "192.36.148.17",
    "2001:7fe::53",
    "192.58.128.30",
    "2001:503:c27::2:30",
    "193.0.14.129",
    "2001:7fd::1",
    "199.7.83.42",
    "2001:500:9f::42",
    "202.12.27.33",
    "2001:dc3::35",
    // Name servers of .com and .net, a to m.
    "192.5.6.30",
    "192.33.14.30",
    "192.26.92.30",
    "192.31.80.30",
    "192.12.94.30",
    "192.35.51.30",
    "192.42.93.30",
    "192.54.112.30",
    "192.43.172.30",
    "192.48.79.30",
    "192.52.178.30",
    "192.41.162.30",
    "192.55.83.30",
    // Well-known resolvers: Cloudflare, Google, Quad9, OpenDNS.
    "1.1.1.1",
    "1.0.0.1",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "8.8.8.8",
    "8.8.4.4",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "9.9.9.9",
    "149.112.112.112",
    "2620:fe::fe",
    "2620:fe::9",
    "208.67.222.222",
    "208.67.220.220",
    // Well-known clocks: Cloudflare, Google, NIST, PTB.
    "162.159.200.1",
    "162.159.200.123",
    "2606:4700:f1::1",
    "2606:4700:f1::123",
    "216.239.35.0/28",
    "129.6.15.0/24",
    "132.163.96.0/24",
    "2610:20:6f15:15::/64",
    "2610:20:6f96:96::/64",
    "192.53.103.0/24",
    // Updates: Debian's mirrors (Fastly), Ubuntu's (Canonical).
    "146.75.0.0/17",
    "151.101.0.0/16",
    "199.232.0.0/16",
    "2a04:4e40::/32",
    "2a04:4e42::/32",
    "91.189.88.0/21",
    "185.125.188.0/22",
];

/// The built-in list, to be read once.
pub fn public_core() -> Result<Networks, NetworkError> {
    Networks::parse(NETWORKS.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_reads_and_holds_the_roots_in_every_spelling() {
        let core = public_core().unwrap();
        let spellings = ["198.41.0.4", "::ffff:198.41.0.4", "64:ff9b::c629:4", "fe80::1"];
        for address in spellings {
            assert!(core.contain(address.parse().unwrap()), "{address}");
        }
        for other in ["198.41.0.5", "203.0.113.7", "192.168.1.20", "2001:db8::1"] {
            assert!(!core.contain(other.parse().unwrap()), "{other}");
        }
    }
}
