//! Connections of machines: TLS 1.3 always, one question and one answer at a time, and a word
//! unasked when a machine is removed. Whoever shows no certificate may ask one thing: to join.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use spine::{Clock, HostId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::enrol::{Admitted, renew_ms};
use super::ingest::{Batch, Ingest, Lane};
use super::records::Sent;
use super::refusal::{Code, Refusal, Turned, away};
use super::talk::Talk;
use super::wire::{ALPN, Answer, Ask, Hello, Part, Welcome};
use super::{Machines, Push, limits};
use crate::Hub;
use crate::web::Oops;

/// The pause between two times that the log looks after itself.
const MAINTAIN: Duration = Duration::from_secs(60);
/// How old what is known of the own machine's record may be, milliseconds.
const OWN_MS: i64 = 5_000;

/// Everything that a connection needs.
pub struct Service {
    hub: Arc<Hub>,
    machines: Arc<Machines>,
    ingest: Ingest,
    last: AtomicU64,
    own: Mutex<Option<(i64, Part)>>,
}

/// A clock as rustls asks for it.
pub struct Time(pub Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.now_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// The hub's own certificate, which is made anew when half its life is over.
struct Own {
    authority: Arc<Authority>,
    machines: Arc<Machines>,
    kept: Mutex<Option<(i64, Arc<CertifiedKey>)>>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own")
    }
}

impl Own {
    fn key(&self) -> Result<Arc<CertifiedKey>, Oops> {
        let now_ms = self.machines.clock.now_ms();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let half_ms = limits::SERVER_CERTIFICATE_MS / 2;
        if let Some((made_ms, key)) = &*kept
            && (0..half_ms).contains(&now_ms.saturating_sub(*made_ms))
        {
            return Ok(Arc::clone(key));
        }
        let (leaf, key) = self.authority.certify_hub(now_ms, &*self.machines.rng)?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|error| Oops::Internal(error.to_string()))?;
        let chain = vec![leaf, self.authority.certificate().clone()];
        let made = Arc::new(CertifiedKey::new(chain, key));
        *kept = Some((now_ms, Arc::clone(&made)));
        Ok(made)
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key().inspect_err(|error| tracing::error!(%error, "no certificate")).ok()
    }
}

fn tls(machines: &Arc<Machines>) -> Result<TlsAcceptor, Oops> {
    let wrong = |error: &dyn std::fmt::Display| Oops::Internal(format!("TLS: {error}"));
    let authority = machines.authority()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(|error| wrong(&error))?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| wrong(&error))?;
    let time = Arc::new(Time(Arc::clone(&machines.clock)));
    let own = Own { authority, machines: Arc::clone(machines), kept: Mutex::default() };
    own.key()?;
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| wrong(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection shows its certificate anew, so that a revoked one has no way around.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Service {
    /// Opens what is needed to serve machines.
    pub fn open(hub: Arc<Hub>, log: store::EventLogConfig) -> Result<Arc<Self>, Oops> {
        let machines = Arc::clone(&hub.machines);
        let ingest = Ingest::open(Arc::clone(&machines), &hub.config.dir, log)?;
        let last = AtomicU64::new(0);
        Ok(Arc::new(Self { hub, machines, ingest, last, own: Mutex::default() }))
    }

    /// What takes reports in.
    pub fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    /// Serves until the process ends.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let acceptor = tls(&self.machines).map_err(std::io::Error::other)?;
        let open = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
        let strangers = Arc::new(Semaphore::new(limits::STRANGERS_MAX));
        let looks_after = Arc::clone(&self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(MAINTAIN).await;
                let service = Arc::clone(&looks_after);
                let _ = tokio::task::spawn_blocking(move || service.ingest.maintain()).await;
            }
        });
        loop {
            let permit = Arc::clone(&open).acquire_owned().await.map_err(std::io::Error::other)?;
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(stranger) = Arc::clone(&strangers).acquire_owned().await else { continue };
            let (service, acceptor) = (Arc::clone(&self), acceptor.clone());
            tokio::spawn(async move {
                service.meet(acceptor, stream, address, stranger).await;
                drop(permit);
            });
        }
    }

    /// The handshake, and whatever comes after it.
    async fn meet(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        address: SocketAddr,
        stranger: tokio::sync::OwnedSemaphorePermit,
    ) {
        let from = address.ip().to_string();
        // Small messages that wait for answers.
        let _ = stream.set_nodelay(true);
        let accepted = tokio::time::timeout(limits::STRANGER_TIMEOUT, acceptor.accept(stream));
        let stream = match accepted.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.refused(&from, handshake(&error.to_string())).await,
            Err(_) => return self.refused(&from, handshake("it took too long")).await,
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let spoken = stream.get_ref().1.alpn_protocol() == Some(ALPN);
        let certificate = certificate.map(|der| der.to_vec());
        let mut talk = Talk::new(stream);
        if !spoken {
            return self.end(&mut talk, &from, handshake("another protocol")).await;
        }
        let Some(der) = certificate else { return self.join(talk, from).await };
        drop(stranger);
        let service = Arc::clone(&self);
        match blocking(move || service.machines.admit(&der)).await {
            Ok(who) => self.converse(talk, from, who).await,
            Err(Turned::Away(refusal)) => self.end(&mut talk, &from, refusal).await,
            Err(Turned::Failed(reason)) => drop(talk.say(&Answer::Failed { reason }).await),
        }
    }

    async fn refused(&self, from: &str, refusal: Refusal) {
        let (machines, from) = (Arc::clone(&self.machines), from.to_owned());
        let _ = tokio::task::spawn_blocking(move || machines.refuse(&from, &refusal)).await;
    }

    /// Records a refusal, says it, and ends the connection.
    async fn end(&self, talk: &mut Talk, from: &str, refusal: Refusal) {
        let answer = match refusal.code {
            Code::Revoked => Answer::Revoked { reason: refusal.reason.clone() },
            code => Answer::Refused { code: code.name().into(), reason: refusal.reason.clone() },
        };
        self.refused(from, refusal).await;
        // Whoever is turned away need not listen.
        let _ = talk.say(&answer).await;
        talk.close().await;
    }

    /// Somebody without a certificate.
    async fn join(self: Arc<Self>, mut talk: Talk, from: String) {
        let asked = tokio::time::timeout(limits::STRANGER_TIMEOUT, talk.hear()).await;
        let join = match asked {
            Err(_) => return self.end(&mut talk, &from, handshake("it said nothing")).await,
            Ok(Ok(Some(Ask::Join(join)))) => join,
            Ok(Ok(None)) => {
                return self.refused(&from, handshake("it showed no certificate")).await;
            }
            Ok(Ok(Some(_))) => {
                let text = "without a certificate one can only ask to join";
                let refusal = Refusal::new(Code::Malformed, text);
                return self.end(&mut talk, &from, refusal).await;
            }
            Ok(Err(wrong)) => return self.end(&mut talk, &from, wrong).await,
        };
        let (service, address) = (Arc::clone(&self), from.clone());
        let joined = blocking(move || {
            let own = service.hub.own_host();
            let issued = service.machines.join(&join, own, &address)?;
            Ok(certificate(&issued))
        });
        match joined.await {
            Ok(answer) => drop(talk.say(&answer).await),
            Err(Turned::Away(refusal)) => self.end(&mut talk, &from, refusal).await,
            Err(Turned::Failed(reason)) => drop(talk.say(&Answer::Failed { reason }).await),
        }
        talk.close().await;
    }

    /// A machine with a good certificate, until it goes or is removed.
    async fn converse(self: Arc<Self>, mut talk: Talk, from: String, who: Admitted) {
        talk.is_known();
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let mut pushes = self.machines.listen();
        let mut session = Session { who, from, number, greeted: false, heard_ms: 0 };
        loop {
            let asked = tokio::select! {
                asked = tokio::time::timeout(limits::IDLE_TIMEOUT, talk.hear()) => asked,
                pushed = pushes.recv() => {
                    match self.pushed(&session, pushed) {
                        Some(answer) => {
                            let _ = talk.say(&answer).await;
                            talk.close().await;
                            return;
                        }
                        None => continue,
                    }
                }
            };
            let ask = match asked {
                // A machine that went, or is quiet for too long, comes again.
                Err(_) | Ok(Ok(None)) => return,
                Ok(Ok(Some(ask))) => ask,
                Ok(Err(wrong)) => return self.end(&mut talk, &session.from, wrong).await,
            };
            let service = Arc::clone(&self);
            let answered = blocking(move || {
                let answer = service.answer(&mut session, ask);
                Ok((session, answer))
            });
            let answer = match answered.await {
                Ok((back, answer)) => {
                    session = back;
                    answer
                }
                Err(error) => {
                    tracing::error!(%error, "a question of a machine broke off");
                    return;
                }
            };
            let said = match answer {
                Ok(answer) => talk.say(&answer).await.map(|()| matches!(answer, Answer::Bye)),
                Err(Turned::Away(refusal)) => {
                    return self.end(&mut talk, &session.from, refusal).await;
                }
                Err(Turned::Failed(reason)) => {
                    tracing::error!(reason, "a machine's report was not taken");
                    talk.say(&Answer::Failed { reason }).await.map(|()| false)
                }
            };
            if !matches!(said, Ok(false)) {
                return;
            }
        }
    }

    /// What a word from elsewhere means for this connection.
    fn pushed(
        &self,
        session: &Session,
        pushed: Result<Push, broadcast::error::RecvError>,
    ) -> Option<Answer> {
        let host = session.who.host;
        let reason = match pushed {
            Ok(Push::Revoked(revoked)) if revoked == host => "this machine was removed",
            Ok(Push::Replaced(other, number)) if other == host && number != session.number => {
                return Some(Answer::Failed {
                    reason: "the machine has a newer connection".into(),
                });
            }
            // Too much was said at once: the next question is checked anyway, and so is this.
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let good = self.machines.db.atomically(|transaction| {
                    super::enrol::admitted(transaction, &session.who.fingerprint)
                });
                if good.is_ok() {
                    return None;
                }
                "this machine was removed"
            }
            _ => return None,
        };
        Some(Answer::Revoked { reason: reason.into() })
    }

    /// Answers one question.
    fn answer(&self, session: &mut Session, ask: Ask) -> Result<Answer, Turned> {
        let who = session.who.clone();
        if !session.greeted && !matches!(ask, Ask::Hello(_)) {
            return away(Code::Malformed, "a machine begins with saying who it is");
        }
        self.hear(session)?;
        match ask {
            Ask::Hello(hello) => self.hello(session, &hello),
            Ask::Join(_) => away(Code::Malformed, "this machine has joined already"),
            Ask::Renew { request } => Ok(certificate(&self.machines.renew(&who, &request)?)),
            Ask::Events { epoch, first_seq, events } => {
                let batch = Batch { epoch, first_seq, events };
                Ok(Answer::Taken { up_to: self.ingest.events(&who, batch)? })
            }
            Ask::Scan { epoch, seq, scan } => {
                let up_to = self.ingest.scan(&self.hub, &who, (&epoch, seq), &scan)?;
                Ok(Answer::Taken { up_to })
            }
            Ask::Records { from, leaves, checkpoint, head } => {
                let sent = Sent { from, leaves: &leaves, checkpoint: &checkpoint, head: &head };
                Ok(Answer::Taken { up_to: self.machines.take_records(&who, &sent)? })
            }
            Ask::Beat { have } => {
                self.machines.admitted_now(&who)?;
                let mut parts = self.machines.parts(who.host, &have)?;
                parts.extend(self.own_part(&have));
                let fleet = self.machines.fleet()?.map(Box::new);
                Ok(Answer::Peers { fleet, parts })
            }
            Ask::Leave => {
                self.machines.remove(who.host, "it left by itself")?;
                Ok(Answer::Bye)
            }
        }
    }

    /// Notes that a machine is there, not more often than is worth a write.
    fn hear(&self, session: &mut Session) -> Result<(), Turned> {
        let now_ms = self.machines.clock.now_ms();
        if session.greeted && now_ms.saturating_sub(session.heard_ms) >= limits::HEARD_MS {
            session.heard_ms = now_ms;
            self.machines.db.heard(session.who.host, now_ms)?;
        }
        Ok(())
    }

    fn hello(&self, session: &mut Session, hello: &Hello) -> Result<Answer, Turned> {
        let (host, now_ms) = (session.who.host, self.machines.clock.now_ms());
        let before = self.machines.db.machine(host)?.and_then(|machine| machine.heard_ms);
        self.machines.hello(&session.who, hello, &session.from)?;
        session.greeted = true;
        session.heard_ms = now_ms;
        self.machines.push(Push::Replaced(host, session.number));
        if let Some(before_ms) = before.filter(|ms| now_ms.saturating_sub(*ms) > limits::LOST_MS) {
            self.ingest.back(host, before_ms, now_ms)?;
        }
        let records_to = self.machines.db.machine(host)?.map_or(0, |machine| machine.records_to);
        Ok(Answer::Welcome(Welcome {
            events_to: self.ingest.taken(host, Lane::Events, &hello.epoch)?,
            scan_to: self.ingest.taken(host, Lane::Scans, &hello.epoch)?,
            records_to,
            renew_ms: session.who.renew_ms,
            now_ms,
        }))
    }

    /// The record of the machine that the hub runs on, as the others know one another's.
    fn own_part(&self, have: &[super::wire::Have]) -> Option<Part> {
        let now_ms = self.machines.clock.now_ms();
        let host = self.hub.own_host()?;
        let from = have.iter().find(|have| have.host == host).map_or(0, |have| have.size);
        let mut kept = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at_ms, part)) = &*kept
            && part.from == from
            && (0..OWN_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return Some(part.clone());
        }
        let part = own_part(&self.hub, host, from)?;
        *kept = Some((now_ms, part.clone()));
        Some(part)
    }
}

fn own_part(hub: &Hub, host: HostId, from: u64) -> Option<Part> {
    let count = u32::try_from(limits::RECEIPTS_MAX).unwrap_or(u32::MAX);
    let (head, checkpoint) = hub.executor.head().ok()?;
    let mut leaves = hub.executor.receipts(from, count).ok()?.leaves;
    // The record may have grown between the two questions.
    let size: u64 = checkpoint.lines().nth(1)?.parse().ok()?;
    leaves.truncate(usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX));
    Some(Part { host, from, leaves, checkpoint, head })
}

impl Machines {
    /// Whether a machine is still admitted.
    fn admitted_now(&self, who: &Admitted) -> Result<(), Turned> {
        self.db.atomically(|transaction| {
            super::enrol::admitted(transaction, &who.fingerprint).map(drop)
        })
    }
}

/// A machine that is connected.
struct Session {
    who: Admitted,
    from: String,
    number: u64,
    greeted: bool,
    heard_ms: i64,
}

fn certificate(issued: &super::authority::Issued) -> Answer {
    let made_ms = issued.not_after_ms - limits::CERTIFICATE_MS;
    Answer::Certificate { certificate: hex::encode(&issued.der), renew_ms: renew_ms(made_ms) }
}

/// A refusal before anything was said.
pub(super) fn handshake(why: &str) -> Refusal {
    Refusal::new(Code::Handshake, format!("the handshake: {why}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Turned> + Send + 'static,
) -> Result<T, Turned> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Turned::Failed(format!("it broke off: {error}"))))
}
