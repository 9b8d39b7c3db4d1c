//! How much each client asks for: requests a minute, characters of answers an hour, and questions
//! of one form, which is what copying a model looks like. Bounded in memory: the clients that were
//! quiet longest are forgotten first.

use std::collections::{BTreeMap, HashMap};

use super::Denial;
use super::policy::Limits;

/// Clients that are remembered.
pub const CLIENTS_MAX: usize = 10_000;
/// Forms of questions that are remembered of one client.
const FORMS_MAX: usize = 1_000;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

const ASK: &str = "wait, or raise the limit in the guard's policy";

#[derive(Clone, Debug, Default)]
struct Client {
    minute_ms: i64,
    requests: u32,
    hour_ms: i64,
    chars: u64,
    forms: HashMap<u64, u32>,
    last_ms: i64,
}

/// The clients of a guard.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    known: BTreeMap<String, Client>,
}

/// What is said of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Whether the client asks the same form of question again and again.
    pub alike: bool,
}

/// The form of a question: its words without numbers, without its end.
pub fn form(text: &str) -> u64 {
    let words = text.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic));
    let bytes = words.take(8).flat_map(|word| word.bytes().chain([b' ']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Clients {
    fn client(&mut self, name: &str, now_ms: i64) -> &mut Client {
        if self.known.len() >= CLIENTS_MAX && !self.known.contains_key(name) {
            let quiet = self.known.iter().min_by_key(|(_, client)| client.last_ms);
            if let Some(quiet) = quiet.map(|(name, _)| name.clone()) {
                self.known.remove(&quiet);
            }
        }
        let client = self.known.entry(name.to_owned()).or_default();
        client.last_ms = now_ms;
        if now_ms.saturating_sub(client.minute_ms) >= MINUTE_MS {
            (client.minute_ms, client.requests) = (now_ms, 0);
        }
        if now_ms.saturating_sub(client.hour_ms) >= HOUR_MS {
            (client.hour_ms, client.chars) = (now_ms, 0);
            client.forms.clear();
        }
        client
    }

    /// Whether a client may ask once more.
    pub fn ask(
        &mut self,
        name: &str,
        form: u64,
        limits: &Limits,
        now_ms: i64,
    ) -> Result<Allowed, Denial> {
        let client = self.client(name, now_ms);
        if client.requests >= limits.requests_per_minute {
            let why = "too many requests in this minute";
            return Err(Denial::new("limit.requests", why, ASK));
        }
        if client.chars >= limits.output_chars_per_hour {
            let why = "too much was answered in this hour";
            return Err(Denial::new("limit.output", why, ASK));
        }
        client.requests += 1;
        if client.forms.len() >= FORMS_MAX && !client.forms.contains_key(&form) {
            client.forms.clear();
        }
        let count = client.forms.entry(form).or_default();
        *count += 1;
        Ok(Allowed { alike: *count > limits.alike_per_hour })
    }

    /// Counts what was answered.
    pub fn answered(&mut self, name: &str, chars: u64, now_ms: i64) {
        let client = self.client(name, now_ms);
        client.chars = client.chars.saturating_add(chars);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            requests_per_minute: 3,
            output_chars_per_hour: 100,
            alike_per_hour: 2,
            ..Limits::default()
        }
    }

    #[test]
    fn so_many_a_minute_and_so_much_an_hour() {
        let mut clients = Clients::default();
        let ask = |clients: &mut Clients, name: &str, now: i64| {
            clients.ask(name, 1, &limits(), now).map_err(|denial| denial.rule)
        };
        for now in 0..3 {
            assert!(ask(&mut clients, "a", now).is_ok());
        }
        assert_eq!(ask(&mut clients, "a", 3), Err("limit.requests"));
        assert!(ask(&mut clients, "b", 3).is_ok(), "another client");
        assert!(ask(&mut clients, "a", MINUTE_MS).is_ok(), "another minute");
        clients.answered("a", 100, MINUTE_MS);
        assert_eq!(ask(&mut clients, "a", 2 * MINUTE_MS), Err("limit.output"));
        assert!(ask(&mut clients, "a", 2 * HOUR_MS).is_ok(), "another hour");
    }

    #[test]
    fn questions_of_one_form_are_raised_and_pass() {
        let mut clients = Clients::default();
        let asked: Vec<bool> = (0..3)
            .map(|n| {
                let form = form(&format!("What is the label of row {n} please tell me now"));
                clients.ask("a", form, &limits(), 0).unwrap().alike
            })
            .collect();
        assert_eq!(asked, [false, false, true]);
        assert_ne!(form("What is this"), form("Where is that"));
    }

    #[test]
    fn a_flood_of_clients_does_not_grow_without_end() {
        let mut clients = Clients::default();
        for n in 0..i64::try_from(CLIENTS_MAX).unwrap() + 5 {
            clients.ask(&n.to_string(), 0, &limits(), n).unwrap();
        }
        assert_eq!(clients.known.len(), CLIENTS_MAX);
        assert!(!clients.known.contains_key("0"));
    }
}
