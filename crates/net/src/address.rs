//! Addresses that may be fetched: https everywhere, http only to this machine itself.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::NetError;
use crate::limits::URL_BYTES_MAX;

/// An address that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) uri: Uri,
    /// The host in lower case, without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) secure: bool,
}

impl Address {
    /// Checks an address from a configuration, a table, or a redirect.
    pub(crate) fn parse(text: &str) -> Result<Self, NetError> {
        let refuse = |reason| NetError::Address { url: shown(text), reason };
        if text.len() > URL_BYTES_MAX {
            return Err(refuse("it is longer than 2,048 bytes"));
        }
        let uri: Uri = text.parse().map_err(|_| refuse("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it carries a user name or a password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() {
            return Err(refuse("it has no host"));
        }
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            Some("http") => return Err(refuse("http is for this machine itself; use https")),
            _ => return Err(refuse("it is neither https nor http")),
        };
        Ok(Self { uri, host, secure })
    }

    /// The address that a redirect from here names (RFC 9110, section 10.2.2; RFC 3986, 5.2).
    pub(crate) fn redirect(&self, location: &str) -> Result<Self, NetError> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path();
        let text = if has_scheme(location) {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else if location.is_empty() || location.starts_with('?') {
            format!("{scheme}://{authority}{path}{location}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        };
        let next = Self::parse(&text)?;
        if self.secure && !next.secure {
            let reason = "it leads from https back to http";
            return Err(NetError::Address { url: shown(&text), reason });
        }
        Ok(next)
    }

    /// The address for people.
    pub(crate) fn text(&self) -> String {
        shown(&self.uri.to_string())
    }
}

fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

fn is_loopback(host: &str) -> bool {
    // A name such as `localhost` is not enough: somebody else may answer for it.
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Text from outside, made fit for a message: 200 characters, no control characters, and no
/// password.
pub(crate) fn shown(text: &str) -> String {
    text_without_secrets(text)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(200)
        .collect()
}

fn text_without_secrets(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (_, host) = authority.rsplit_once('@')?;
        let path = rest.strip_prefix(authority)?;
        Some(format!("{scheme}://***@{host}{path}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_to_this_machine_only() {
        for good in ["https://feeds.example/a?b=c", "http://127.0.0.1:8080/x", "http://[::1]/x"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://feeds.example/a",
            "http://localhost/a",
            "http://127.0.0.1.feeds.example/",
            "ftp://feeds.example/",
            "file:///etc/passwd",
            "feeds.example/a",
            "/a",
            "",
            "https://",
            "https://ann:secret@feeds.example/",
            "https://feeds.example/\n",
        ] {
            let error = Address::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let long = format!("https://feeds.example/{}", "a".repeat(URL_BYTES_MAX));
        assert!(Address::parse(&long).is_err());
        assert_eq!(Address::parse("https://FEEDS.Example./a").unwrap().host, "feeds.example");
    }

    #[test]
    fn redirects_are_resolved_against_where_they_come_from() {
        let from = Address::parse("https://feeds.example/db/all.zip?x=1").unwrap();
        for (location, expected) in [
            ("https://mirror.example/y", "https://mirror.example/y"),
            ("//mirror.example/y", "https://mirror.example/y"),
            ("/y?z#part", "https://feeds.example/y?z"),
            ("new.zip", "https://feeds.example/db/new.zip"),
            ("?x=2", "https://feeds.example/db/all.zip?x=2"),
            ("", "https://feeds.example/db/all.zip"),
        ] {
            assert_eq!(from.redirect(location).unwrap().uri.to_string(), expected, "{location}");
        }
        for bad in ["http://127.0.0.1/y", "http://feeds.example/y", "javascript:x", "a\r\nb"] {
            assert!(from.redirect(bad).is_err(), "{bad}");
        }
    }
}
