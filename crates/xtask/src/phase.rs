//! Phases of a long command: what runs, since when, and how long it took.

use std::time::Instant;

/// Times the phases of one command and says on stderr where it is.
pub struct Phases {
    started: Instant,
    current: Option<(String, Instant)>,
    done: Vec<(String, f64)>,
}

impl Phases {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { started: Instant::now(), current: None, done: Vec::new() }
    }

    /// Ends the current phase and begins another.
    pub fn next(&mut self, name: &str) {
        self.end();
        eprintln!("== {name} (at {:.0} s)", self.started.elapsed().as_secs_f64());
        self.current = Some((name.to_owned(), Instant::now()));
    }

    /// Ends the current phase.
    pub fn end(&mut self) {
        if let Some((name, since)) = self.current.take() {
            let seconds = since.elapsed().as_secs_f64();
            eprintln!("== {name}: {seconds:.1} s");
            self.done.push((name, seconds));
        }
    }

    /// One line that names every phase and its seconds.
    pub fn summary(&self) -> String {
        let parts: Vec<String> =
            self.done.iter().map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
        let all = self.started.elapsed().as_secs_f64();
        format!("{all:.1} s in all: {}", parts.join(", "))
    }
}
