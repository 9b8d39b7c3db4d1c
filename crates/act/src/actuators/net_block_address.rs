//! Blocks an address for a while: an element with a kernel timeout in an nftables set of
//! ringfort's own table, both ways. The kernel lets it lapse even when ringfort is gone.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::limits::CONTAINMENT_TTL_S_MAX;
use spine::{ActionType, EffectClass, Plan, StepEffect, Target};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::child::Child;
use crate::error::ActError;
use crate::limits::HELPER_TIME_MAX;

/// The table with its sets and rules; saying it again changes nothing.
const TABLE: &str = "\
table inet ringfort {
    set blocked4 { type ipv4_addr; flags timeout; }
    set blocked6 { type ipv6_addr; flags timeout; }
    chain input { type filter hook input priority -10; policy accept; }
    chain output { type filter hook output priority -10; policy accept; }
    chain forward { type filter hook forward priority -10; policy accept; }
}
flush chain inet ringfort input
flush chain inet ringfort output
flush chain inet ringfort forward
add rule inet ringfort input ip saddr @blocked4 drop
add rule inet ringfort input ip6 saddr @blocked6 drop
add rule inet ringfort output ip daddr @blocked4 drop
add rule inet ringfort output ip6 daddr @blocked6 drop
add rule inet ringfort forward ip saddr @blocked4 drop
add rule inet ringfort forward ip daddr @blocked4 drop
add rule inet ringfort forward ip6 saddr @blocked6 drop
add rule inet ringfort forward ip6 daddr @blocked6 drop
";

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The address.
    pub(super) address: IpAddr,
    /// How long, seconds.
    ttl_s: u32,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "net.block_address",
        summary: "block an address for a while",
        example: r#"{"address": "192.0.2.7", "ttl_s": 3600}"#,
        undo: "the address is taken out of the set; it also lapses by itself",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        let mut params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| error.to_string())?;
        // An IPv4 address in IPv6 clothes is the IPv4 address.
        params.address = params.address.to_canonical();
        if params.ttl_s == 0 || params.ttl_s > CONTAINMENT_TTL_S_MAX {
            return Err(format!("`ttl_s` is 1 to {CONTAINMENT_TTL_S_MAX}"));
        }
        Ok(params)
    }

    fn inspect(_: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        Ok(StepEffect {
            class: EffectClass::Contain,
            disruptive: true,
            ttl_s: Some(params.ttl_s),
            targets: vec![Target::Address { address: params.address }],
            ..super::observing(ActionType::BlockAddress)
        })
    }

    fn precheck(cx: &Context<'_>, params: &Params) -> Result<(), ActError> {
        if let Some(why) = never_blocked(cx, params.address) {
            return Err(ActError::refused(format!("{} is never blocked: {why}", params.address)));
        }
        nft(&["-c", "-f", "-"], &script(params))
    }

    fn prepare(_: &Context<'_>, params: &Params) -> Result<Value, ActError> {
        Ok(json!({ "address": params.address }))
    }

    fn apply(_: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        nft(&["-f", "-"], &script(params))?;
        Ok(Applied {
            message: format!("{} is blocked for {} s", params.address, params.ttl_s),
            result: json!({ "address": params.address, "ttl_s": params.ttl_s }),
            ..Applied::default()
        })
    }

    fn verify(_: &Context<'_>, params: &Params, _: &Value) -> Result<Value, ActError> {
        if is_blocked(params.address) {
            return Ok(Value::Null);
        }
        Err(ActError::refused(format!("{} is not in the set", params.address)))
    }

    fn undo(_: &Context<'_>, params: &Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        unblock(params.address)?;
        Ok(Undone::default())
    }

    fn dry_run(cx: &Context<'_>, _: &Plan, params: &Params) -> Result<Trial, ActError> {
        Self::precheck(cx, params)?;
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

fn set_of(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "blocked4" } else { "blocked6" }
}

fn script(params: &Params) -> String {
    let (set, address, ttl_s) = (set_of(params.address), params.address, params.ttl_s);
    // An element keeps its old timeout when it is added again, so it is taken out first.
    format!(
        "{TABLE}add element inet ringfort {set} {{ {address} timeout 1s }}\n\
         delete element inet ringfort {set} {{ {address} }}\n\
         add element inet ringfort {set} {{ {address} timeout {ttl_s}s }}\n"
    )
}

fn nft(args: &[&str], script: &str) -> Result<(), ActError> {
    Child::new("nft", HELPER_TIME_MAX).args(args).input(script.as_bytes()).success().map(|_| ())
}

/// Whether an address is in the set now.
pub(super) fn is_blocked(address: IpAddr) -> bool {
    let element = format!("{{ {address} }}");
    let args = ["get", "element", "inet", "ringfort", set_of(address), &element];
    Child::new("nft", HELPER_TIME_MAX).args(args).success().is_ok()
}

/// Takes an address out of the set, wherever it stands.
pub(super) fn unblock(address: IpAddr) -> Result<(), ActError> {
    if !is_blocked(address) {
        return Ok(());
    }
    let set = set_of(address);
    nft(&["-f", "-"], &format!("delete element inet ringfort {set} {{ {address} }}\n"))
        .or_else(|error| if is_blocked(address) { Err(error) } else { Ok(()) })
}

/// Why an address is never blocked here, whoever asks.
fn never_blocked(cx: &Context<'_>, address: IpAddr) -> Option<&'static str> {
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return Some("it is this machine's own or nobody's");
    }
    if cx.shared.config.never_block.contains(&address) {
        return Some("the owner's list names it");
    }
    if own_addresses().contains(&address) {
        return Some("it is this machine's own");
    }
    if gateways().contains(&address) {
        return Some("it is a gateway of this machine");
    }
    if resolvers().contains(&address) {
        return Some("it is a name server of this machine");
    }
    None
}

/// Addresses of this machine and the broadcast addresses of its networks (proc(5): fib_trie,
/// if_inet6).
fn own_addresses() -> BTreeSet<IpAddr> {
    let mut own = BTreeSet::new();
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut last = None;
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<IpAddr>().ok();
        } else if line.contains("/32 host LOCAL") || line.contains("/32 link BROADCAST") {
            own.extend(last);
        }
    }
    for line in fs::read_to_string("/proc/net/if_inet6").unwrap_or_default().lines() {
        let hex = line.split_whitespace().next().unwrap_or_default();
        if let Ok(bits) = u128::from_str_radix(hex, 16) {
            own.insert(IpAddr::from(bits.to_be_bytes()));
        }
    }
    own
}

/// Gateways of this machine (proc(5): route, ipv6_route).
fn gateways() -> BTreeSet<IpAddr> {
    let mut gateways = BTreeSet::new();
    for line in fs::read_to_string("/proc/net/route").unwrap_or_default().lines().skip(1) {
        let hex = line.split_whitespace().nth(2).unwrap_or_default();
        if let Some(bits) = u32::from_str_radix(hex, 16).ok().filter(|bits| *bits != 0) {
            gateways.insert(IpAddr::from(bits.to_le_bytes()));
        }
    }
    for line in fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default().lines() {
        let hex = line.split_whitespace().nth(4).unwrap_or_default();
        if let Some(bits) = u128::from_str_radix(hex, 16).ok().filter(|bits| *bits != 0) {
            gateways.insert(IpAddr::from(bits.to_be_bytes()));
        }
    }
    gateways
}

fn resolvers() -> BTreeSet<IpAddr> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = |line: &str| line.strip_prefix("nameserver")?.trim().parse().ok();
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn an_address_is_an_address_and_time_has_an_end() {
        let parse = |value: Value| Actuator::parse(value.as_object().unwrap());
        let good = parse(json!({ "address": "::ffff:192.0.2.7", "ttl_s": 60 })).unwrap();
        assert_eq!(good.address.to_string(), "192.0.2.7");
        for value in [
            json!({ "address": "192.0.2.7; flush ruleset", "ttl_s": 60 }),
            json!({ "address": "192.0.2.0/24", "ttl_s": 60 }),
            json!({ "address": "192.0.2.7", "ttl_s": 0 }),
            json!({ "address": "192.0.2.7", "ttl_s": 86_401 }),
            json!({ "address": "192.0.2.7" }),
        ] {
            assert!(parse(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn this_machines_own_addresses_are_known() {
        assert!(own_addresses().contains(&"127.0.0.1".parse().unwrap()));
    }
}
