//! Who speaks to whom.

use super::fields::Fields;
use super::shape;
use super::{Reading, TokenKind};

/// OCSF 4001 to 4014: Network, HTTP, DNS and their kin.
pub fn network(class_uid: u32, fields: &Fields<'_>, reading: &mut Reading) {
    let actor = fields.first(&["actor.process.file.path", "actor.process.name"]);
    let actor = actor.map_or_else(String::new, |path| shape::word(shape::file_name(path)));
    let address =
        fields.first(&["dst_endpoint.ip", "dst_endpoint.hostname", "dst_endpoint.domain"]);
    let port = fields.number("dst_endpoint.port").map_or_else(String::new, shape::port);
    let scope = shape::scope(address.unwrap_or_default());
    if address.is_some() {
        reading.add(TokenKind::Flow, format!("{actor} to {scope} {port}"));
    }
    let source = fields.text("src_endpoint.ip").unwrap_or_default();
    if shape::scope(source) == "outside" {
        reading.add(TokenKind::Flow, format!("from outside to {port}"));
        reading.entity("address", source);
    }
    let mut destination = address.filter(|_| scope != "this host").map(shape::network);
    match class_uid {
        4_003 => dns(fields, reading, &mut destination),
        4_002 => http(fields, reading, &mut destination),
        _ => {}
    }
    if let Some(name) = &destination {
        reading.add(TokenKind::Destination, &**name);
        reading.entity("address", address.unwrap_or(name));
    }
    reading.destination = destination;
    reading.program = actor;
}

fn dns(fields: &Fields<'_>, reading: &mut Reading, destination: &mut Option<String>) {
    let Some(name) = fields.text("query.hostname") else { return };
    let kind = fields.text("query.type").unwrap_or_default();
    let longest = name.split('.').map(str::len).max().unwrap_or(0);
    let long = if longest > 30 { " long" } else { "" };
    reading.add(TokenKind::Flow, format!("asks {}{long}", kind.to_ascii_lowercase()));
    *destination = Some(shape::domain(name));
}

fn http(fields: &Fields<'_>, reading: &mut Reading, destination: &mut Option<String>) {
    let method = fields.text("http_request.http_method").unwrap_or_default();
    let code = fields.number("http_response.code").unwrap_or(0) / 100;
    let path = fields.first(&["http_request.url.path", "http_request.url.url_string"]);
    let extension = shape::extension(path.unwrap_or_default()).to_ascii_lowercase();
    reading.add(TokenKind::Call, format!("{method} {code}xx .{extension}"));
    if let Some(agent) = fields.text("http_request.user_agent") {
        let family = agent.split(['/', ' ', '(']).next().unwrap_or_default();
        reading.add(TokenKind::Call, format!("agent {}", shape::word(family)));
    }
    if let Some(host) = fields.text("http_request.url.hostname") {
        *destination = Some(shape::network(host));
    }
}
