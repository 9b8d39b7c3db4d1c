//! Decodes texts as the callables of Python would, to see what is hidden in them.

use base64::Engine as _;

/// Whether a callable decodes or unpacks.
pub fn is_decoding(path: &str) -> bool {
    let tail = path.rsplit('.').next().unwrap_or(path);
    match path.split('.').next().unwrap_or(path) {
        "base64" => tail.contains("decode"),
        "binascii" => tail.starts_with("a2b") || tail == "unhexlify",
        "zlib" | "gzip" | "bz2" | "lzma" | "zstandard" | "brotli" => tail == "decompress",
        "codecs" => tail == "decode",
        "builtins" => tail == "fromhex",
        "quopri" | "uu" => tail.starts_with("decode"),
        "urllib" => tail.starts_with("unquote"),
        "html" => tail == "unescape",
        _ => false,
    }
}

/// Whether a codec turns one text into another.
pub fn is_transform(codec: &str) -> bool {
    let codec = codec.replace(['-', '_'], "").to_lowercase();
    ["rot13", "hex", "hexcodec", "base64", "base64codec", "zlib", "bz2", "zip", "uu"]
        .contains(&codec.as_str())
}

/// What a decoding callable makes of a text.
pub fn decode(path: &str, text: &str, codec: Option<&str>) -> Option<String> {
    let tail = path.rsplit('.').next().unwrap_or(path);
    let codec = codec.unwrap_or_default().to_lowercase();
    match (path, tail) {
        ("codecs.decode", _) if codec.contains("rot") => Some(rot13(text)),
        ("codecs.decode", _) if codec.contains("hex") => unhex(text),
        ("codecs.decode", _) if codec.contains("base64") => base64(text),
        (
            _,
            "b64decode" | "urlsafe_b64decode" | "standard_b64decode" | "decodebytes" | "a2b_base64",
        ) => base64(text),
        (_, "b16decode" | "fromhex" | "unhexlify" | "a2b_hex") => unhex(text),
        (_, "b32decode") => base32(text),
        (_, "unquote") => Some(percent(text)),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = hex::decode(compact).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// RFC 4648, section 6.
fn base32(text: &str) -> Option<String> {
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte.to_ascii_uppercase() {
            byte @ b'A'..=b'Z' => byte - b'A',
            byte @ b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap_or(0));
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Takes percent signs out of an address.
fn percent(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| hex::decode(code).ok());
        match code.as_deref() {
            Some([byte]) => {
                out.push(*byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Decodes base64 that is a text.
fn base64(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let body = compact.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(body)
        .or_else(|_| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body))
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The letters thirteen places further.
fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='m' | 'A'..='M' => char::from_u32(u32::from(c) + 13).unwrap_or(c),
            'n'..='z' | 'N'..='Z' => char::from_u32(u32::from(c) - 13).unwrap_or(c),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_as_python_would() {
        assert_eq!(decode("base64.b64decode", "aWQ=", None).as_deref(), Some("id"));
        assert_eq!(decode("base64.b32decode", "NFSA====", None).as_deref(), Some("id"));
        assert_eq!(decode("builtins.bytes.fromhex", "69 64", None).as_deref(), Some("id"));
        assert_eq!(decode("codecs.decode", "vq", Some("rot13")).as_deref(), Some("id"));
        assert_eq!(decode("urllib.parse.unquote", "%69d%", None).as_deref(), Some("id%"));
        assert!(is_decoding("zlib.decompress") && !is_decoding("zlib.compress"));
    }
}
