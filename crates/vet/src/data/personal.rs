//! What should not be in training data: card and account numbers, e-mail addresses, telephone
//! numbers, private keys, and keys of services.
//!
//! Numbers count only with a right check digit (Luhn for cards, ISO 7064 for IBAN), keys of
//! services
//! by their published form, other secrets by the name that they are given and by their entropy. The
//! evidence is masked: a report must not become a copy of the secret.

use crate::remark::{Remark, Weight};

/// Bytes of a text that are read.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Remarks about one text.
pub const REMARKS_MAX: usize = 100;

const NEXT: &str = "take the row out, and if it is a secret change it where it is used";

/// Everything personal or secret in a text; `row` is its number.
pub fn personal(text: &str, row: usize) -> Vec<Remark> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    let mut remarks = Vec::new();
    if text.contains("PRIVATE KEY-----") {
        let (rule, why) = ("data.private_key", "a private key in PEM");
        remarks.push(Remark::new(rule, Weight::Suspicious, row, why, "-----BEGIN ***", NEXT));
    }
    for token in text.split(|c: char| c.is_whitespace() || "\"'`<>(){}[],;|".contains(c)) {
        let token = token.trim_end_matches(['.', ':', '!', '?']);
        if let Some((rule, why)) = judge(token) {
            // A key that works is worth a stop; an address or a token that may be old, a look.
            let key = rule == "data.service_key";
            let weight = if key { Weight::Suspicious } else { Weight::Weakness };
            remarks.push(Remark::new(rule, weight, row, why, &masked(token), NEXT));
        }
    }
    for digits in numbers(text) {
        if is_card(&digits) {
            let (rule, why) = ("data.card", "a card number with a right check digit");
            remarks.push(Remark::new(rule, Weight::Weakness, row, why, &masked(&digits), NEXT));
        }
    }
    for account in accounts(text) {
        let (rule, why) = ("data.iban", "an account number (IBAN) with right check digits");
        remarks.push(Remark::new(rule, Weight::Weakness, row, why, &masked(&account), NEXT));
    }
    named_secrets(text, row, &mut remarks);
    remarks.truncate(REMARKS_MAX);
    remarks
}

/// The published forms of keys: how they begin, how long the rest is at least, and whose they are.
const KEYS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an access key of a cloud provider"),
    ("ASIA", 16, "a temporary access key of a cloud provider"),
    ("AIza", 35, "a key of a map and search service"),
    ("ghp_", 36, "a token of a code host"),
    ("gho_", 36, "a token of a code host"),
    ("ghs_", 36, "a token of a code host"),
    ("github_pat_", 40, "a token of a code host"),
    ("glpat-", 20, "a token of a code host"),
    ("hf_", 30, "a token of a model hub"),
    ("sk-ant-", 40, "a key of a model provider"),
    ("sk-proj-", 40, "a key of a model provider"),
    ("sk-", 40, "a key of a model provider"),
    ("sk_live_", 20, "a live key of a payment service"),
    ("rk_live_", 20, "a live key of a payment service"),
    ("xoxb-", 30, "a token of a chat service"),
    ("xoxp-", 30, "a token of a chat service"),
    ("npm_", 36, "a token of a package registry"),
    ("pypi-", 60, "a token of a package registry"),
    ("SG.", 50, "a key of a mail service"),
    ("dop_v1_", 60, "a token of a hosting service"),
];

fn judge(token: &str) -> Option<(&'static str, String)> {
    let keyish = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for (start, least, whose) in KEYS {
        if let Some(rest) = token.strip_prefix(start)
            && rest.len() >= *least
            && rest.chars().all(keyish)
            && entropy(rest) > 3.0
        {
            return Some(("data.service_key", (*whose).to_owned()));
        }
    }
    if is_email(token) {
        return Some(("data.email", "an e-mail address".to_owned()));
    }
    let parts: Vec<&str> = token.split('.').collect();
    if let [head, body, signature] = parts.as_slice()
        && head.starts_with("eyJ")
        && body.starts_with("eyJ")
        && signature.len() >= 20
    {
        return Some(("data.web_token", "a signed web token (JWT)".to_owned()));
    }
    None
}

fn is_email(token: &str) -> bool {
    let token = token.strip_prefix("mailto:").unwrap_or(token);
    let Some((name, host)) = token.split_once('@') else { return false };
    let named = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    let hosted = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let top = host.rsplit('.').next().unwrap_or_default();
    let reserved = ["example", "test", "invalid", "localhost"].contains(&top)
        || host.split('.').any(|part| part == "example");
    !name.is_empty()
        && name.chars().all(named)
        && host.contains('.')
        && host.chars().all(hosted)
        && top.len() >= 2
        && top.chars().all(|c| c.is_ascii_alphabetic())
        && !reserved
}

/// Runs of digits, with single spaces or hyphens inside.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut run, mut gap) = (String::new(), false);
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            run.push(c);
            gap = false;
        } else if matches!(c, ' ' | '-') && !gap && !run.is_empty() {
            gap = true;
        } else {
            if !run.is_empty() {
                found.push(std::mem::take(&mut run));
            }
            gap = false;
        }
    }
    found
}

/// Luhn's check (ISO/IEC 7812), a length and a beginning that cards have.
fn is_card(digits: &str) -> bool {
    if !(13..=19).contains(&digits.len()) || !digits.starts_with(['2', '3', '4', '5', '6']) {
        return false;
    }
    let same = digits.chars().all(|c| digits.starts_with(c));
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    !same && sum.is_multiple_of(10)
}

/// Account numbers: two letters, two digits, and 11 to 30 letters and digits in groups of four.
fn accounts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let starts = word.chars().take(2).all(|c| c.is_ascii_uppercase())
            && word.chars().skip(2).take(2).filter(char::is_ascii_digit).count() == 2;
        if !starts {
            continue;
        }
        let mut account = String::new();
        for part in words.iter().skip(at).take(9) {
            let part = part.trim_end_matches(['.', ',', ';', ')']);
            if !part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
                break;
            }
            account.push_str(part);
            if is_iban(&account) {
                found.push(account);
                break;
            }
        }
    }
    found
}

/// ISO 13616 with the check of ISO 7064 (mod 97).
fn is_iban(account: &str) -> bool {
    if !(15..=34).contains(&account.len()) {
        return false;
    }
    let (head, tail) = account.split_at_checked(4).unwrap_or_default();
    let rest = tail.chars().chain(head.chars()).try_fold(0_u32, |rest, c| {
        let value = c.to_digit(36)?;
        Some(if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 })
    });
    rest == Some(1)
}

/// `password = ...`, `api_key: ...`: a value of high entropy under a name that says what it is.
fn named_secrets(text: &str, row: usize, remarks: &mut Vec<Remark>) {
    const NAMES: [&str; 7] =
        ["password", "passwd", "secret", "api_key", "apikey", "access_token", "private_key"];
    for line in text.lines() {
        let Some((name, value)) = line.split_once(['=', ':']) else { continue };
        let name = name.to_ascii_lowercase().replace('-', "_");
        let value = value.trim().trim_matches(['"', '\'', ',', ';', ' ']);
        let one_word =
            !value.contains(char::is_whitespace) && !value.contains(['(', '{', '<', '$']);
        if NAMES.iter().any(|known| name.trim_end().ends_with(known))
            && one_word
            && value.len() >= 12
            && entropy(value) > 3.0
            && value.chars().any(|c| c.is_ascii_digit())
        {
            let (rule, why) = ("data.named_secret", "a value that its name calls a secret");
            remarks.push(Remark::new(rule, Weight::Weakness, row, why, &masked(value), NEXT));
        }
    }
}

/// Bits a character (Shannon).
#[expect(clippy::cast_precision_loss, reason = "short texts")]
fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_insert(0_u32) += 1;
    }
    let all = text.chars().count().max(1) as f64;
    let part = |count: &u32| f64::from(*count) / all;
    counts.values().map(part).map(|share| -share * share.log2()).sum()
}

/// The first three characters, and how many there are.
fn masked(text: &str) -> String {
    let start: String = text.chars().take(3).collect();
    format!("{start}*** ({} characters)", text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<&'static str> {
        personal(text, 0).into_iter().map(|remark| remark.rule).collect()
    }

    #[test]
    fn numbers_count_with_a_right_check_digit_only() {
        assert_eq!(rules("paid with 4111 1111 1111 1111 today"), ["data.card"]);
        assert!(rules("paid with 4111 1111 1111 1112 today").is_empty());
        assert!(rules("order 0000000000000000").is_empty());
        assert_eq!(rules("to GB82 WEST 1234 5698 7654 32, please"), ["data.iban"]);
        assert_eq!(rules("DE89370400440532013000"), ["data.iban"]);
        assert!(rules("GB83 WEST 1234 5698 7654 32").is_empty());
    }

    #[test]
    fn addresses_but_not_those_of_examples() {
        assert_eq!(rules("write to ann.lee@clinic.org."), ["data.email"]);
        assert!(rules("write to ann@mail.example or a@example.com").is_empty());
        assert!(rules("@decorator and a@b").is_empty());
    }

    #[test]
    fn keys_by_their_form_and_secrets_by_their_name() {
        let rest = "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3bC5dE7f";
        assert_eq!(rules(&format!("token ghp_{rest}")), ["data.service_key"]);
        assert!(rules("ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").is_empty());
        assert_eq!(rules("DB_PASSWORD = 'x9!kQ2#vL8pZ'"), ["data.named_secret"]);
        assert!(rules("password = getpass.getpass()").is_empty());
        assert_eq!(rules("-----BEGIN RSA PRIVATE KEY-----\nAA"), ["data.private_key"]);
    }

    #[test]
    fn the_evidence_does_not_repeat_the_secret() {
        let remarks = personal("4111 1111 1111 1111", 3);
        assert_eq!((remarks[0].at, remarks[0].evidence.as_str()), (3, "411*** (16 characters)"));
    }
}
