//! The hub's end of one connection: whole messages in, whole messages out.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::limits;
use super::refusal::{Code, Refusal};
use super::serve::handshake;
use super::wire::{Answer, Ask, Decoder, WireError, encode};

/// A stream of messages.
pub(super) struct Talk {
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
    known: bool,
}

impl Talk {
    /// A connection of somebody who is not known yet.
    pub(super) const fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, decoder: Decoder::new(limits::JOIN_BYTES_MAX), known: false }
    }

    /// From now on longer messages are taken, and a connection may break: machines lose power.
    pub(super) const fn is_known(&mut self) {
        self.known = true;
        self.decoder.set_limit(limits::FRAME_BYTES_MAX);
    }

    /// The next question; `None` where the other side hung up. Nothing is lost if this is dropped
    /// while it waits.
    pub(super) async fn hear(&mut self) -> Result<Option<Ask>, Refusal> {
        let mut chunk = vec![0; 16 << 10];
        loop {
            match self.decoder.message() {
                Ok(Some(ask)) => return Ok(Some(ask)),
                Ok(None) => {}
                Err(error @ WireError::TooLong(..)) => {
                    return Err(Refusal::new(Code::TooLong, error.to_string()));
                }
                Err(error) => return Err(Refusal::new(Code::Malformed, error.to_string())),
            }
            match self.read(&mut chunk).await {
                Ok(n) if n > 0 => self.decoder.push(chunk.get(..n).unwrap_or_default()),
                Err(error) if is_refusal(&error) => return Err(handshake(&error.to_string())),
                _ if self.decoder.is_amid() && !self.known => {
                    return Err(Refusal::new(Code::Malformed, "a message was cut off"));
                }
                _ => return Ok(None),
            }
        }
    }

    /// Says an answer.
    pub(super) async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        let bytes = encode(answer).map_err(io::Error::other)?;
        let said = self.write(&bytes);
        tokio::time::timeout(limits::ANSWER_TIMEOUT, said).await.map_err(io::Error::other)?
    }

    /// Ends the connection as TLS ends one. Whoever went away need not hear of it.
    pub(super) async fn close(&mut self) {
        let ended = poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context));
        let _ = tokio::time::timeout(limits::STRANGER_TIMEOUT, ended).await;
    }

    async fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(chunk);
        poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut buffer)).await?;
        Ok(buffer.filled().len())
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written =
                poll_fn(|context| Pin::new(&mut self.stream).poll_write(context, bytes)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
        }
        poll_fn(|context| Pin::new(&mut self.stream).poll_flush(context)).await
    }
}

/// Whether TLS itself was broken, in place of a connection that went away.
fn is_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}
