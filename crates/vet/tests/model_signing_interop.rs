//! What we sign, the reference implementation verifies, and the other way round. Needs a Python
//! with
//! the package `model-signing` 1.1.1, named by `RINGFORT_MODEL_SIGNING_PYTHON`; skipped, loudly,
//! without it.
#![expect(clippy::disallowed_methods, reason = "the reference implementation is a program")]

use std::path::{Path, PathBuf};
use std::process::Command;

use vet::provenance::{
    Certificate, HashType, Hashing, Manifest, Method, PublicKey, Serialization, SigningKey, Trust,
    sign, sign_with_certificates, verify,
};

/// Makes keys and certificates, signs and verifies with the reference implementation.
const SCRIPT: &str = r#"
import datetime, pathlib, sys
import model_signing
from model_signing import hashing, signing, verifying
what, folder, model, sig, *rest = sys.argv[1:]
folder = pathlib.Path(folder)

def config(how):
    made = hashing.Config()
    if how == "shards":
        made = made.use_shard_serialization(shard_size=1000)
    elif how == "blake2":
        made = made.use_file_serialization(hashing_algorithm="blake2")
    elif how == "blake3":
        made = made.use_file_serialization(hashing_algorithm="blake3")
    return made.set_ignored_paths(paths=[pathlib.Path("notes")])

if what == "make":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    def key(curve, name, form):
        made = ec.generate_private_key(curve)
        (folder / f"{name}.pem").write_bytes(made.private_bytes(
            serialization.Encoding.PEM, form, serialization.NoEncryption()))
        (folder / f"{name}.pub").write_bytes(made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        return made
    pkcs8, sec1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
    key(ec.SECP256R1(), "p256", sec1)
    leaf = key(ec.SECP384R1(), "p384", pkcs8)
    key(ec.SECP521R1(), "p521", pkcs8)
    root = key(ec.SECP256R1(), "root", pkcs8)
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    def certificate(subject, public, ca, file):
        made = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("root"))
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, False, False, False),
                critical=True).sign(root, hashes.SHA256()))
        (folder / file).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    certificate("root", root.public_key(), True, "root.crt")
    certificate("signer", leaf.public_key(), False, "leaf.crt")
elif what == "sign-key":
    key, how = rest
    (signing.Config().set_hashing_config(config(how))
        .use_elliptic_key_signer(private_key=folder / f"{key}.pem").sign(model, sig))
elif what == "verify-key":
    verifying.Config().use_elliptic_key_verifier(public_key=folder / f"{rest[0]}.pub").verify(model, sig)
elif what == "sign-certificate":
    (signing.Config().set_hashing_config(config("files")).use_certificate_signer(
        private_key=folder / "p384.pem", signing_certificate=folder / "leaf.crt",
        certificate_chain=[folder / "root.crt"]).sign(model, sig))
elif what == "verify-certificate":
    verifying.Config().use_certificate_verifier(certificate_chain=[folder / "root.crt"]).verify(model, sig)
"#;

struct Reference {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Reference {
    fn open() -> Option<Self> {
        let Some(python) = std::env::var_os("RINGFORT_MODEL_SIGNING_PYTHON") else {
            println!("SKIPPED: RINGFORT_MODEL_SIGNING_PYTHON names no Python with model-signing");
            return None;
        };
        let reference = Self { python: python.into(), folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(reference.path("model/a")).unwrap();
        std::fs::create_dir_all(reference.path("model/notes")).unwrap();
        std::fs::create_dir_all(reference.path("model/.git")).unwrap();
        for (name, size) in [("a/w.bin", 2_500_usize), ("a-b", 10), ("config.json", 0), ("é", 3)] {
            let bytes: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            std::fs::write(reference.path("model").join(name), bytes).unwrap();
        }
        std::fs::write(reference.path("model/notes/x"), "left out").unwrap();
        std::fs::write(reference.path("model/.git/x"), "left out").unwrap();
        assert!(reference.run("make", &[]));
        Some(reference)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn run(&self, what: &str, rest: &[&str]) -> bool {
        let output = Command::new(&self.python)
            .args(["-c", SCRIPT, what])
            .arg(self.folder.path())
            .arg(self.path("model"))
            .arg(self.path("model.sig"))
            .args(rest)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("").to_owned();
        println!("{what} {rest:?}: {} {said}", output.status);
        output.status.success()
    }

    /// The model as it is on the disk, hashed as a manifest says.
    fn hashed(&self, serialization: &Serialization) -> Manifest {
        let root = self.path("model");
        let mut hashing = Hashing::new(serialization.clone());
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = relative(&root, &path);
                if hashing.ignores(&name) {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mut file = hashing.file(&name);
                file.update(&std::fs::read(&path).unwrap());
                hashing.add(file).unwrap();
            }
        }
        hashing.finish("model").unwrap()
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

fn ways() -> Vec<(&'static str, Serialization)> {
    let with = |method, hash| Serialization {
        method,
        hash,
        allow_symlinks: false,
        ignore_paths: vec!["notes".to_owned()],
    };
    vec![
        ("files", with(Method::Files, HashType::Sha256)),
        ("shards", with(Method::Shards { bytes: 1000 }, HashType::Sha256)),
        ("blake2", with(Method::Files, HashType::Blake2b)),
        ("blake3", with(Method::Files, HashType::Blake3)),
    ]
}

#[test]
fn both_directions_with_keys_and_certificates() {
    let Some(reference) = Reference::open() else { return };
    let mut passed = 0;
    for key in ["p256", "p384", "p521"] {
        let public = PublicKey::from_pem(&reference.read(&format!("{key}.pub"))).unwrap();
        for (how, serialization) in ways() {
            assert!(reference.run("sign-key", &[key, how]));
            let signed = verify(&reference.read("model.sig"), Trust::Key(&public)).unwrap();
            let found = reference.hashed(signed.manifest.serialization());
            assert_eq!(signed.manifest.differences(&found), [], "{key} {how}");
            assert_eq!(signed.manifest.serialization().hash, serialization.hash);
            passed += 1;
        }
    }
    for key in ["p256", "p384"] {
        let secret = SigningKey::from_pem(&reference.read(&format!("{key}.pem"))).unwrap();
        // The reference implementation cannot guess its own BLAKE2 from a manifest.
        for (how, serialization) in ways().into_iter().filter(|(how, _)| *how != "blake2") {
            let bundle = sign(&reference.hashed(&serialization), &secret).unwrap();
            std::fs::write(reference.path("model.sig"), bundle).unwrap();
            assert!(reference.run("verify-key", &[key]), "{key} {how}");
            passed += 1;
        }
    }
    let roots = Certificate::all_from_pem(&reference.read("root.crt")).unwrap();
    let leaf = Certificate::all_from_pem(&reference.read("leaf.crt")).unwrap().remove(0);
    let secret = SigningKey::from_pem(&reference.read("p384.pem")).unwrap();
    assert!(reference.run("sign-certificate", &[]));
    let signed = verify(&reference.read("model.sig"), Trust::Certificates(&roots)).unwrap();
    let found = reference.hashed(signed.manifest.serialization());
    assert_eq!(signed.manifest.differences(&found), []);
    let bundle = sign_with_certificates(&found, &secret, &leaf, &[]).unwrap();
    std::fs::write(reference.path("model.sig"), bundle).unwrap();
    assert!(reference.run("verify-certificate", &[]));
    std::fs::write(reference.path("model/a-b"), "changed").unwrap();
    assert!(!reference.run("verify-certificate", &[]), "a changed model was taken");
    println!("signatures that crossed over: {}", passed + 2);
}
