//! PEM (RFC 7468): the armour around keys and certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ProvenanceError, limits};

/// Every block of a text: its label, such as `PUBLIC KEY`, and its bytes. Text between the blocks
/// is left out.
pub(super) fn blocks(pem: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ProvenanceError> {
    let wrong = |reason: &str| ProvenanceError::malformed("PEM", reason);
    limits::check("bytes of PEM", pem.len(), limits::PEM_BYTES_MAX)?;
    let text = std::str::from_utf8(pem).map_err(|_| wrong("it is not text"))?;
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines().map(str::trim) {
        let label = |start: &str| line.strip_prefix(start)?.strip_suffix("-----");
        if let Some(label) = label("-----BEGIN ") {
            if open.is_some() {
                return Err(wrong("a block begins inside another"));
            }
            open = Some((label.to_owned(), String::new()));
        } else if let Some(label) = label("-----END ") {
            let Some((begun, body)) = open.take().filter(|(begun, _)| begun == label) else {
                return Err(wrong("a block ends that was not begun"));
            };
            let bytes = STANDARD.decode(body).map_err(|_| wrong("a block is not base64"))?;
            blocks.push((begun, bytes));
            limits::check("PEM blocks", blocks.len(), limits::CERTIFICATES_MAX)?;
        } else if let Some((_, body)) = &mut open {
            body.push_str(line);
        }
    }
    if open.is_some() {
        return Err(wrong("a block does not end"));
    }
    Ok(blocks)
}

/// One block, in lines of 64 characters.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (at, c) in body.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.extend(["\n-----END ", label, "-----\n"]);
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for size in [0_u8, 1, 47, 48, 49, 200] {
            let der: Vec<u8> = (0..size).collect();
            let pem = format!("a comment\n{}", encode("THING", &der));
            assert_eq!(blocks(pem.as_bytes()).unwrap(), [("THING".to_owned(), der)]);
        }
    }

    #[test]
    fn broken_armour_is_an_error() {
        for text in [
            "-----BEGIN A-----\nAA==\n",
            "-----END A-----\n",
            "-----BEGIN A-----\n-----BEGIN B-----\n",
            "-----BEGIN A-----\n!\n-----END A-----\n",
            "-----BEGIN A-----\nAA==\n-----END B-----\n",
        ] {
            assert!(blocks(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(blocks(b"nothing here").unwrap(), []);
    }
}
