//! The executor's record, as the way to the hub asks for it. Without an executor there is none, and
//! the rest goes on.

use hub::machines::wire::{Fleet, Have, Part};

use super::uplink::{Head, Record};
use crate::client::Client;
use crate::context::Context;
use crate::protocol::{RECEIPTS_MAX, Reply, Request};

/// The record over the executor's socket.
pub struct OverSocket<'a> {
    context: &'a Context,
    /// When the list of machines that the executor has was signed.
    fleet_ms: Option<i64>,
}

impl<'a> OverSocket<'a> {
    /// The record of the executor of this data folder.
    pub const fn new(context: &'a Context) -> Self {
        Self { context, fleet_ms: None }
    }

    fn ask(&self, request: &Request) -> Option<Reply> {
        let mut client = Client::connect(self.context).ok()?;
        let reply = client.ask(request, &mut |_| ());
        reply.inspect_err(|failure| tracing::info!(failure.message, "no record")).ok()
    }
}

impl Record for OverSocket<'_> {
    fn head(&mut self) -> Option<Head> {
        match self.ask(&Request::Head)? {
            Reply::Head { note, size, checkpoint } => Some(Head { note, size, checkpoint }),
            _ => None,
        }
    }

    fn receipts(&mut self, from: u64) -> Option<Vec<String>> {
        match self.ask(&Request::Receipts { from, count: RECEIPTS_MAX })? {
            Reply::Receipts { leaves, .. } => Some(leaves),
            _ => None,
        }
    }

    fn others(&mut self, fleet: Option<&Fleet>, parts: &[Part]) -> Vec<Have> {
        // A list that the executor refused is offered once by each process of the agent.
        if let Some(fleet) = fleet.filter(|fleet| self.fleet_ms != Some(fleet.signed_ms)) {
            self.fleet_ms = Some(fleet.signed_ms);
            self.ask(&Request::Fleet { fleet: Box::new(fleet.clone()) });
        }
        match self.ask(&Request::Peers { parts: parts.to_vec() }) {
            Some(Reply::Peers { have, .. }) => have,
            _ => Vec::new(),
        }
    }
}
