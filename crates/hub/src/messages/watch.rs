//! What is told when: a case that is new and urgent, one that nobody took up, the digest of a day,
//! and a sign of life.

use spine::{Case, Priority};
use store::Overview as _;

use super::deliver;
use super::settings::Settings;
use crate::db::{Letter, Watch};
use crate::hub::Hub;
use crate::limits;
use crate::look::words::{self, count};
use crate::web::Oops;

/// Cases that are looked at in one round: the most urgent.
const CASES_LOOKED_AT: u32 = 500;
/// When the last digest and the last sign of life were sent.
const LAST_DIGEST: &str = "last_digest_day";
const LAST_PING: &str = "last_ping_ms";

/// Turns what is new into messages.
pub fn look(hub: &Hub, settings: &Settings) -> Result<(), Oops> {
    let now_ms = hub.clock.now_ms();
    let cases = hub.state(|state| state.cases_page(None, true, 0, CASES_LOOKED_AT))?;
    let channels = settings.channels();
    for case in cases.iter().filter(|case| case.priority >= Priority::OutOfCycle) {
        let watch = hub.db.watch(&case.id)?;
        let Some(mut watch) = watch else {
            hub.db.post(&new_case(hub, case), &channels, now_ms)?;
            hub.db.put_watch(&case.id, &Watch { first_ms: now_ms, ..Watch::default() })?;
            continue;
        };
        if is_escalated(case, &watch, settings, now_ms) {
            hub.db.post(&escalation(hub, case, settings), &channels, now_ms)?;
            watch.escalated_ms = Some(now_ms);
            hub.db.put_watch(&case.id, &watch)?;
        }
    }
    digest(hub, settings, &channels, now_ms)
}

/// Whether something that is urgent waits for too long.
fn is_escalated(case: &Case, watch: &Watch, settings: &Settings, now_ms: i64) -> bool {
    let after_ms = i64::from(settings.escalate_minutes) * 60_000;
    let from_ms = watch.wait_until_ms.unwrap_or(watch.first_ms + after_ms);
    case.priority == Priority::Immediate
        && settings.escalate_minutes > 0
        && watch.taken_ms.is_none()
        && watch.escalated_ms.is_none()
        && now_ms >= from_ms
}

/// No names in it: mail travels, and lies about.
fn new_case(hub: &Hub, case: &Case) -> Letter {
    let when = words::when(case.priority).to_lowercase();
    Letter {
        mark: format!("case {} {}", case.id, case.created_ms),
        subject: format!("ringfort: one thing needs you {when}"),
        body: format!(
            "{}\n\nCase {}\n{}/cases/{}\n",
            words::when_long(case.priority),
            case.id.short(),
            hub.origin,
            case.id
        ),
        urgent: case.priority == Priority::Immediate,
    }
}

fn escalation(hub: &Hub, case: &Case, settings: &Settings) -> Letter {
    Letter {
        mark: format!("escalation {} {}", case.id, case.created_ms),
        subject: "ringfort: still waiting, and it is urgent".into(),
        body: format!(
            "Nobody has taken this up for {}. Contain it, wait, or call somebody:\n\
             {}/cases/{}/night\n",
            count(u64::from(settings.escalate_minutes), "minute", "minutes"),
            hub.origin,
            case.id
        ),
        urgent: true,
    }
}

fn digest(hub: &Hub, settings: &Settings, channels: &[&str], now_ms: i64) -> Result<(), Oops> {
    let Some(hour) = settings.digest_hour else { return Ok(()) };
    let day = now_ms.div_euclid(86_400_000);
    let due = now_ms.rem_euclid(86_400_000) >= i64::from(hour) * 3_600_000;
    if !due || hub.db.setting::<i64>(LAST_DIGEST)? >= day {
        return Ok(());
    }
    let counts = hub.state(|state| state.counts(now_ms - limits::SILENT_MS))?;
    let [later, planned, soon, now] = counts.open_by_rank;
    let body = format!(
        "Open cases: {now} for now, {soon} soon, {planned} planned, {later} for later.\n\
         Machines: {} known, {} not reporting, {} checked only in part.\n\n{}/\n",
        counts.machines, counts.machines_silent, counts.machines_doubtful, hub.origin
    );
    let letter = Letter {
        mark: format!("digest {day}"),
        subject: format!("ringfort: {} today", count(now + soon, "thing to do", "things to do")),
        body,
        urgent: false,
    };
    hub.db.post(&letter, channels, now_ms)?;
    hub.db.set(LAST_DIGEST, &day)?;
    Ok(())
}

/// A message that only shows that messages arrive.
pub fn test_letter(now_ms: i64) -> Letter {
    Letter {
        mark: format!("test {now_ms}"),
        subject: "ringfort: a test".into(),
        body: "Messages from ringfort arrive here. Nothing needs to be done.\n".into(),
        urgent: false,
    }
}

/// Sends a sign of life when it is time. That it failed is only logged: whoever watches notices.
pub fn ping(hub: &Hub, settings: &Settings) -> Result<(), Oops> {
    let now_ms = hub.clock.now_ms();
    let pause_ms = i64::from(settings.dead_man_minutes.max(1)) * 60_000;
    let last_ms: i64 = hub.db.setting(LAST_PING)?;
    if settings.dead_man_url.is_empty() || now_ms.saturating_sub(last_ms) < pause_ms {
        return Ok(());
    }
    hub.db.set(LAST_PING, &now_ms)?;
    if let Err(error) = deliver::ping(settings) {
        tracing::warn!(%error, "the sign of life was not taken");
    }
    Ok(())
}
