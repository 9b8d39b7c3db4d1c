//! A hub that listens on loopback, and what a machine says to join it: for the tests of both ends.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hub::machines::MachinesConfig;
use hub::machines::serve::Service;
use hub::machines::token::JoinToken;
use hub::machines::wire::{Join, countersign_text};
use hub::{Hub, HubConfig};
use ledger::Signer;
use spine::{Clock, Digest, HostId, Rng};
use store::{EventFilter, EventLogConfig};

use nobody::Nobody;

#[path = "nobody.rs"]
mod nobody;

/// A hub that listens.
pub struct Site {
    pub hub: Arc<Hub>,
    pub service: Arc<Service>,
    runtime: tokio::runtime::Runtime,
}

impl Site {
    /// A hub over a folder, on a machine whose executor says at most which machine it is.
    pub fn open(
        dir: &Path,
        listen: SocketAddr,
        own: Option<HostId>,
        rim: (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).unwrap();
        let at = listener.local_addr().unwrap();
        let config = HubConfig {
            state_db: dir.join("state.db"),
            dir: dir.join("hub"),
            listen: "127.0.0.1:0".parse().unwrap(),
            name: "localhost".into(),
            tls: None,
            site: spine::SiteConfig::default(),
            machines: Some(MachinesConfig { listen: at, at: at.to_string() }),
        };
        std::fs::create_dir_all(&config.dir).unwrap();
        let executor = Arc::new(Nobody(own));
        let hub = Arc::new(Hub::open(config, "http://localhost".into(), executor, rim).unwrap());
        let service = Service::open(Arc::clone(&hub), EventLogConfig::default()).unwrap();
        runtime.spawn(Arc::clone(&service).serve(listener));
        Self { hub, service, runtime }
    }

    /// Ends the hub, after what runs on other threads has let go of its folder.
    pub fn end(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(10));
        drop((self.service, self.hub));
    }

    /// The numbers of a machine's events that the hub has, in order of arrival. No event is there
    /// under two numbers.
    pub fn numbers(&self, host: HostId) -> Vec<u64> {
        let (mut numbers, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
        let filter = EventFilter { host: Some(host), ..EventFilter::default() };
        self.service.ingest().with_log(|log| {
            let report = log.scan(&filter, &mut |stored| {
                if let Some(number) = stored.event.ocsf["metadata"]["sequence"].as_u64() {
                    numbers.push(number);
                    ids.insert(stored.event.id);
                }
                std::ops::ControlFlow::Continue(())
            });
            assert!(report.unwrap().is_complete());
        });
        assert_eq!(numbers.len(), ids.len());
        numbers
    }
}

/// What a machine says to join, with root's word for the key that it asks a certificate for.
pub fn join(
    host: HostId,
    record: &Signer,
    token: &JoinToken,
    (request, digest): (&[u8], Digest),
    now_ms: i64,
) -> Join {
    Join {
        secret: token.secret.clone(),
        host,
        name: "ward-3".into(),
        request: hex::encode(request),
        countersigned: record.sign(&countersign_text(host, token.ca, digest, now_ms)),
        record_key: record.verifier().to_string(),
        now_ms,
        program: "0.1.0".into(),
    }
}
