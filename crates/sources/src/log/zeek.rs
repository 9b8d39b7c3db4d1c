//! What Zeek's logs mean, whatever way they are written. The fields are those of Zeek's own
//! reference (`conn.log`, `dns.log`, ..), with their dotted names.

use serde_json::{Map, Value};

use super::ocsf::{
    Event, FAILURE, Object, Product, SUCCESS, class, connection, endpoint, file, finding,
    http_activity, http_request, required_user, severity, url, user,
};
use super::{Context, Record, int, text, value_int};

const PRODUCT: Product = Product { name: "Zeek", vendor: "Zeek" };

/// The record of an entry of the log `path` (`conn`, `dns`, ..).
pub(crate) fn record(
    raw: Map<String, Value>,
    path: &str,
    time_ms: i64,
    context: &Context<'_>,
) -> Record {
    let entry = Entry { raw: &raw, time_ms };
    let event = entry.event(path);
    let event = event.metadata(|metadata| {
        metadata.text("log_name", path).text("original_event_uid", entry.text("uid"))
    });
    let sensor = entry.text("_system_name").or_else(|| entry.text("peer")).unwrap_or(context.host);
    let host = sensor.to_owned();
    event.record(&host, raw)
}

/// The log to which an entry without a name belongs, by the fields that only this one has.
pub(crate) fn guess(raw: &Map<String, Value>) -> &'static str {
    const SIGNS: [(&str, &str); 10] = [
        ("conn_state", "conn"),
        ("qtype", "dns"),
        ("rcode", "dns"),
        ("status_code", "http"),
        ("user_agent", "http"),
        ("cipher", "ssl"),
        ("auth_success", "ssh"),
        ("fuid", "files"),
        ("note", "notice"),
        ("request_type", "kerberos"),
    ];
    SIGNS.iter().find(|(field, _)| raw.contains_key(*field)).map_or("", |(_, path)| path)
}

struct Entry<'a> {
    raw: &'a Map<String, Value>,
    time_ms: i64,
}

impl<'a> Entry<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        text(self.raw, key)
    }

    fn int(&self, key: &str) -> Option<i64> {
        int(self.raw, key)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.raw.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.as_str() {
                "T" | "true" => Some(true),
                "F" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The items of a list, or of a text with commas between them.
    fn items(&self, key: &str) -> Vec<&'a str> {
        match self.raw.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.split(',').collect(),
            _ => Vec::new(),
        }
    }

    fn event(&self, path: &str) -> Event {
        match path {
            "conn" => self.conn(),
            "dns" => self.dns(),
            "http" => self.http(),
            "ssl" => self.tls(),
            "ssh" => self.ssh(),
            "rdp" => self.between(class::RDP, 3),
            "ftp" => self.ftp(),
            "smtp" => self.mail(),
            "smb_files" | "smb_mapping" => self.smb(),
            "kerberos" => self.login("kerberos", 2, self.text("client"), self.flag("success")),
            "ntlm" => self.login("ntlm", 1, self.text("username"), self.flag("success")),
            "radius" => {
                let success = self.text("result").map(|result| result == "success");
                self.login("radius", 10, self.text("username"), success)
            }
            "dhcp" => self.between(class::DHCP, 0),
            "files" | "pe" => self.seen_file(),
            "notice" => self.notice("note", "msg", severity::MEDIUM),
            "weird" => self.notice("name", "addl", severity::LOW),
            "signatures" => self.notice("sig_id", "event_msg", severity::MEDIUM),
            "intel" => self.notice("seen.indicator", "seen.where", severity::HIGH),
            _ if self.text("id.orig_h").is_some() => self.between(class::NETWORK, 6),
            _ => Event::new(class::BASE, 0, self.time_ms, PRODUCT),
        }
    }

    /// An event between the two ends of a connection.
    fn between(&self, class_uid: u32, activity_id: u32) -> Event {
        let protocol = self.text("proto");
        let connection = connection(protocol, self.direction()).text("uid", self.text("uid"));
        // Two classes of the schema have no place for it.
        let has_connection = !matches!(class_uid, class::AUTHENTICATION | class::EMAIL);
        Event::new(class_uid, activity_id, self.time_ms, PRODUCT).with(|body| {
            body.object("src_endpoint", endpoint(self.text("id.orig_h"), self.int("id.orig_p")))
                .object("dst_endpoint", endpoint(self.text("id.resp_h"), self.int("id.resp_p")))
                .object("connection_info", has_connection.then_some(connection))
        })
    }

    fn direction(&self) -> i64 {
        match (self.flag("local_orig"), self.flag("local_resp")) {
            (Some(true), Some(true)) => 3,
            (Some(true), Some(false)) => 2,
            (Some(false), Some(true)) => 1,
            _ => 0,
        }
    }

    fn conn(&self) -> Event {
        let activity_id = match self.text("conn_state") {
            Some("S0" | "SH" | "SHR") => 4,
            Some("REJ") => 5,
            Some("RSTO" | "RSTR" | "RSTOS0" | "RSTRH") => 3,
            Some("SF" | "S2" | "S3") => 2,
            Some("S1") => 1,
            _ => 6,
        };
        let traffic = Object::new()
            .int("bytes_out", self.int("orig_bytes"))
            .int("bytes_in", self.int("resp_bytes"))
            .int("packets_out", self.int("orig_pkts"))
            .int("packets_in", self.int("resp_pkts"));
        let duration = match self.raw.get("duration") {
            Some(Value::Number(number)) => number.as_f64().and_then(super::time::epoch_s_float),
            Some(Value::String(text)) => super::time::epoch_s(text),
            _ => None,
        };
        self.between(class::NETWORK, activity_id).with(|body| {
            body.object("traffic", traffic)
                .int("duration", duration)
                .text("app_name", self.text("service"))
                .text("status_code", self.text("conn_state"))
        })
    }

    fn dns(&self) -> Event {
        let rcode = self.int("rcode");
        let known = rcode.map(|code| if matches!(code, 0..=11 | 16..=25) { code } else { 99 });
        let query = Object::new()
            .text("hostname", self.text("query").unwrap_or("unknown"))
            .text("type", self.text("qtype_name"))
            .text("class", self.text("qclass_name"));
        let answers = self.items("answers").into_iter();
        let answers = answers.map(|data| Object::new().text("rdata", data));
        self.between(class::DNS, if rcode.is_some() { 2 } else { 1 }).with(|body| {
            body.object("query", query)
                .objects("answers", answers)
                .int("rcode_id", known)
                .text("rcode", self.text("rcode_name"))
        })
    }

    fn http(&self) -> Event {
        let method = self.text("method").unwrap_or_default();
        let address = url(self.text("host"), self.text("uri").unwrap_or("/"));
        let request = http_request(method, address, self.text("user_agent"), self.text("referrer"));
        let response = self.int("status_code").map(|code| {
            Object::new().int("code", code).int("body_length", self.int("response_body_len"))
        });
        self.between(class::HTTP, http_activity(method))
            .with(|body| body.object("http_request", request).object("http_response", response))
    }

    fn tls(&self) -> Event {
        let tls = self.text("version").map(|version| {
            Object::new()
                .text("version", version)
                .text("sni", self.text("server_name"))
                .text("cipher", self.text("cipher"))
        });
        self.between(class::NETWORK, 6).with(|body| body.object("tls", tls))
    }

    fn ssh(&self) -> Event {
        let success = self.flag("auth_success");
        let status = success.map(|success| if success { SUCCESS } else { FAILURE });
        self.between(class::SSH, 1)
            .with(|body| body.int("status_id", status).text("protocol_ver", self.text("version")))
    }

    fn ftp(&self) -> Event {
        let activity_id = match self.text("command").unwrap_or_default() {
            "STOR" | "APPE" | "STOU" => 1,
            "RETR" => 2,
            "DELE" => 4,
            "RNTO" | "RNFR" => 5,
            "LIST" | "NLST" => 6,
            "" => 0,
            _ => 99,
        };
        self.between(class::FTP, activity_id).with(|body| {
            body.text("command", self.text("command")).object("file", file(self.text("arg")))
        })
    }

    fn mail(&self) -> Event {
        let email = Object::new()
            .text("from", self.text("mailfrom").or_else(|| self.text("from")).unwrap_or("unknown"))
            .texts("to", self.items("rcptto"))
            .text("subject", self.text("subject"))
            .text("message_uid", self.text("msg_id"));
        self.between(class::EMAIL, 0).with(|body| {
            body.object("email", email).int("direction_id", 0).text("smtp_hello", self.text("helo"))
        })
    }

    fn smb(&self) -> Event {
        let action = self.text("action").unwrap_or_default();
        let activity_id = match action {
            "SMB::FILE_OPEN" => 2,
            "" => 0,
            _ => 99,
        };
        let path = self.text("name").map(|name| match self.text("path") {
            Some(share) => format!("{share}\\{name}"),
            None => name.to_owned(),
        });
        self.between(class::SMB, activity_id).with(|body| {
            body.object("file", file(path.as_deref()))
                .text("share", self.text("path"))
                .text("command", action)
        })
    }

    fn login(
        &self,
        protocol: &str,
        protocol_id: i64,
        name: Option<&str>,
        success: Option<bool>,
    ) -> Event {
        // The client of Kerberos is `name/REALM`.
        let name = name.and_then(|name| name.split('/').next());
        let domain = self.text("domainname");
        let activity_id = match self.text("request_type") {
            Some("AS") => 3,
            Some("TGS") => 4,
            _ => 1,
        };
        let status = success.map(|success| if success { SUCCESS } else { FAILURE });
        let service = Object::new().text("name", self.text("service").unwrap_or(protocol));
        self.between(class::AUTHENTICATION, activity_id).with(|body| {
            body.object("user", required_user(user(name, None, domain)))
                .int("auth_protocol_id", protocol_id)
                .int("status_id", status)
                .object("service", service)
                .flag("is_remote", true)
        })
    }

    /// A file that crossed the wire.
    fn seen_file(&self) -> Event {
        let name = self.text("filename").or_else(|| self.text("fuid")).or_else(|| self.text("id"));
        let hash = |key: &str, algorithm_id: i64| {
            self.text(key)
                .map(|value| Object::new().int("algorithm_id", algorithm_id).text("value", value))
        };
        let hashes = [hash("md5", 1), hash("sha1", 2), hash("sha256", 3)];
        let seen = file(name.unwrap_or("unknown")).map(|file| {
            file.text("mime_type", self.text("mime_type"))
                .int("size", self.int("total_bytes"))
                .objects("hashes", hashes.into_iter().flatten())
        });
        let ends =
            |key: &str, own: &str| self.items(key).first().copied().or_else(|| self.text(own));
        let (source, target) = (ends("tx_hosts", "id.orig_h"), ends("rx_hosts", "id.resp_h"));
        Event::new(class::NETWORK, 6, self.time_ms, PRODUCT).with(|body| {
            // Network Activity has no place for a file.
            body.object("unmapped", Object::new().object("file", seen))
                .object("src_endpoint", endpoint(source, None))
                .object("dst_endpoint", endpoint(target, None))
        })
    }

    fn notice(&self, title: &str, detail: &str, severity_id: i64) -> Event {
        let value = self.raw.get(title);
        let number = value.and_then(value_int).map(|number| number.to_string());
        let title = self.text(title).or(number.as_deref()).unwrap_or("notice");
        let info = finding(self.text("uid").unwrap_or_default(), title, Some(title))
            .text("desc", self.text(detail));
        let evidence = Object::new()
            .object("src_endpoint", endpoint(self.text("id.orig_h"), self.int("id.orig_p")))
            .object("dst_endpoint", endpoint(self.text("id.resp_h"), self.int("id.resp_p")));
        Event::new(class::DETECTION_FINDING, 1, self.time_ms, PRODUCT)
            .severity(severity_id)
            .with(|body| body.object("finding_info", info).objects("evidences", [evidence]))
    }
}
