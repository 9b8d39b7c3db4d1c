//! Work that takes longer than a page: one thread a job, lines of progress, and an end. What was
//! done on a machine is in its record; a job is only what the page shows meanwhile, and is gone
//! after a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::limits;

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, line by line.
    pub lines: Vec<String>,
    /// The end, once it is there.
    pub end: Option<End>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it did what was asked.
    pub good: bool,
    /// One line in plain words.
    pub text: String,
    /// Where to go next, a path on this page.
    pub next: String,
}

/// One job.
pub struct Job {
    /// Its number.
    pub id: u64,
    /// What it does, in plain words.
    pub title: String,
    /// Who began it.
    pub user: String,
    progress: watch::Sender<Progress>,
}

impl Job {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Hears of every step.
    pub fn listen(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn say(&self, line: &str) {
        self.progress.send_modify(|progress| {
            if progress.lines.len() < limits::JOB_LINES_MAX {
                progress.lines.push(line.chars().take(limits::FOREIGN_CHARS_MAX).collect());
            }
        });
    }
}

/// All jobs that are remembered.
#[derive(Default)]
pub struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    jobs: BTreeMap<u64, Arc<Job>>,
}

impl Jobs {
    /// Starts a job in its own thread. `None` where too many run already.
    pub fn start(
        &self,
        title: String,
        user: String,
        work: impl FnOnce(&mut dyn FnMut(&str)) -> End + Send + 'static,
    ) -> Option<Arc<Job>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let running = inner.jobs.values().filter(|job| job.progress().end.is_none()).count();
        if running >= limits::JOBS_RUNNING_MAX {
            return None;
        }
        inner.last += 1;
        let (progress, _) = watch::channel(Progress::default());
        let job = Arc::new(Job { id: inner.last, title, user, progress });
        inner.jobs.insert(job.id, Arc::clone(&job));
        let old = inner.jobs.iter().find(|(_, job)| job.progress().end.is_some());
        if let Some(id) =
            old.map(|(id, _)| *id).filter(|_| inner.jobs.len() > limits::JOBS_KEPT_MAX)
        {
            inner.jobs.remove(&id);
        }
        let worker = Arc::clone(&job);
        std::thread::spawn(move || {
            // Whatever happens in there, the page must come to an end.
            let ender = EndAnyway(&worker);
            let end = work(&mut |line| worker.say(line));
            worker.progress.send_modify(|progress| progress.end = Some(end));
            drop(ender);
        });
        Some(job)
    }

    /// One job.
    pub fn get(&self, id: u64) -> Option<Arc<Job>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.jobs.get(&id).cloned()
    }

    /// Jobs that run now.
    pub fn running(&self) -> Vec<Arc<Job>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.jobs.values().filter(|job| job.progress().end.is_none()).cloned().collect()
    }
}

struct EndAnyway<'a>(&'a Job);

impl Drop for EndAnyway<'_> {
    fn drop(&mut self) {
        self.0.progress.send_if_modified(|progress| {
            let missing = progress.end.is_none();
            if missing {
                progress.end = Some(End {
                    good: false,
                    text: "the work broke off; the record says what was done".into(),
                    next: "/records".into(),
                });
            }
            missing
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn ended(job: &Job) -> Progress {
        let begun = Instant::now();
        while job.progress().end.is_none() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(2));
        }
        job.progress()
    }

    fn fine() -> End {
        End { good: true, text: "done".into(), next: "/".into() }
    }

    #[test]
    fn a_job_says_how_it_goes_and_ends() {
        let jobs = Jobs::default();
        let job = jobs.start("test".into(), "Ann".into(), |say| {
            say("first");
            fine()
        });
        let job = job.unwrap();
        assert_eq!(ended(&job), Progress { lines: vec!["first".into()], end: Some(fine()) });
        assert!(jobs.get(job.id).is_some() && jobs.running().is_empty());
    }

    #[test]
    fn a_job_that_panics_ends_too() {
        let jobs = Jobs::default();
        let job = jobs.start("test".into(), "Ann".into(), |_| panic!("on purpose")).unwrap();
        assert!(!ended(&job).end.unwrap().good);
    }

    #[test]
    fn only_a_few_run_at_once() {
        let jobs = Jobs::default();
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..limits::JOBS_RUNNING_MAX {
            let receiver = Arc::clone(&receiver);
            let started = jobs.start("wait".into(), "Ann".into(), move |_| {
                let _ = receiver.lock().unwrap().recv();
                fine()
            });
            assert!(started.is_some());
        }
        assert!(jobs.start("more".into(), "Ann".into(), |_| fine()).is_none());
        drop(sender);
    }
}
