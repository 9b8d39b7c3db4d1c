//! DSSE, the envelope that is signed (protocol version 1): what exactly the signature covers.

/// The payload type of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The pre-authentication encoding: type and payload, each with its length, so that neither can
/// be taken for a part of the other.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The encoding that the experimental release 0.2 of model signing really signed: another
/// first word, and the payload as Python prints bytes. It is as unambiguous as the right one, and
/// models in use carry it; a fresh signature never does.
pub(super) fn pae_of_release_0_2(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEV1 {} {IN_TOTO} {} ", IN_TOTO.len(), payload.len());
    [head, python_repr(payload)].concat().into_bytes()
}

/// Bytes as the `repr` of Python writes them.
fn python_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            0x20..0x7f => {
                if char::from(*byte) == quote {
                    text.push('\\');
                }
                text.push(char::from(*byte));
            }
            _ => text.extend(["\\x", &hex::encode([*byte])]),
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_protocol() {
        let signed = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn bytes_as_python_prints_them() {
        assert_eq!(python_repr(b"a\n\"\x00\xff\\"), r#"b'a\n"\x00\xff\\'"#);
        assert_eq!(python_repr(b"it's"), r#"b"it's""#);
        assert_eq!(python_repr(b"it's \"so\""), r#"b'it\'s "so"'"#);
    }
}
