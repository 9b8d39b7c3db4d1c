//! People, their logons and operations, and what other tools say of them.

use super::fields::Fields;
use super::shape;
use super::{Reading, TokenKind};

/// OCSF 2004, Detection Finding: another tool's alert is an event like any other.
pub fn alert(fields: &Fields<'_>, reading: &mut Reading) {
    let titles = ["finding_info.analytic.name", "finding_info.title", "finding_info.analytic.uid"];
    if let Some(title) = fields.first(&titles) {
        let product = fields.text("metadata.product.name").unwrap_or_default();
        reading
            .add(TokenKind::Alert, format!("{product} {}", shape::word(title)).trim().to_owned());
        product.clone_into(&mut reading.program);
    }
    for path in ["src_endpoint.ip", "dst_endpoint.ip"] {
        reading.entity("address", fields.text(path).unwrap_or_default());
    }
}

/// OCSF 3001 to 3006: authentication, changes of accounts and groups.
pub fn logon(fields: &Fields<'_>, reading: &mut Reading) {
    let kind = fields.first(&["logon_type", "auth_protocol"]).map(shape::word);
    let kind = kind.or_else(|| fields.number("logon_type_id").map(|id| id.to_string()));
    let status = fields.first(&["status"]).map(shape::word);
    let status = status.or_else(|| fields.number("status_id").map(|id| id.to_string()));
    let source = fields.text("src_endpoint.ip").unwrap_or_default();
    let (kind, status) = (kind.unwrap_or_default(), status.unwrap_or_default());
    let activity = fields.number("activity_id").unwrap_or(0);
    let scope = shape::scope(source);
    reading.add(TokenKind::Logon, format!("{activity} {kind} {status} from {scope}"));
    if let Some(user) = fields.text("user.name") {
        // Who tries and fails is somebody else than who is here.
        let outcome = if status.contains("fail") || status == "2" { " fails" } else { "" };
        reading.add(TokenKind::User, format!("{}{outcome}", user.to_lowercase()));
        reading.entity("user", user);
    }
    if scope == "outside" || scope == "inside" {
        reading.add(TokenKind::Destination, format!("from {}", shape::network(source)));
        reading.entity("address", source);
    }
}

/// OCSF 6003, API Activity; 1006, Scheduled Job; 201001 and 201002, Registry.
pub fn call(fields: &Fields<'_>, reading: &mut Reading) {
    let operation = fields.first(&["api.operation", "job.name", "reg_key.path", "reg_value.path"]);
    let Some(operation) = operation else { return };
    let service = fields.text("api.service.name").unwrap_or_default();
    let outcome = fields.first(&["status", "api.response.error"]).map(shape::word);
    let parts: Vec<String> = operation.split('\\').map(shape::word).collect();
    // Of a registry key the last four parts tell what it is for, and none of them whose it is.
    let tail = parts.get(parts.len().saturating_sub(4)..).unwrap_or_default().join("\\");
    let outcome = outcome.unwrap_or_default();
    reading.add(TokenKind::Call, format!("{service} {tail} {outcome}").trim().to_owned());
}

/// Who did it, in any class.
pub fn actor(fields: &Fields<'_>, reading: &mut Reading) {
    if let Some(user) = fields.first(&["actor.user.name", "process.user.name"]) {
        reading.add(TokenKind::User, user.to_lowercase());
        reading.entity("user", user);
    }
}
