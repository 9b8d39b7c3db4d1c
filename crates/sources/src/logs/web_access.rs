//! Access logs of web servers: nginx, Apache and all who write the common or combined form.
//!
//! `192.0.2.1 - ann [01/Mar/2026:08:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512 "referrer" "agent"`,
//! also with the virtual host in front and with fields behind. The form does not name its fields:
//! `raw` uses the names of the W3C extended form, which Sigma rules use (`c-ip`, `cs-method`,
//! `cs-uri-stem`, `cs-uri-query`, `sc-status`, `cs-user-agent`, ..).

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::lines::{Outcome, read_lines};
use crate::log::ocsf::{
    Event, FAILURE, Object, Product, SUCCESS, class, endpoint, http_activity, http_request, url,
    user,
};
use crate::log::{Context, Counts, Head, LogError, LogSource, Record, Sink, time};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "web_access",
    title: "web server access log",
    example: "var/log/nginx/access.log",
    standard: "https://httpd.apache.org/docs/current/logs.html#accesslog",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "web server", vendor: "" };

fn wants(head: &Head<'_>) -> bool {
    head.most_lines(|line| parse(line).is_some())
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_lines(input, sink, &mut |line| match parse(line) {
        Some(request) => Outcome::Record(request.record(context)),
        None => Outcome::Bad("it is not in the common or combined form"),
    })
}

/// A line in its parts.
struct Request<'a> {
    vhost: Option<&'a str>,
    client: &'a str,
    user: &'a str,
    time_ms: i64,
    /// What the client sent as its first line, whatever that was.
    line: String,
    status: Option<i64>,
    bytes: Option<i64>,
    referrer: Option<String>,
    agent: Option<String>,
}

fn parse(line: &str) -> Option<Request<'_>> {
    // The name of the user is the client's and may hold spaces; the time is in brackets.
    let (before, rest) = line.split_once(" [")?;
    let (stamp, rest) = rest.split_once("] ")?;
    let time_ms = time::web(stamp)?;
    let mut words = before.splitn(3, ' ');
    let (first, second, third) = (words.next()?, words.next()?, words.next()?);
    // With a virtual host in front there is one word more.
    let (vhost, client, user) = match third.split_once(' ') {
        Some((_, user)) if is_host(second) && first != "-" => (Some(first), second, user),
        _ => (None, first, third),
    };
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let status = words.next().and_then(|word| word.parse().ok());
    let bytes = words.next().and_then(|word| word.parse().ok());
    let rest = words.next().unwrap_or_default();
    let (referrer, rest) = quoted(rest).map_or((None, ""), |(text, rest)| (Some(text), rest));
    let agent = quoted(rest.trim_start()).map(|(text, _)| text);
    Some(Request { vhost, client, user, time_ms, line: request, status, bytes, referrer, agent })
}

fn is_host(word: &str) -> bool {
    word.parse::<std::net::IpAddr>().is_ok() || word.contains('.')
}

/// A quoted text and what follows. Servers escape quotes and other bytes in it (`\"`, `\x22`).
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, inner.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'x' => {
                    let hex: String = characters.by_ref().take(2).map(|(_, c)| c).collect();
                    match u8::from_str_radix(&hex, 16) {
                        Ok(byte) if byte.is_ascii() => value.push(char::from(byte)),
                        _ => {
                            value.push_str("\\x");
                            value.push_str(&hex);
                        }
                    }
                }
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            character => value.push(character),
        }
    }
    None
}

impl Request<'_> {
    fn record(&self, context: &Context<'_>) -> Record {
        let mut words = self.line.splitn(2, ' ');
        let method = words.next().unwrap_or_default();
        let rest = words.next();
        // A line that is no request of HTTP stands whole in `cs-uri-stem`.
        let (method, target, version) = match rest {
            Some(rest) => match rest.rsplit_once(" HTTP/") {
                Some((target, version)) => (method, target, Some(version)),
                None => (method, rest, None),
            },
            None => ("", self.line.as_str(), None),
        };
        let (stem, query) = target.split_once('?').unwrap_or((target, ""));
        let mut raw = Map::with_capacity(12);
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                raw.insert(key.to_owned(), Value::from(value));
            }
        };
        put("c-ip", Some(self.client));
        put("cs-username", Some(self.user).filter(|user| *user != "-"));
        put("cs-method", Some(method));
        put("cs-uri-stem", Some(stem));
        put("cs-uri-query", Some(query));
        put("c-uri", Some(target));
        put("cs-version", version);
        put("cs-host", self.vhost);
        put("cs-referer", self.referrer.as_deref().filter(|text| *text != "-"));
        put("cs-user-agent", self.agent.as_deref().filter(|text| *text != "-"));
        if let Some(status) = self.status {
            raw.insert("sc-status".into(), status.into());
        }
        if let Some(bytes) = self.bytes {
            raw.insert("sc-bytes".into(), bytes.into());
        }
        self.view(method, target, version).record(context.host, raw)
    }

    fn view(&self, method: &str, target: &str, version: Option<&str>) -> Event {
        let host = self.vhost.and_then(|vhost| vhost.split(':').next());
        let agent = self.agent.as_deref();
        let request = http_request(method, url(host, target), agent, self.referrer.as_deref());
        let response =
            self.status.map(|code| Object::new().int("code", code).int("body_length", self.bytes));
        let actor = Object::new().object("user", user(self.user, None, None));
        let status = self.status.map(|status| if status < 400 { SUCCESS } else { FAILURE });
        Event::new(class::HTTP, http_activity(method), self.time_ms, PRODUCT).with(|body| {
            body.object("src_endpoint", endpoint(self.client, None))
                .object("http_request", request.text("version", version))
                .object("http_response", response)
                .object("actor", actor)
                .int("status_id", status)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(line: &str) -> Value {
        Value::Object(parse(line).unwrap().record(&Context::default()).raw)
    }

    #[test]
    fn the_combined_form_and_the_common_one_are_read() {
        let line = "192.0.2.1 - ann [01/Mar/2026:08:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 512";
        let common = parse(line).unwrap().record(&Context::default());
        assert_eq!((common.time_ms, common.class_uid), (1_772_352_000_000, 4_002));
        let combined = raw(&format!("{line} \"-\" \"curl/8 \\\"x\\\"\" extra"));
        assert_eq!(combined["cs-uri-stem"], "/a");
        assert_eq!(combined["cs-uri-query"], "b=c");
        assert_eq!(combined["cs-username"], "ann");
        assert_eq!(combined["cs-user-agent"], "curl/8 \"x\"");
        assert_eq!(combined["sc-status"], 200);
        let vhost = raw(&format!("www.example:443 {line}"));
        assert_eq!(
            (&vhost["cs-host"], &vhost["c-ip"]),
            (&"www.example:443".into(), &"192.0.2.1".into())
        );
    }

    #[test]
    fn what_is_no_request_is_kept_whole() {
        let odd = raw("192.0.2.1 - - [01/Mar/2026:08:00:00 +0000] \"\\x16\\x03\\x01\" 400 0");
        assert_eq!(odd["cs-uri-stem"], "\u{16}\u{3}\u{1}");
        assert_eq!(odd["sc-status"], 400);
    }
}
