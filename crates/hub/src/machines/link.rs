//! The machine's end of a connection: TLS 1.3 to a hub whose authority is pinned, a question and
//! its answer, and whatever the hub says unasked.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
};
use spine::{Clock, Digest};

use super::authority::digest_of;
use super::limits;
use super::serve::Time;
use super::wire::{ALPN, Answer, Ask, Decoder, SERVER_NAME, WireError, encode};

/// Which hub is spoken to: the one whose authority has this SHA-256. Its certificate comes with the
/// handshake, and is learned by it.
pub struct Pinned {
    digest: Digest,
    algorithms: WebPkiSupportedAlgorithms,
    provider: Arc<CryptoProvider>,
    learned: Mutex<Option<CertificateDer<'static>>>,
}

/// What a machine shows: its certificate (DER) and key (PKCS#8, PEM).
pub struct Shown<'a> {
    /// The certificate, DER.
    pub certificate: &'a [u8],
    /// Its key, PKCS#8 in PEM.
    pub key_pem: &'a str,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The hub cannot be reached, or the connection broke.
    #[error("the hub at `{at}`: {reason}")]
    Away {
        /// Where it was looked for.
        at: String,
        /// What happened.
        reason: String,
    },
    /// The other side is not the hub that was pinned, or refuses our certificate.
    #[error("TLS: {0}")]
    Tls(String),
    /// It said something that this version does not understand.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A connection to a hub.
pub struct Link {
    at: String,
    stream: StreamOwned<ClientConnection, TcpStream>,
    decoder: Decoder,
    pinned: Arc<Pinned>,
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pinned({})", self.digest)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = others.iter().find(|other| digest_of(other) == self.digest);
        let authority = authority
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?
            .clone()
            .into_owned();
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let verified = verifier.verify_server_cert(leaf, &[], name, ocsp, now)?;
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn tls_error(error: impl std::fmt::Display) -> LinkError {
    LinkError::Tls(error.to_string())
}

impl Link {
    /// Connects to the hub whose authority has this SHA-256, and shows a certificate, if there is
    /// one.
    pub fn connect(
        at: &str,
        authority: Digest,
        shown: Option<&Shown<'_>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LinkError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pinned = Arc::new(Pinned {
            digest: authority,
            algorithms: provider.signature_verification_algorithms,
            provider: Arc::clone(&provider),
            learned: Mutex::default(),
        });
        let config = ClientConfig::builder_with_details(provider, Arc::new(Time(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls_error)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&pinned) as Arc<_>);
        let mut config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes());
                let chain = vec![CertificateDer::from(shown.certificate.to_vec())];
                config.with_client_auth_cert(chain, key.map_err(tls_error)?).map_err(tls_error)?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        let name = ServerName::try_from(SERVER_NAME).map_err(tls_error)?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(tls_error)?;
        let socket = reach(at)?;
        let mut link = Self {
            at: at.to_owned(),
            stream: StreamOwned::new(tls, socket),
            decoder: Decoder::new(limits::FRAME_BYTES_MAX),
            pinned,
        };
        link.shake_hands()?;
        Ok(link)
    }

    fn shake_hands(&mut self) -> Result<(), LinkError> {
        let until = Instant::now() + limits::ANSWER_TIMEOUT;
        while self.stream.conn.is_handshaking() {
            if Instant::now() > until {
                return Err(self.away("the handshake took too long"));
            }
            let shaken = self.stream.conn.complete_io(&mut self.stream.sock);
            shaken.map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    fn away(&self, reason: impl std::fmt::Display) -> LinkError {
        LinkError::Away { at: self.at.clone(), reason: reason.to_string() }
    }

    fn broken(&self, error: &std::io::Error) -> LinkError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => tls_error(error),
            None => self.away(error),
        }
    }

    /// The certificate of the hub's authority, as the handshake brought it.
    pub fn authority(&self) -> Option<CertificateDer<'static>> {
        self.pinned.learned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks, and waits for the answer. [`Answer::Revoked`] may answer any question.
    pub fn ask(&mut self, ask: &Ask) -> Result<Answer, LinkError> {
        self.send(&encode(ask)?)?;
        let answer = self.wait(limits::ANSWER_TIMEOUT)?;
        answer.ok_or_else(|| self.away("no answer came"))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        // A hub that turned us away may have said why before it hung up.
        match sent {
            Ok(()) => Ok(()),
            Err(error) => match self.wait(Duration::from_secs(1)) {
                Ok(Some(Answer::Refused { code, reason })) => {
                    Err(LinkError::Tls(format!("refused ({code}): {reason}")))
                }
                _ => Err(self.broken(&error)),
            },
        }
    }

    /// What the hub says within this time, unasked or not; `None` if it says nothing.
    pub fn wait(&mut self, most: Duration) -> Result<Option<Answer>, LinkError> {
        let until = Instant::now() + most;
        let mut chunk = vec![0; 16 << 10];
        loop {
            if let Some(answer) = self.decoder.message()? {
                return Ok(Some(answer));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let set = self.stream.sock.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            set.map_err(|error| self.away(error))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(self.away("it hung up")),
                Ok(n) => self.decoder.push(chunk.get(..n).unwrap_or_default()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }
}

/// The first address of a name that answers.
fn reach(at: &str) -> Result<TcpStream, LinkError> {
    let away = |reason: String| LinkError::Away { at: at.to_owned(), reason };
    let addresses = at.to_socket_addrs().map_err(|error| away(error.to_string()))?;
    let mut last = "the name has no address".to_owned();
    for address in addresses.take(8) {
        match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
            Ok(socket) => {
                let set = socket
                    .set_nodelay(true)
                    .and_then(|()| socket.set_write_timeout(Some(limits::ANSWER_TIMEOUT)))
                    .and_then(|()| socket.set_read_timeout(Some(limits::ANSWER_TIMEOUT)));
                set.map_err(|error| away(error.to_string()))?;
                return Ok(socket);
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(away(last))
}
