//! Something that runs: how far it is, line by line, and how it ended.

use std::sync::Arc;

use maud::html;

use super::{Ask, Oops, Page, View};
use crate::hub::Hub;
use crate::jobs::End;
use crate::look::foreign::Foreign;
use crate::look::parts;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/jobs/{id}",
    title: "Running",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// Seconds after which a browser without scripts asks again.
const AGAIN_S: u32 = 3;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let id: u64 = ask.id("id", "job")?;
    let job = ask.hub.jobs.get(id).ok_or(Oops::NotFound("job"))?;
    let progress = job.progress();
    let running = progress.end.is_none();
    let body = html! {
        h1 { (Foreign(&job.title)) }
        @match &progress.end {
            None => { p.lead { (parts::tag("planned", "running")) " You may leave this page; it goes on." } }
            Some(end) => {
                p.lead {
                    (parts::tag(if end.good { "ok" } else { "now" },
                        if end.good { "done" } else { "not done" }))
                    " " (Foreign(&end.text))
                }
                p.actions { a.button.main href=(end.next) { "Go on" } }
            }
        }
        ol.progress aria-live="polite" data-events=[running.then(|| format!("/jobs/{id}/events"))]
            data-told=(progress.lines.len()) {
            @for line in &progress.lines { li { (Foreign(line)) } }
        }
        p.small { "Begun by " (Foreign(&job.user)) "." }
    };
    let mut view = View::new(if running { "Running" } else { "Ended" }, body);
    view.again_s = running.then_some(AGAIN_S);
    Ok(view)
}

/// Begins a job; returns its number.
pub fn begin(
    ask: &Ask<'_>,
    title: String,
    user: String,
    work: impl FnOnce(&Hub, &mut dyn FnMut(&str)) -> End + Send + 'static,
) -> Result<u64, Oops> {
    let hub = Arc::clone(ask.hub);
    let started = ask.hub.jobs.start(title, user, move |say| {
        let end = work(&hub, say);
        hub.forget_standing();
        end
    });
    let busy = || Oops::Conflict("Too much runs already. Wait until something has ended.".into());
    Ok(started.ok_or_else(busy)?.id)
}
