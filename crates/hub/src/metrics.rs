//! `/metrics` in the text format of Prometheus (0.0.4): counts, and no name of anything. It needs
//! a token with the scope `metrics`, or somebody who is signed in.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use store::Overview as _;

use crate::hub::Hub;
use crate::web::Oops;
use crate::{api, gate, limits};

/// The metrics.
pub async fn show(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Response {
    gate::blocking(move || {
        let known = matches!(gate::viewer(&hub, &headers), Ok(Some(_)))
            || api::token(&hub, &headers, "metrics").is_ok();
        if !known {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match text(&hub) {
            Ok(text) => {
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                ([(header::CONTENT_TYPE, kind)], text).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "the metrics failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    })
    .await
}

fn text(hub: &Hub) -> Result<String, Oops> {
    let now_ms = hub.clock.now_ms();
    let counts = hub.state(|state| state.counts(now_ms - limits::SILENT_MS))?;
    let standing = hub.standing();
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(&str, u64)]| {
        let _ = writeln!(out, "# HELP ringfort_{name} {help}\n# TYPE ringfort_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(out, "ringfort_{name}{labels} {value}");
        }
    };
    gauge("machines", "Machines that are known.", &[("", counts.machines)]);
    gauge("machines_silent", "Machines that do not report.", &[("", counts.machines_silent)]);
    gauge("machines_doubtful", "Machines not fully checked.", &[("", counts.machines_doubtful)]);
    let [defer, scheduled, out_of_cycle, immediate] = counts.open_by_rank;
    let open = [
        ("{priority=\"defer\"}", defer),
        ("{priority=\"scheduled\"}", scheduled),
        ("{priority=\"out_of_cycle\"}", out_of_cycle),
        ("{priority=\"immediate\"}", immediate),
    ];
    gauge("cases_open", "Open cases by SSVC priority.", &open);
    let (up, stopped, receipts) = match &*standing {
        Ok(standing) => (1, u64::from(standing.stopped), standing.receipts),
        Err(_) => (0, 0, 0),
    };
    gauge("executor_up", "Whether the executor answers.", &[("", up)]);
    gauge("executor_stopped", "Whether the stop switch is pulled.", &[("", stopped)]);
    gauge("receipts", "Receipts in the record.", &[("", receipts)]);
    let waiting = hub.db.due_letters(i64::MAX, 1_000)?.len();
    gauge("messages_waiting", "Messages on their way.", &[("", waiting as u64)]);
    gauge("jobs_running", "Jobs that run.", &[("", hub.jobs.running().len() as u64)]);
    Ok(out)
}
