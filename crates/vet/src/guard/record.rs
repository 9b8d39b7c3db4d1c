//! What is written down of a request: who asked which model when, hashes and lengths, what was
//! raised and what was denied. No text of the conversation, no key.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Denial;
use super::conversation::{Conversation, Origin};

/// Parts of a conversation that are written down; of a longer one the last.
const PARTS_MAX: usize = 64;

/// One line of the record.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// When it was asked, milliseconds since 1970.
    pub time_ms: i64,
    /// The number of the request since the guard began.
    pub request: u64,
    /// Who asked: the first of the SHA-256 of their key, or their address.
    pub client: String,
    /// Which way: `chat/completions`, `completions`, `embeddings`.
    pub endpoint: String,
    /// The name of the model, as it was asked for.
    pub model: String,
    /// The name of the model, as the server gave it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model_answered: String,
    /// SHA-256 of the model's file, where the guard was told which it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// SHA-256 of its chat template, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_sha256: Option<String>,
    /// SHA-256 of the system's instructions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_sha256: Option<String>,
    /// The parts of the conversation.
    pub parts: Vec<PartRecord>,
    /// Whether the answer came as a stream.
    pub stream: bool,
    /// `passed`, `denied` or `failed`.
    pub verdict: &'static str,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    /// What a person should know of, and nothing was denied for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Raised>,
    /// The tools that were called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Characters of the answer.
    pub answer_chars: u64,
    /// Whether the model refused.
    pub refused: bool,
    /// The status that the server answered with.
    pub status: u16,
    /// How long the guard itself took before it asked, milliseconds.
    pub guard_ms: u64,
    /// How long the whole took, milliseconds.
    pub took_ms: u64,
}

/// A part of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartRecord {
    /// Where it came from.
    pub origin: &'static str,
    /// Its characters.
    pub chars: usize,
    /// SHA-256 of its text, keyed by the guard's own secret: equal texts are seen to be equal, and
    /// a short text cannot be guessed from it.
    pub digest: String,
}

/// Something that was raised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Raised {
    /// The rule.
    pub rule: &'static str,
    /// What was measured.
    pub value: f64,
    /// Where: the origin of the part, or what was watched.
    pub at: &'static str,
}

/// A keyed digest of a text, 32 hexadecimal digits.
pub fn digest(secret: &[u8; 32], text: &str) -> String {
    let mut state = Sha256::new();
    state.update(b"ringfort/guard/text/v1\n");
    state.update(secret);
    state.update(text.as_bytes());
    hex::encode(state.finalize().get(..16).unwrap_or_default())
}

/// The parts of a conversation as they are written down.
pub fn parts(conversation: &Conversation, secret: &[u8; 32]) -> Vec<PartRecord> {
    let skipped = conversation.parts.len().saturating_sub(PARTS_MAX);
    let part = |part: &super::conversation::Part| PartRecord {
        origin: part.origin.word(),
        chars: part.text.chars().count(),
        digest: digest(secret, &part.text),
    };
    conversation.parts.iter().skip(skipped).map(part).collect()
}

/// SHA-256 of the system's instructions, keyed.
pub fn system(conversation: &Conversation, secret: &[u8; 32]) -> Option<String> {
    let words: Vec<&str> = conversation.of(|part| part.origin == Origin::System).collect();
    (!words.is_empty()).then(|| digest(secret, &words.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_holds_no_text() {
        let request = json!({"model": "m", "messages": [
            {"role": "system", "content": "the secret instruction"},
            {"role": "user", "content": "my name is Ann Lee"}]});
        let conversation = Conversation::read(&request, &[]).unwrap();
        let record = Record {
            parts: parts(&conversation, &[1; 32]),
            system_sha256: system(&conversation, &[1; 32]),
            ..Record::default()
        };
        let line = serde_json::to_string(&record).unwrap();
        assert!(!line.contains("Ann") && !line.contains("secret instruction"), "{line}");
        assert_eq!((record.parts.len(), record.parts[1].chars), (2, 18));
        assert_ne!(digest(&[1; 32], "a"), digest(&[2; 32], "a"), "not to be guessed");
    }
}
