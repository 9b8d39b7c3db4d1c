//! Which addresses may be asked: https to hosts of a list; plain http to loopback addresses only.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ureq::http::Uri;

use crate::{NetError, limits};

/// An address that was looked at and may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    uri: Uri,
    host: String,
}

impl Address {
    /// Looks at an address: scheme, host, no user name, no fragment, length.
    pub fn parse(url: &str) -> Result<Self, NetError> {
        let wrong = |reason| NetError::Address { url: url.chars().take(200).collect(), reason };
        if url.len() > limits::URL_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        if url.contains('#') {
            return Err(wrong("it has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it has a user name"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&host) => {}
            Some("http") => return Err(NetError::NotSecure { url: url.to_owned() }),
            _ => return Err(wrong("its scheme is not https")),
        }
        Ok(Self { uri, host })
    }

    /// The host in lower case, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address for the client.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Refuses hosts that are in neither list.
    pub fn check_host(&self, hosts: &BTreeSet<String>, more: &[String]) -> Result<(), NetError> {
        let listed =
            hosts.contains(&self.host) || more.iter().any(|h| h.eq_ignore_ascii_case(&self.host));
        if listed { Ok(()) } else { Err(NetError::HostNotAllowed { host: self.host.clone() }) }
    }

    /// The address that a `Location` header means (RFC 9110 §10.2.2, RFC 3986 §5.2 as far as
    /// servers use it). A secure address never leads to a plain one, loopback or not.
    pub fn follow(&self, location: &str) -> Result<Self, NetError> {
        let location = location.split('#').next().unwrap_or_default();
        let (scheme, authority) = (
            self.uri.scheme_str().unwrap_or("https"),
            self.uri.authority().map_or("", |authority| authority.as_str()),
        );
        let next = if location.contains("://") {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else {
            let folder = self.uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        };
        let next = Self::parse(&next)?;
        if scheme == "https" && next.uri.scheme_str() != Some("https") {
            return Err(NetError::NotSecure { url: next.to_string() });
        }
        Ok(next)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.uri.fmt(f)
    }
}

/// A loopback address written as an address: a name may mean anything tomorrow.
fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_pass_and_nothing_else() {
        for url in
            ["https://a.example/x?y", "http://127.0.0.1:80/x", "http://[::1]/", "https://A.example"]
        {
            assert!(Address::parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example/",
            "http://localhost/",
            "http://127.0.0.1.a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "https://user@a.example/",
            "https://a.example/#x",
            "https:///x",
            "/x",
            "",
            "https://a example/",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        assert!(Address::parse(&format!("https://a.example/{}", "x".repeat(2_100))).is_err());
    }

    #[test]
    fn hosts_are_compared_whole_and_without_case() {
        let hosts = BTreeSet::from(["a.example".to_owned()]);
        let check = |url: &str, more: &[String]| {
            Address::parse(url).unwrap().check_host(&hosts, more).is_ok()
        };
        assert!(check("https://A.EXAMPLE/x", &[]));
        assert!(check("https://b.example/x", &["B.example".to_owned()]));
        for url in ["https://b.a.example/", "https://a.example.b.example/", "https://xa.example/"] {
            assert!(!check(url, &[]), "{url}");
        }
    }

    #[test]
    fn a_location_is_followed_as_written_and_never_to_less_security() {
        let from = Address::parse("https://a.example/one/two?q").unwrap();
        let to = |location: &str| from.follow(location).map(|address| address.to_string());
        assert_eq!(to("https://b.example/x#y").unwrap(), "https://b.example/x");
        assert_eq!(to("//b.example/x").unwrap(), "https://b.example/x");
        assert_eq!(to("/x").unwrap(), "https://a.example/x");
        assert_eq!(to("three").unwrap(), "https://a.example/one/three");
        assert!(matches!(to("http://127.0.0.1/x"), Err(NetError::NotSecure { .. })));
        assert!(to("http://b.example/x").is_err());
        assert!(to("javascript://x").is_err());
    }
}
