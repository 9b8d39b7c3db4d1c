//! Programs that seldom have anything to say to the network.

use super::super::Reading;
use super::super::fields::Fields;
use super::super::shape;
use super::program::{is_telling, sort};

/// OCSF 4001.
pub fn connection(activity: i64, fields: &Fields<'_>, reading: &mut Reading) {
    let Some(by) = fields.first(&["actor.process.file.path", "actor.process.name"]) else { return };
    let by = sort(by);
    let is_quiet = is_telling(by)
        || matches!(by, "office" | "spooler" | "lsass" | "core" | "desktop" | "wmi" | "named")
        || matches!(by, "services" | "dllhost" | "console" | "task host" | "windows");
    if !is_quiet || activity == 7 {
        return;
    }
    let inbound = fields.number("connection_info.direction_id") == Some(1);
    let end = if inbound { "src_endpoint" } else { "dst_endpoint" };
    let address = fields.text(&format!("{end}.ip")).unwrap_or_default();
    let port = fields.number("dst_endpoint.port").map_or_else(String::new, shape::port);
    let how = if inbound { "is called from" } else { "calls" };
    reading.act(format!("connect: {by} {how} {} {port}", shape::scope(address)));
}
