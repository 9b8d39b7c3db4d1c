//! Verifies every recorded bundle, times it, and prints what is checked elsewhere.
//!
//! `cargo run --release -p vet --example bench_provenance`

use std::path::PathBuf;
use std::time::Instant;

use vet::provenance::{Certificate, Hashing, PublicKey, Serialization, Trust, TrustRoot, verify};

const GOAL: usize = 7;

fn main() {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join("vet/model-signing");
    if !folder.is_dir() {
        println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", folder.display());
        return;
    }
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a readable file");
    let key = PublicKey::from_pem(&read("keys/signing-key-pub.pem")).expect("a key");
    let roots = Certificate::all_from_pem(&read("keys/ca-cert.pem")).expect("certificates");
    let public = TrustRoot::public_good().expect("the public-good root");
    let mut verified = 0;
    for entry in std::fs::read_dir(&folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        let Ok(bundle) = std::fs::read(path.join("model.sig")) else { continue };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let trust = if name.ends_with("certificate") {
            Trust::Certificates(&roots)
        } else if name.ends_with("key") {
            Trust::Key(&key)
        } else {
            let issuer = "https://sigstore.verify.ibm.com/oauth2";
            Trust::Identity { root: &public, identity: "stefanb@us.ibm.com", issuer }
        };
        let start = Instant::now();
        let result = verify(&bundle, trust);
        let ms = start.elapsed().as_secs_f64() * 1_000.0;
        match result {
            Ok(signed) => {
                verified += 1;
                println!("{name}: verified in {ms:.1} ms, {:?}", signed.signer);
            }
            Err(error) => println!("{name}: {error}"),
        }
    }
    let verdict = if verified == GOAL { "met" } else { "MISSED" };
    println!("recorded bundles verified: {verified}, goal {GOAL}: {verdict}");
    let mut file = Hashing::new(Serialization::default()).file("x");
    let (piece, start) = (vec![7_u8; 1 << 20], Instant::now());
    for _ in 0..256 {
        file.update(&piece);
    }
    println!("hashing: {:.0} MiB/s with SHA-256", 256.0 / start.elapsed().as_secs_f64());
    println!("tampering: cargo test -p vet --test model_signing -- --nocapture");
    println!("interop: cargo test -p vet --test model_signing_interop -- --nocapture");
}
