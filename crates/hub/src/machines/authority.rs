//! The hub's own authority: it certifies the hub itself and the keys of machines, and nothing else.
//!
//! Keys are ECDSA on P-256. A machine's certificate names the machine (64 hexadecimal digits as the
//! common name), is good for seven days and for being a TLS client only. What a request asks for
//! beside its key is not looked at: names, uses and times are the hub's to say.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use durable::{Files as _, StdFiles};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use spine::{Digest, HostId, Rng, rng::random_bytes};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

use super::limits;
use super::wire::SERVER_NAME;
use crate::web::Oops;

/// The file of the authority: key and certificate, PEM.
const FILE: &str = "authority.pem";
/// How often it is looked whether another process has made it, 20 ms apart.
const LOCK_TRIES: u32 = 250;
/// id-ecPublicKey with the curve P-256, and ecdsa-with-SHA256 (RFC 5480, RFC 5758).
const EC_KEY: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";

/// The hub's authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// DER.
    pub der: Vec<u8>,
    /// When it ends, milliseconds since the Unix epoch.
    pub not_after_ms: i64,
}

/// A public key that asked for a certificate and showed that it has its other half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedKey {
    point: Vec<u8>,
    /// SHA-256 of the subject public key info (DER).
    pub digest: Digest,
}

impl PublicKeyData for AskedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn failed(error: impl std::fmt::Display) -> Oops {
    Oops::Internal(format!("the authority of machines: {error}"))
}

/// The SHA-256 of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

impl Authority {
    /// Reads the authority in the hub's folder, or makes it.
    pub fn open(dir: &Path, now_ms: i64) -> Result<Self, Oops> {
        let path = dir.join(FILE);
        let pem = match StdFiles.read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(dir, now_ms)?,
            Err(error) => return Err(failed(error)),
        };
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(failed)?;
        let key = KeyPair::from_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(failed)?;
        Ok(Self { issuer: Issuer::new(own_params(&key), key), certificate })
    }

    /// Makes the authority, unless another process is doing just that.
    fn make(dir: &Path, now_ms: i64) -> Result<Vec<u8>, Oops> {
        let (path, lock) = (dir.join(FILE), dir.join("authority.lock"));
        for _ in 0..LOCK_TRIES {
            match StdFiles.lock(&lock) {
                Ok(_held) => {
                    if let Ok(pem) = StdFiles.read(&path) {
                        return Ok(pem);
                    }
                    let pem = Self::made(now_ms)?;
                    StdFiles.write_atomic(&path, &pem).map_err(failed)?;
                    return Ok(pem);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed("another process is making it, and does not end"))
    }

    fn made(now_ms: i64) -> Result<Vec<u8>, Oops> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = own_params(&key);
        // Ten years: a hub that lives longer is set up anew, and its machines join again.
        set_times(&mut params, now_ms, now_ms + 3_652 * 86_400_000);
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()).into_bytes())
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What a token pins: SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Digest {
        digest_of(&self.certificate)
    }

    /// A certificate for a machine's key.
    pub fn certify(
        &self,
        host: HostId,
        key: &AskedKey,
        now_ms: i64,
        rng: &dyn Rng,
    ) -> Result<Issued, Oops> {
        let mut params = params_of(&host.to_string(), ExtendedKeyUsagePurpose::ClientAuth, rng);
        let not_after_ms = now_ms + limits::CERTIFICATE_MS;
        set_times(&mut params, now_ms, not_after_ms);
        let made: Certificate = params.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(Issued { der: made.der().to_vec(), not_after_ms })
    }

    /// A certificate and its key for the hub itself.
    pub fn certify_hub(
        &self,
        now_ms: i64,
        rng: &dyn Rng,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Oops> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = params_of("ringfort hub", ExtendedKeyUsagePurpose::ServerAuth, rng);
        let name = SERVER_NAME.try_into().map_err(failed)?;
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name)];
        set_times(&mut params, now_ms, now_ms + limits::SERVER_CERTIFICATE_MS);
        let made = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(failed)?;
        Ok((made.der().clone(), key))
    }
}

/// What says of the authority itself. It follows from its key, so that it need not be kept.
fn own_params(key: &KeyPair) -> CertificateParams {
    let short: String =
        digest_of(&key.subject_public_key_info()).to_hex().chars().take(12).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("ringfort hub authority {short}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params_of(name: &str, purpose: ExtendedKeyUsagePurpose, rng: &dyn Rng) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut serial = random_bytes::<16>(rng);
    if let Some(first) = serial.first_mut() {
        // A serial number is positive (RFC 5280, section 4.1.2.2).
        *first = (*first & 0x7f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = named(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// A time to the second, as certificates have it.
fn set_times(params: &mut CertificateParams, from_ms: i64, to_ms: i64) {
    let moment = |time_ms: i64| {
        let seconds = u64::try_from(time_ms.div_euclid(1_000)).unwrap_or(0);
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = moment(from_ms - limits::CLOCK_SKEW_MS);
    params.not_after = moment(to_ms);
}

/// Reads a request for a certificate (PKCS#10, RFC 2986, DER) and checks that whoever asks has the
/// key. The error says in words what is wrong.
pub fn read_request(der: &[u8]) -> Result<AskedKey, &'static str> {
    if der.len() > limits::REQUEST_BYTES_MAX {
        return Err("it is too long");
    }
    let request = CertReq::from_der(der).map_err(|_| "it is no PKCS#10 request")?;
    let key = &request.info.public_key;
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.decode_as::<x509_cert::der::oid::ObjectIdentifier>().ok());
    if key.algorithm.oid.to_string() != EC_KEY
        || curve.is_none_or(|curve| curve.to_string() != P256)
        || request.algorithm.oid.to_string() != ECDSA_SHA256
    {
        return Err("its key is not ECDSA on P-256 with SHA-256");
    }
    let (Some(point), Some(signature)) =
        (key.subject_public_key.as_bytes(), request.signature.as_bytes())
    else {
        return Err("its key or signature is malformed");
    };
    let signed = request.info.to_der().map_err(|_| "it cannot be read again")?;
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, point)
        .verify(&signed, signature)
        .map_err(|_| "it is not signed by its own key")?;
    let digest = digest_of(&key.to_der().map_err(|_| "its key cannot be read again")?);
    Ok(AskedKey { point: point.to_vec(), digest })
}

/// Makes a key and the request for its certificate, on the machine itself. Returns the key (PKCS#8,
/// PEM), the request (DER), and the digest that names the key.
pub fn make_request() -> Result<(String, Vec<u8>, Digest), String> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| e.to_string())?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("ringfort machine");
    let request = params.serialize_request(&key).map_err(|error| error.to_string())?;
    let digest = digest_of(&key.subject_public_key_info());
    Ok((key.serialize_pem(), request.der().to_vec(), digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fill(u8);
    impl Rng for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn the_authority_is_made_once_and_its_names_follow_from_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open(dir.path(), 1_800_000_000_000).unwrap();
        let again = Authority::open(dir.path(), 1_900_000_000_000).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        let other = tempfile::tempdir().unwrap();
        let other = Authority::open(other.path(), 1_800_000_000_000).unwrap();
        assert_ne!(first.fingerprint(), other.fingerprint());
    }

    #[test]
    fn a_request_shows_that_the_key_is_there_and_nothing_else_of_it_counts() {
        let (_, request, digest) = make_request().unwrap();
        assert_eq!(read_request(&request).unwrap().digest, digest);
        for at in 0..request.len() {
            let mut turned = request.clone();
            turned[at] ^= 1;
            assert_ne!(read_request(&turned).map(|key| key.digest), Ok(digest), "byte {at}");
            assert!(read_request(&request[..at]).is_err(), "cut at {at}");
        }
        assert!(read_request(&[request, vec![0]].concat()).is_err(), "something after it");
        assert_eq!(read_request(&vec![0; limits::REQUEST_BYTES_MAX + 1]), Err("it is too long"));
    }

    #[test]
    fn a_certificate_says_what_the_hub_says() {
        let dir = tempfile::tempdir().unwrap();
        let now_ms = 1_800_000_000_000;
        let authority = Authority::open(dir.path(), now_ms).unwrap();
        let (_, request, _) = make_request().unwrap();
        let key = read_request(&request).unwrap();
        let host = HostId(Digest([9; 32]));
        let issued = authority.certify(host, &key, now_ms, &Fill(0xff)).unwrap();
        assert_eq!(issued.not_after_ms, now_ms + limits::CERTIFICATE_MS);
        let read = x509_cert::Certificate::from_der(&issued.der).unwrap();
        assert_eq!(read.tbs_certificate.subject.to_string(), format!("CN={host}"));
        let lasts = read.tbs_certificate.validity;
        let (from, to) = (lasts.not_before.to_unix_duration(), lasts.not_after.to_unix_duration());
        assert_eq!(to.as_secs(), from.as_secs() + 7 * 86_400 + 300);
        assert!(read.tbs_certificate.serial_number.as_bytes()[0] < 0x80, "positive");
    }
}
