//! The public-good instance of sigstore, whose trust root is published over TUF. The keys and
//! certificates are facts of that instance, as published in 2025; a caller with a newer
//! `trusted_root.json` reads it with [`TrustRoot::from_json`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::TrustRoot;
use super::trust_root::{Authority, Log, Span};
use crate::provenance::{Certificate, ProvenanceError, PublicKey};

/// A log: its key, and the seconds since 1970 between which it counts. Its id is the SHA-256 of the
/// key.
type LogFact = (&'static str, u64, u64);
/// An authority: its certificates, the root last, and the seconds between which it counts.
type AuthorityFact = (&'static [&'static str], u64, u64);

/// Rekor, the transparency log of the first generation.
const LOGS: &[LogFact] = &[(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwrkBbmLSGtks4L3qX6yYY0zufB\
         nhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==",
    1_610_452_407,
    u64::MAX,
)];

/// The logs of certificates.
const CERTIFICATE_LOGS: &[LogFact] = &[
    (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbfwR+RJudXscgRBRpKX1XFDy3PyudDxz/SfnRi1fT8ekpfBd2O1u\
         oz7jr3Z8nKzxA69EUQ+eFCFI3zeubPWU7w==",
        1_615_680_000,
        1_667_260_799,
    ),
    (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiPSlFi0CmFTfEjCUqF9HuCEcYXNKAaYalIJmBZ8yyezPjTqhxrKB\
         pMnaocVtLJBI1eM3uXnQzQGAJdJ4gs9Fyw==",
        1_666_224_000,
        u64::MAX,
    ),
];

/// Fulcio, the certificate authority.
const AUTHORITIES: &[AuthorityFact] = &[
    (
        &["MIIB+DCCAX6gAwIBAgITNVkDZoCiofPDsy7dfm6geLbuhzAKBggqhkjOPQQDAzAqMRUwEwYDVQQKEwxzaWdz\
             dG9yZS5kZXYxETAPBgNVBAMTCHNpZ3N0b3JlMB4XDTIxMDMwNzAzMjAyOVoXDTMxMDIyMzAzMjAyOVowKjEV\
             MBMGA1UEChMMc2lnc3RvcmUuZGV2MREwDwYDVQQDEwhzaWdzdG9yZTB2MBAGByqGSM49AgEGBSuBBAAiA2IA\
             BLSyA7Ii5k+pNO8ZEWY0ylemWDowOkNa3kL+GZE5Z5GWehL9/A9bRNA3RbrsZ5i0JcastaRL7Sp5fp/jD5dx\
             qc/UdTVnlvS16an+2Yfswe/QuLolRUCrcOE2+2iA5+tzd6NmMGQwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB\
             /wQIMAYBAf8CAQEwHQYDVR0OBBYEFMjFHQBBmiQpMlEk6w2uSu1KBtPsMB8GA1UdIwQYMBaAFMjFHQBBmiQp\
             MlEk6w2uSu1KBtPsMAoGCCqGSM49BAMDA2gAMGUCMH8liWJfMui6vXXBhjDgY4MwslmN/TJxVe/83WrFomwm\
             Nf056y1X48F9c4m3a3ozXAIxAKjRay5/aj/jsKKGIkmQatjI8uupHr/+CxFvaJWmpYqNkLDGRU+9orzh5hI2\
             RrcuaQ=="],
        1_615_087_229,
        1_672_531_199,
    ),
    (
        &[
            "MIICGjCCAaGgAwIBAgIUALnViVfnU0brJasmRkHrn/UnfaQwCgYIKoZIzj0EAwMwKjEVMBMGA1UEChMMc2ln\
             c3RvcmUuZGV2MREwDwYDVQQDEwhzaWdzdG9yZTAeFw0yMjA0MTMyMDA2MTVaFw0zMTEwMDUxMzU2NThaMDcx\
             FTATBgNVBAoTDHNpZ3N0b3JlLmRldjEeMBwGA1UEAxMVc2lnc3RvcmUtaW50ZXJtZWRpYXRlMHYwEAYHKoZI\
             zj0CAQYFK4EEACIDYgAE8RVS/ysH+NOvuDZyPIZtilgUF9NlarYpAd9HP1vBBH1U5CV77LSS7s0ZiH4nE7Hv\
             7ptS6LvvR/STk798LVgMzLlJ4HeIfF3tHSaexLcYpSASr1kS0N/RgBJz/9jWCiXno3sweTAOBgNVHQ8BAf8E\
             BAMCAQYwEwYDVR0lBAwwCgYIKwYBBQUHAwMwEgYDVR0TAQH/BAgwBgEB/wIBADAdBgNVHQ4EFgQU39Ppz1Yk\
             EZb5qNjpKFWixi4YZD8wHwYDVR0jBBgwFoAUWMAeX5FFpWapesyQoZMi0CrFxfowCgYIKoZIzj0EAwMDZwAw\
             ZAIwPCsQK4DYiZYDPIaDi5HFKnfxXx6ASSVmERfsynYBiX2X6SJRnZU84/9DZdnFvvxmAjBOt6QpBlc4J/0D\
             xvkTCqpclvziL6BCCPnjdlIB3Pu3BxsPmygUY7Ii2zbdCdliiow=",
            "MIIB9zCCAXygAwIBAgIUALZNAPFdxHPwjeDloDwyYChAO/4wCgYIKoZIzj0EAwMwKjEVMBMGA1UEChMMc2ln\
             c3RvcmUuZGV2MREwDwYDVQQDEwhzaWdzdG9yZTAeFw0yMTEwMDcxMzU2NTlaFw0zMTEwMDUxMzU2NThaMCox\
             FTATBgNVBAoTDHNpZ3N0b3JlLmRldjERMA8GA1UEAxMIc2lnc3RvcmUwdjAQBgcqhkjOPQIBBgUrgQQAIgNi\
             AAT7XeFT4rb3PQGwS4IajtLk3/OlnpgangaBclYpsYBr5i+4ynB07ceb3LP0OIOZdxexX69c5iVuyJRQ+Hz0\
             5yi+UF3uBWAlHpiS5sh0+H2GHE7SXrk1EC5m1Tr19L9gg92jYzBhMA4GA1UdDwEB/wQEAwIBBjAPBgNVHRMB\
             Af8EBTADAQH/MB0GA1UdDgQWBBRYwB5fkUWlZql6zJChkyLQKsXF+jAfBgNVHSMEGDAWgBRYwB5fkUWlZql6\
             zJChkyLQKsXF+jAKBggqhkjOPQQDAwNpADBmAjEAj1nHeXZp+13NWBNa+EDsDP8G1WWg1tCMWP/WHPqpaVo0\
             jhsweNFZgSs0eE7wYI4qAjEA2WB9ot98sIkoF3vZYdd3/VtWB5b9TNMea7Ix/stJ5TfcLLeABLE4BNJOsQ4v\
             nBHJ",
        ],
        1_649_880_375,
        u64::MAX,
    ),
];

impl TrustRoot {
    /// The public-good instance (`sigstore.dev`).
    pub fn public_good() -> Result<Self, ProvenanceError> {
        let decode = |text: &str| {
            STANDARD.decode(text).map_err(|e| ProvenanceError::malformed("trust root", e))
        };
        let log = |(key, first_s, last_s): &LogFact| {
            let key = PublicKey::from_der(&decode(key)?)?;
            let valid = Span { first_s: *first_s, last_s: *last_s };
            Ok(Log { id: key.id().to_vec(), key, valid })
        };
        let authority = |(chain, first_s, last_s): &AuthorityFact| {
            let read = |text: &&str| Certificate::from_der(&decode(text)?);
            let mut between: Vec<Certificate> =
                chain.iter().map(read).collect::<Result<_, ProvenanceError>>()?;
            let roots = between.pop().into_iter().collect();
            let valid = Span { first_s: *first_s, last_s: *last_s };
            Ok(Authority { roots, between, valid })
        };
        Ok(Self {
            logs: LOGS.iter().map(log).collect::<Result<_, ProvenanceError>>()?,
            certificate_logs: CERTIFICATE_LOGS
                .iter()
                .map(log)
                .collect::<Result<_, ProvenanceError>>()?,
            authorities: AUTHORITIES
                .iter()
                .map(authority)
                .collect::<Result<_, ProvenanceError>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_are_read_and_name_their_logs() {
        let root = TrustRoot::public_good().unwrap();
        assert_eq!(root.logs.len(), 1);
        // The id under which every bundle names the log.
        assert_eq!(
            STANDARD.encode(&root.logs[0].id),
            "wNI9atQGlz+VWfO6LRygH4QUfY/8W4RFwiT5i5WRgB0="
        );
        assert_eq!(root.certificate_logs.len(), 2);
        assert_eq!(root.authorities.len(), 2);
    }
}
