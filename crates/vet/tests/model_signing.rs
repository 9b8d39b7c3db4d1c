//! Recorded signatures of models verify, and changed ones do not. Skipped, loudly, without the
//! corpus.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vet::provenance::{
    Certificate, Hashing, Manifest, Method, Note, ProvenanceError, PublicKey, Serialization,
    Signed, Signer, SigningKey, Trust, TrustRoot, sign, sign_with_certificates, verify,
};

const IDENTITY: &str = "stefanb@us.ibm.com";
const ISSUER: &str = "https://sigstore.verify.ibm.com/oauth2";

/// The recorded bundles, or `None` after saying that a test was skipped.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join("vet/model-signing");
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", path.display());
    None
}

/// Hashes a folder, or the only file of it, as a manifest says.
fn hashed(folder: &Path, like: &Manifest) -> Manifest {
    let mut serialization = like.serialization().clone();
    serialization.ignore_paths.push("model.sig".to_owned());
    let single = like.resources().iter().any(|resource| resource.name == ".");
    let mut hashing = Hashing::new(serialization);
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if hashing.ignores(&name) {
            continue;
        }
        let mut file = hashing.file(if single { "." } else { &name });
        file.update(&std::fs::read(entry.path()).unwrap());
        hashing.add(file).unwrap();
    }
    hashing.finish("").unwrap()
}

struct Keys {
    public: PublicKey,
    roots: Vec<Certificate>,
    root: TrustRoot,
}

impl Keys {
    fn read(corpus: &Path) -> Self {
        let read = |name: &str| std::fs::read(corpus.join("keys").join(name)).unwrap();
        Self {
            public: PublicKey::from_pem(&read("signing-key-pub.pem")).unwrap(),
            roots: Certificate::all_from_pem(&read("ca-cert.pem")).unwrap(),
            root: TrustRoot::public_good().unwrap(),
        }
    }

    fn trust(&self, folder: &str) -> Trust<'_> {
        if folder.ends_with("certificate") {
            Trust::Certificates(&self.roots)
        } else if folder.ends_with("key") {
            Trust::Key(&self.public)
        } else {
            Trust::Identity { root: &self.root, identity: IDENTITY, issuer: ISSUER }
        }
    }
}

fn recorded(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut bundles = Vec::new();
    for entry in std::fs::read_dir(corpus).unwrap() {
        let entry = entry.unwrap();
        if let Ok(bytes) = std::fs::read(entry.path().join("model.sig")) {
            bundles.push((entry.file_name().into_string().unwrap(), bytes));
        }
    }
    bundles.sort();
    bundles
}

#[test]
fn every_recorded_bundle_verifies() {
    let Some(corpus) = corpus() else { return };
    let keys = Keys::read(&corpus);
    let mut verified = 0;
    for (folder, bundle) in recorded(&corpus) {
        let signed = verify(&bundle, keys.trust(&folder))
            .unwrap_or_else(|error| panic!("{folder}: {error}"));
        let found = hashed(&corpus.join(&folder), &signed.manifest);
        assert_eq!(signed.manifest.differences(&found), [], "{folder}");
        assert_eq!(signed.notes.contains(&Note::EarlyRelease), folder.starts_with("v0.2"));
        if let Signer::Identity { identity, issuer, .. } = &signed.signer {
            assert_eq!((identity.as_str(), issuer.as_str()), (IDENTITY, ISSUER));
        }
        verified += 1;
    }
    println!("recorded bundles verified: {verified}");
    assert_eq!(verified, 7);
}

/// A way to tamper: its name, and what it does to a bundle (`false`: it does not apply).
type Tampering = (&'static str, fn(&mut Value) -> bool);

fn at<'a>(bundle: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    bundle.pointer_mut(pointer)
}

/// Changes the bytes under a base64 text.
fn rewrite(value: Option<&mut Value>, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> bool {
    let Some(value) = value else { return false };
    let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) else {
        return false;
    };
    let changed = change(bytes.clone());
    assert_ne!(bytes, changed);
    *value = json!(STANDARD.encode(changed));
    true
}

fn flip_last(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

fn set(value: Option<&mut Value>, to: Value) -> bool {
    let Some(value) = value.filter(|value| **value != to) else { return false };
    *value = to;
    true
}

const PAYLOAD: &str = "/dsseEnvelope/payload";
const SIG: &str = "/dsseEnvelope/signatures/0/sig";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

const TAMPERINGS: &[Tampering] = &[
    ("a digest in the payload", |b| {
        rewrite(at(b, PAYLOAD), |payload| {
            let text = String::from_utf8(payload).unwrap();
            let at = text
                .rfind("\"digest\": \"")
                .map_or_else(|| text.find("\"sha256\": \"").unwrap() + 11, |at| at + 11);
            let other = if text[at..].starts_with('0') { "1" } else { "0" };
            format!("{}{other}{}", &text[..at], &text[at + 1..]).into_bytes()
        })
    }),
    ("one byte of space in the payload", |b| {
        rewrite(at(b, PAYLOAD), |payload| [payload, b" ".to_vec()].concat())
    }),
    ("the signature", |b| rewrite(at(b, SIG), flip_last)),
    ("an empty signature", |b| set(at(b, SIG), json!(""))),
    ("no signature", |b| set(at(b, "/dsseEnvelope/signatures"), json!([]))),
    ("a second signature", |b| {
        let first = b.pointer("/dsseEnvelope/signatures/0").unwrap().clone();
        set(at(b, "/dsseEnvelope/signatures"), json!([first.clone(), first]))
    }),
    ("the type of the payload", |b| {
        set(at(b, "/dsseEnvelope/payloadType"), json!("application/json"))
    }),
    ("the media type", |b| set(at(b, "/mediaType"), json!("application/json"))),
    ("the type of the predicate", |b| {
        rewrite(at(b, PAYLOAD), |payload| {
            let text = String::from_utf8(payload).unwrap();
            text.replace("model_signing", "model_trusting").into_bytes()
        })
    }),
    ("a file taken out of the payload", |b| {
        rewrite(at(b, PAYLOAD), |payload| {
            let mut statement: Value = serde_json::from_slice(&payload).unwrap();
            match statement.pointer_mut("/predicate/resources") {
                Some(rows) => rows.as_array_mut().unwrap().clear(),
                None => drop(statement["subject"].as_array_mut().unwrap().pop()),
            }
            serde_json::to_vec(&statement).unwrap()
        })
    }),
    ("the certificate of the signer", |b| {
        let chain = "/verificationMaterial/x509CertificateChain/certificates/0/rawBytes";
        let one = "/verificationMaterial/certificate/rawBytes";
        rewrite(at(b, chain), flip_last) || rewrite(at(b, one), flip_last)
    }),
    ("an intermediate certificate taken out", |b| {
        let chain = at(b, "/verificationMaterial/x509CertificateChain/certificates");
        chain.is_some_and(|chain| chain.as_array_mut().unwrap().pop().is_some())
    }),
    ("certificates in another order", |b| {
        let chain = at(b, "/verificationMaterial/x509CertificateChain/certificates");
        chain.is_some_and(|chain| {
            chain.as_array_mut().unwrap().reverse();
            true
        })
    }),
    ("the hint of another key", |b| {
        let key = at(b, "/verificationMaterial/publicKey");
        key.is_some_and(|key| {
            key["hint"] = json!("00".repeat(32));
            true
        })
    }),
    ("no log entry", |b| {
        let entries = at(b, "/verificationMaterial/tlogEntries");
        entries.is_some_and(|entries| set(Some(entries), json!([])))
    }),
    ("the time in the log", |b| {
        set(at(b, &format!("{ENTRY}/integratedTime")), json!("1746234700"))
    }),
    ("the place in the log", |b| set(at(b, &format!("{ENTRY}/logIndex")), json!("1"))),
    ("the id of the log", |b| rewrite(at(b, &format!("{ENTRY}/logId/keyId")), flip_last)),
    ("the body of the log entry", |b| {
        rewrite(at(b, &format!("{ENTRY}/canonicalizedBody")), |body| {
            let text = String::from_utf8(body).unwrap();
            text.replacen("envelopeHash", "envelopeHasH", 1).into_bytes()
        })
    }),
    ("no promise of the log", |b| {
        let entry = at(b, ENTRY);
        entry.is_some_and(|entry| {
            entry.as_object_mut().unwrap().remove("inclusionPromise").is_some()
        })
    }),
    ("the promise of the log", |b| {
        let pointer = format!("{ENTRY}/inclusionPromise/signedEntryTimestamp");
        rewrite(at(b, &pointer), flip_last)
    }),
    ("no proof of inclusion", |b| {
        let entry = at(b, ENTRY);
        entry.is_some_and(|entry| entry.as_object_mut().unwrap().remove("inclusionProof").is_some())
    }),
    ("a hash of the proof", |b| {
        rewrite(at(b, &format!("{ENTRY}/inclusionProof/hashes/3")), flip_last)
    }),
    ("the root of the log", |b| {
        rewrite(at(b, &format!("{ENTRY}/inclusionProof/rootHash")), flip_last)
    }),
    ("the place in the tree", |b| {
        set(at(b, &format!("{ENTRY}/inclusionProof/logIndex")), json!("7"))
    }),
    ("the checkpoint", |b| {
        let pointer = format!("{ENTRY}/inclusionProof/checkpoint/envelope");
        let Some(envelope) = at(b, &pointer) else { return false };
        let text =
            envelope.as_str().unwrap().replacen("rekor.sigstore.dev -", "rekor.example -", 1);
        set(Some(envelope), json!(text))
    }),
];

#[test]
fn every_kind_of_tampering_is_refused() {
    let Some(corpus) = corpus() else { return };
    let keys = Keys::read(&corpus);
    let mut kinds = 0;
    for (what, tamper) in TAMPERINGS {
        let mut applied = 0;
        for (folder, bundle) in recorded(&corpus) {
            let mut changed: Value = serde_json::from_slice(&bundle).unwrap();
            if tamper(&mut changed) {
                applied += 1;
                let result = verify(changed.to_string().as_bytes(), keys.trust(&folder));
                assert!(result.is_err(), "{what} in {folder} was not noticed");
            }
        }
        assert!(applied > 0, "{what} applies to no bundle");
        kinds += 1;
    }
    println!("kinds of tampering with a bundle refused: {kinds}");
    assert!(kinds >= 9);
}

#[test]
fn another_signer_is_refused() {
    let Some(corpus) = corpus() else { return };
    let keys = Keys::read(&corpus);
    let read = |folder: &str| std::fs::read(corpus.join(folder).join("model.sig")).unwrap();
    let sigstore = read("v1.0.0-sigstore");
    let as_identity = |identity: &'static str, issuer: &'static str| {
        verify(&sigstore, Trust::Identity { root: &keys.root, identity, issuer })
    };
    assert!(as_identity(IDENTITY, ISSUER).is_ok());
    for (identity, issuer) in [
        ("someone@us.ibm.com", ISSUER),
        ("", ISSUER),
        (IDENTITY, "https://accounts.example"),
        (IDENTITY, "https://sigstore.verify.ibm.com/oauth2/"),
    ] {
        assert!(matches!(as_identity(identity, issuer), Err(ProvenanceError::Refused(_))));
    }
    let other = signing_key(1);
    assert!(verify(&read("v1.0.0-elliptic-key"), Trust::Key(other.public())).is_err());
    assert!(verify(&read("v1.0.0-certificate"), Trust::Certificates(&[])).is_err());
    // A bundle is never judged by a kind of trust that the caller did not choose.
    assert!(verify(&read("v1.0.0-certificate"), Trust::Key(&keys.public)).is_err());
    assert!(verify(&read("v1.0.0-elliptic-key"), Trust::Certificates(&keys.roots)).is_err());
    assert!(verify(&sigstore, Trust::Certificates(&keys.roots)).is_err());
}

/// A key for tests: never use a key whose bytes anybody can guess.
fn signing_key(seed: u8) -> SigningKey {
    let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
    let der = pkcs8::EncodePrivateKey::to_pkcs8_der(&secret).unwrap();
    let body = STANDARD.encode(der.as_bytes());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    SigningKey::from_pem(pem.as_bytes()).unwrap()
}

fn model(files: &[(&str, &str)], method: Method) -> Manifest {
    let mut hashing = Hashing::new(Serialization { method, ..Serialization::default() });
    for (path, text) in files {
        let mut file = hashing.file(path);
        file.update(text.as_bytes());
        hashing.add(file).unwrap();
    }
    hashing.finish("example").unwrap()
}

#[test]
fn what_we_sign_we_verify_and_every_change_of_the_model_is_named() {
    let key = signing_key(7);
    for method in [Method::Files, Method::Shards { bytes: 3 }] {
        let files = [("config.json", "{}"), ("weights/a.bin", "weights")];
        let manifest = model(&files, method);
        let bundle = sign(&manifest, &key).unwrap();
        let Signed { manifest: signed, signer, notes } =
            verify(&bundle, Trust::Key(key.public())).unwrap();
        assert_eq!(signer, Signer::Key { hint: key.public().hint() });
        assert_eq!(notes, []);
        assert_eq!(signed.differences(&manifest), []);
        for changed in [
            vec![("config.json", "{}"), ("weights/a.bin", "Weights")],
            vec![("config.json", "{}")],
            vec![("config.json", "{}"), ("weights/b.bin", "weights")],
            vec![("config.json", "{}"), ("weights/a.bin", "weights"), ("x.py", "1")],
            vec![("config.json", "weights"), ("weights/a.bin", "{}")],
            vec![("config.json", "{}"), ("weights/a.bin", "weights ")],
        ] {
            assert_ne!(signed.differences(&model(&changed, method)), [], "{changed:?}");
        }
    }
}

#[test]
fn a_certificate_of_another_key_does_not_sign() {
    let Some(corpus) = corpus() else { return };
    let pem = std::fs::read(corpus.join("keys/signing-key-cert.pem")).unwrap();
    let certificates = Certificate::all_from_pem(&pem).unwrap();
    let manifest = model(&[("a", "b")], Method::Files);
    let result = sign_with_certificates(&manifest, &signing_key(7), &certificates[0], &[]);
    assert!(matches!(result, Err(ProvenanceError::Refused(_))));
}

#[test]
fn bundles_cut_short_or_bent_never_panic_and_never_verify() {
    let Some(corpus) = corpus() else { return };
    let keys = Keys::read(&corpus);
    let mut tried = 0;
    for (folder, bundle) in recorded(&corpus) {
        for at in (0..bundle.len()).step_by(211) {
            let mut bent = bundle.clone();
            bent[at] ^= 1 << (at % 7);
            // A bent bundle may still verify where the byte means nothing: in white space or in
            // a field that no check reads. What it then says must be unchanged.
            if let Ok(signed) = verify(&bent, keys.trust(&folder)) {
                assert_eq!(signed, verify(&bundle, keys.trust(&folder)).unwrap(), "{folder} {at}");
            }
            assert!(verify(&bundle[..at], keys.trust(&folder)).is_err());
            tried += 1;
        }
    }
    println!("bent and cut bundles tried: {tried}");
}
