//! Hostile tries to join: tokens, clocks, requests, root's word, names, and the wire before it.

use std::sync::Arc;
use std::time::Duration;

use hub::machines::authority::make_request;
use hub::machines::link::Link;
use hub::machines::refusal::Code;
use hub::machines::wire::{Ask, Join, WireError, countersign_text, encode, head_text};
use ledger::Signer;
use rcgen::{CertificateParams, KeyPair};
use spine::{Digest, HostId};

use super::hostile::Case;
use super::support::*;

/// A machine that does everything right but one thing.
fn but(place: &Place, change: impl FnOnce(&mut Join, &Candidate)) -> Got {
    let (token, candidate) = (place.token(), Candidate::new(1));
    let mut join = candidate.join(place, &token);
    change(&mut join, &candidate);
    sent(place, join)
}

fn sent(place: &Place, join: Join) -> Got {
    got(place.stranger().ask(&Ask::Join(Box::new(join))))
}

/// A request made by hand, with root's word for exactly it.
fn requested(place: &Place, request: Vec<u8>) -> Got {
    but(place, |join, _| join.request = hex::encode(request))
}

fn foreign_key(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
}

/// Root's word, changed.
fn countersigned(place: &Place, text: impl FnOnce(&Join, &Candidate, Digest) -> String) -> Got {
    let hub = place.authority();
    but(place, |join, it| join.countersigned = it.record.sign(&text(join, it, hub)))
}

fn without_certificate(place: &Place, ask: &Ask) -> Got {
    got(place.stranger().ask(ask))
}

fn bytes(place: &Place, bytes: &[u8]) -> Got {
    let mut link = place.stranger();
    if link.send(bytes).is_err() {
        return Got::Ended;
    }
    match link.wait(Duration::from_secs(20)) {
        Ok(Some(answer)) => got(Ok(answer)),
        _ => Got::Ended,
    }
}

fn handshake(place: &Place, change: impl FnOnce(&mut rustls::ClientConfig), old: bool) -> Got {
    use std::io::Read as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(place.hub.machines.authority().unwrap().certificate().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] =
        if old { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let time = Arc::new(hub::machines::serve::Time(place.clock()));
    let mut config = rustls::ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![hub::machines::wire::ALPN.to_vec()];
    change(&mut config);
    let name = "hub.ringfort.internal".try_into().unwrap();
    let tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = std::net::TcpStream::connect(&place.at).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, socket);
    let mut out = Vec::new();
    let read = stream.read_to_end(&mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    if text.contains("\"handshake\"") {
        return Got::Refused("handshake".into());
    }
    if read.is_ok() && !out.is_empty() { Got::Through(text) } else { Got::Ended }
}

pub const CASES: &[Case] = &[
    // Tokens.
    ("a token that was never made", Code::TokenUnknown, |place| {
        but(place, |join, _| join.secret = "ab".repeat(32))
    }),
    ("an empty token", Code::TokenUnknown, |place| but(place, |join, _| join.secret.clear())),
    ("a token in capital letters", Code::TokenUnknown, |place| {
        but(place, |join, _| join.secret = join.secret.to_uppercase())
    }),
    ("a token with something behind it", Code::TokenUnknown, |place| {
        but(place, |join, _| join.secret.push(' '))
    }),
    ("what the hub keeps of a token, in place of it", Code::TokenUnknown, |place| {
        but(place, |join, _| join.secret = hub::db::hash_of(&join.secret))
    }),
    ("a token of another hub", Code::TokenUnknown, |place| {
        let other = Place::new(99);
        let secret = other.token().secret;
        but(place, |join, _| join.secret = secret)
    }),
    ("a token that expired long ago", Code::TokenExpired, |place| {
        let (token, it) = (place.token(), Candidate::new(1));
        place.clock.advance(DAY_MS);
        sent(place, it.join(place, &token))
    }),
    ("a token that expired this very moment", Code::TokenExpired, |place| {
        let (token, it) = (place.token(), Candidate::new(1));
        place.clock.advance(15 * MINUTE_MS);
        sent(place, it.join(place, &token))
    }),
    ("a token used by another machine before", Code::TokenUsed, |place| {
        let token = place.token();
        Candidate::new(1).joins_with(place, &token);
        sent(place, Candidate::new(2).join(place, &token))
    }),
    ("a token used twice by the same machine", Code::TokenUsed, |place| {
        let token = place.token();
        let member = Candidate::new(1).joins_with(place, &token);
        sent(place, member.it.again().join(place, &token))
    }),
    ("a stolen token after the machine was removed", Code::TokenUsed, |place| {
        let token = place.token();
        let member = Candidate::new(1).joins_with(place, &token);
        place.hub.machines.remove(member.it.host, "test").unwrap();
        sent(place, Candidate::new(2).join(place, &token))
    }),
    ("one token and eight machines at once", Code::TokenUsed, |place| {
        let token = place.token();
        let all: Vec<Got> = std::thread::scope(|scope| {
            let one = |n: u8| {
                let token = token.clone();
                scope.spawn(move || sent(place, Candidate::new(n).join(place, &token)))
            };
            let threads: Vec<_> = (1..=8).map(one).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let through = all.iter().filter(|got| matches!(got, Got::Through(_))).count();
        match through {
            1 => Got::Refused("token_used".into()),
            n => Got::Through(format!("{n} machines with one token")),
        }
    }),
    ("a token that was made for another machine", Code::Impersonation, |place| {
        let member = Candidate::new(1).joins(place);
        drop(member.up(place));
        place.clock.advance(16 * MINUTE_MS);
        let token = place.hub.machines.token("test", Some(member.it.host)).unwrap();
        sent(place, Candidate::new(2).join(place, &token))
    }),
    ("more tries than one address has", Code::TooMany, |place| {
        let token = place.token();
        for _ in 0..hub::machines::limits::JOINS_MAX {
            let mut join = Candidate::new(1).join(place, &token);
            join.secret = "00".repeat(32);
            sent(place, join);
        }
        sent(place, Candidate::new(1).join(place, &token))
    }),
    // Clocks.
    ("a clock six minutes ahead", Code::Clock, |place| {
        but(place, |join, _| join.now_ms += 6 * 60_000)
    }),
    ("a clock six minutes behind", Code::Clock, |place| {
        but(place, |join, _| join.now_ms -= 6 * 60_000)
    }),
    ("a clock that was never set", Code::Clock, |place| but(place, |join, _| join.now_ms = 0)),
    ("a clock past all times", Code::Clock, |place| but(place, |join, _| join.now_ms = i64::MAX)),
    ("a clock before all times", Code::Clock, |place| but(place, |join, _| join.now_ms = i64::MIN)),
    // Requests for a certificate.
    ("no request", Code::Request, |place| but(place, |join, _| join.request.clear())),
    ("a request that is no text of digits", Code::Request, |place| {
        but(place, |join, _| join.request = "zz".into())
    }),
    ("a request of zeros", Code::Request, |place| requested(place, vec![0; 300])),
    ("a request that is cut", Code::Request, |place| {
        but(place, |join, _| join.request.truncate(join.request.len() - 2))
    }),
    ("a request with more behind it", Code::Request, |place| {
        but(place, |join, _| join.request.push_str("00"))
    }),
    ("a request that is too long", Code::Request, |place| requested(place, vec![0x30; 5_000])),
    ("a request whose signature was turned", Code::Request, |place| {
        but(place, |join, it| {
            let mut request = it.request.clone();
            *request.last_mut().unwrap() ^= 1;
            join.request = hex::encode(request);
        })
    }),
    ("a request for somebody else's key", Code::Request, |place| {
        // The key of one request with the signature of another.
        let (_, other, _) = make_request().unwrap();
        but(place, |join, it| {
            let mut request = it.request.clone();
            let at = request.len() - 60;
            request[at..].copy_from_slice(&other[other.len() - 60..]);
            join.request = hex::encode(request);
        })
    }),
    ("a request with a key on P-384", Code::Request, |place| {
        requested(place, foreign_key(&rcgen::PKCS_ECDSA_P384_SHA384))
    }),
    ("a request with an Ed25519 key", Code::Request, |place| {
        requested(place, foreign_key(&rcgen::PKCS_ED25519))
    }),
    ("a request that was used before, replayed", Code::KeySeen, |place| {
        let member = Candidate::new(1).joins(place);
        drop(member.up(place));
        place.hub.machines.remove(member.it.host, "test").unwrap();
        let token = place.token();
        sent(place, member.it.join(place, &token))
    }),
    ("another machine's request, replayed", Code::KeySeen, |place| {
        let member = Candidate::new(1).joins(place);
        let token = place.token();
        let mut it = Candidate::new(2);
        (it.request, it.digest) = (member.it.request.clone(), member.it.digest);
        sent(place, it.join(place, &token))
    }),
    // Root's word.
    ("without root's word", Code::Countersign, |place| {
        but(place, |join, _| join.countersigned.clear())
    }),
    ("root's word for another hub", Code::Countersign, |place| {
        countersigned(place, |join, it, _| {
            countersign_text(it.host, Digest([1; 32]), it.digest, join.now_ms)
        })
    }),
    ("root's word for another key", Code::Countersign, |place| {
        countersigned(place, |join, it, hub| {
            countersign_text(it.host, hub, Digest([1; 32]), join.now_ms)
        })
    }),
    ("root's word for another machine", Code::Countersign, |place| {
        countersigned(place, |join, it, hub| {
            countersign_text(HostId(Digest([9; 32])), hub, it.digest, join.now_ms)
        })
    }),
    ("root's word of yesterday", Code::Countersign, |place| {
        countersigned(place, |join, it, hub| {
            countersign_text(it.host, hub, it.digest, join.now_ms - 86_400_000)
        })
    }),
    ("root's word of tomorrow", Code::Countersign, |place| {
        countersigned(place, |join, it, hub| {
            countersign_text(it.host, hub, it.digest, join.now_ms + 86_400_000)
        })
    }),
    ("root's word with a line more", Code::Countersign, |place| {
        countersigned(place, |join, it, hub| {
            let text = countersign_text(it.host, hub, it.digest, join.now_ms);
            text.replace("key ", "approves all\nkey ")
        })
    }),
    ("a head of the record in place of root's word", Code::Countersign, |place| {
        countersigned(place, |join, it, _| head_text(it.host, 7, join.now_ms))
    }),
    ("root's word with a turned signature", Code::Countersign, |place| {
        but(place, |join, _| {
            let at = join.countersigned.len() - 8;
            let turned = if &join.countersigned[at..=at] == "A" { "B" } else { "A" };
            join.countersigned.replace_range(at..=at, turned);
        })
    }),
    ("root's word of another record by the same name", Code::Countersign, |place| {
        but(place, |join, it| {
            let forged = Signer::from_seed(it.record.verifier().name(), &[0x55; 32]).unwrap();
            let text = join.countersigned.rsplit_once("\n\n").unwrap().0.to_owned() + "\n";
            join.countersigned = forged.sign(&text);
        })
    }),
    ("the record's key of another machine", Code::Countersign, |place| {
        but(place, |join, _| join.record_key = Candidate::new(2).record.verifier().to_string())
    }),
    ("a record's key that is none", Code::Countersign, |place| {
        but(place, |join, _| join.record_key = "key".into())
    }),
    // Who it says it is.
    ("the hub's own machine", Code::HostTaken, |place| {
        let mut it = Candidate::new(0xee);
        it.host = OWN;
        let token = place.token();
        sent(place, it.join(place, &token))
    }),
    ("a machine that is enrolled already", Code::HostTaken, |place| {
        let member = Candidate::new(1).joins(place);
        drop(member.up(place));
        let token = place.token();
        sent(place, member.it.again().join(place, &token))
    }),
    ("an enrolled machine's name for itself with another record", Code::HostTaken, |place| {
        let member = Candidate::new(1).joins(place);
        drop(member.up(place));
        let token = place.token();
        let mut it = member.it.again();
        it.record = Signer::from_seed(it.record.verifier().name(), &[0x66; 32]).unwrap();
        sent(place, it.join(place, &token))
    }),
    ("no name", Code::Malformed, |place| but(place, |join, _| join.name.clear())),
    ("a name of markup", Code::Malformed, |place| {
        but(place, |join, _| join.name = "<script>alert(1)</script>".into())
    }),
    ("a name of terminal sequences", Code::Malformed, |place| {
        but(place, |join, _| join.name = "a\u{1b}[2J".into())
    }),
    ("a name that turns its direction", Code::Malformed, |place| {
        but(place, |join, _| join.name = "a\u{202e}b".into())
    }),
    ("a name that is too long", Code::Malformed, |place| {
        but(place, |join, _| join.name = "a".repeat(254))
    }),
    // The wire, without a certificate.
    ("no TLS at all", Code::Handshake, |place| raw(place, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")),
    ("bytes of chance", Code::Handshake, |place| raw(place, &[0xa5; 4_096])),
    ("a handshake that breaks off", Code::Handshake, |place| raw(place, &[0x16, 3, 1, 2, 0])),
    ("TLS 1.2", Code::Handshake, |place| handshake(place, |_| (), true)),
    ("no protocol named", Code::Handshake, |place| {
        handshake(place, |config| config.alpn_protocols.clear(), false)
    }),
    ("another protocol", Code::Handshake, |place| {
        handshake(place, |config| config.alpn_protocols = vec![b"h2".to_vec()], false)
    }),
    ("another hub than the token says, seen by the machine", Code::Handshake, |place| {
        match Link::connect(&place.at, Digest([0x42; 32]), None, place.clock()) {
            Ok(_) => Got::Through("the machine spoke with another hub".into()),
            Err(_) => Got::Ended,
        }
    }),
    ("it connects and says nothing", Code::Handshake, |place| {
        drop(place.stranger());
        Got::Ended
    }),
    ("a greeting without a certificate", Code::Malformed, |place| {
        let member = Member { it: Candidate::new(1), certificate: Vec::new() };
        without_certificate(place, &member.hello(place))
    }),
    ("events without a certificate", Code::Malformed, |place| {
        let member = Member { it: Candidate::new(1), certificate: Vec::new() };
        without_certificate(place, &member.events(1, 1))
    }),
    ("a renewal without a certificate", Code::Malformed, |place| {
        let request = hex::encode(make_request().unwrap().1);
        without_certificate(place, &Ask::Renew { request })
    }),
    ("a question that does not exist", Code::Malformed, |place| {
        bytes(place, &encode(&serde_json::json!({ "ask": "execute", "plan": "rm" })).unwrap())
    }),
    ("a request to join with a word more", Code::Malformed, |place| {
        let token = place.token();
        let join = Ask::Join(Box::new(Candidate::new(1).join(place, &token)));
        let mut value = serde_json::to_value(&join).unwrap();
        value["role"] = "admin".into();
        bytes(place, &encode(&value).unwrap())
    }),
    ("a message that is no JSON", Code::Malformed, |place| bytes(place, &[0, 0, 0, 2, b'{', b'{'])),
    ("a message that is cut", Code::Malformed, |place| {
        let mut link = place.stranger();
        link.send(&[0, 0, 1, 0, b'{']).unwrap();
        drop(link);
        Got::Ended
    }),
    ("a message of four gigabytes", Code::TooLong, |place| bytes(place, &[0xff; 8])),
    ("a request to join that is too long", Code::TooLong, |place| {
        but(place, |join, _| join.program = "x".repeat(64 << 10))
    }),
];

#[test]
fn the_tries_are_wrong_in_one_thing_only() {
    let place = Place::new(77);
    assert!(matches!(but(&place, |_, _| ()), Got::Through(_)), "without a change it gets in");
    assert_eq!(place.hub.machines.db.refusals(9).unwrap(), []);
    let too_long = encode(&"x".repeat(hub::machines::limits::FRAME_BYTES_MAX));
    assert!(matches!(too_long, Err(WireError::TooLong(..))));
}
