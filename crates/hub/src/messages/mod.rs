//! Messages that reach people: mail, webhook, ntfy.
//!
//! A message is written into the outbox first and sent from there, again and again with longer
//! pauses, until it is delivered or three days are over. One thing is one message a channel. No
//! message holds a name of a person, a machine or a package, or a secret: it says how urgent, how
//! many, and where to look.
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | where messages go |
//! | [`deliver`] | one message on one channel, once |
//! | [`notices`] | what the executor wants told |
//! | [`watch`] | what is told when: new cases, escalation, the daily digest |

pub mod deliver;
pub mod notices;
pub mod settings;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::db::Queued;
use crate::hub::Hub;
use crate::limits;
use crate::web::Oops;
use settings::Settings;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// The first pause after a failed try, milliseconds.
const FIRST_PAUSE_MS: i64 = 15_000;

/// Watches and sends until the process ends, in a thread of its own.
pub fn start(hub: Arc<Hub>) {
    std::thread::spawn(move || {
        loop {
            if let Err(error) = round(&hub) {
                tracing::error!(%error, "a round of messages failed");
            }
            std::thread::sleep(PAUSE);
        }
    });
}

/// One round: what is new becomes messages, what is due is sent.
pub fn round(hub: &Hub) -> Result<(), Oops> {
    let settings: Settings = hub.db.setting(settings::NAME)?;
    watch::look(hub, &settings)?;
    notices::look(hub, &settings.channels())?;
    send_due(hub, &settings)?;
    watch::ping(hub, &settings)?;
    hub.db.clear_letters(hub.clock.now_ms() - limits::LETTERS_KEPT_MS)?;
    Ok(())
}

/// Sends what is due. Returns how many were delivered.
pub fn send_due(hub: &Hub, settings: &Settings) -> Result<usize, Oops> {
    let mut sent = 0;
    for queued in hub.db.due_letters(hub.clock.now_ms(), limits::LETTERS_AT_ONCE)? {
        match deliver::deliver(settings, &queued, hub.clock.now_ms()) {
            Ok(()) => {
                hub.db.letter_sent(queued.id, hub.clock.now_ms())?;
                sent += 1;
            }
            Err(error) => {
                let now_ms = hub.clock.now_ms();
                let next_ms = next_try(&queued, now_ms);
                tracing::warn!(channel = queued.channel, %error, "a message was not delivered");
                hub.db.letter_failed(queued.id, &error, now_ms, next_ms)?;
            }
        }
    }
    Ok(sent)
}

/// When a message is tried again: each pause twice the last, up to ten minutes; `None` after three
/// days.
fn next_try(queued: &Queued, now_ms: i64) -> Option<i64> {
    if now_ms.saturating_sub(queued.created_ms) >= limits::LETTER_MS_MAX {
        return None;
    }
    let doublings = queued.attempts.min(16);
    let pause_ms = FIRST_PAUSE_MS.saturating_mul(1 << doublings).min(limits::LETTER_PAUSE_MS_MAX);
    Some(now_ms + pause_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Letter;

    fn queued(attempts: u32) -> Queued {
        Queued {
            id: 1,
            channel: "mail".into(),
            letter: Letter {
                mark: String::new(),
                subject: String::new(),
                body: String::new(),
                urgent: false,
            },
            created_ms: 0,
            next_ms: 0,
            attempts,
            sent_ms: None,
            given_up_ms: None,
            error: None,
        }
    }

    #[test]
    fn pauses_double_up_to_ten_minutes_and_end_after_three_days() {
        let pause = |attempts| next_try(&queued(attempts), 1_000).map(|next| next - 1_000);
        assert_eq!(pause(0), Some(15_000));
        assert_eq!(pause(1), Some(30_000));
        assert_eq!(pause(9), Some(600_000));
        assert_eq!(pause(u32::MAX), Some(600_000));
        assert_eq!(next_try(&queued(0), limits::LETTER_MS_MAX), None);
    }
}
