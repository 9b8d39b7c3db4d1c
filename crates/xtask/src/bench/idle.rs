//! `ringfort up` with an empty data folder: seconds until the first case is shown, and the memory
//! of all its processes together once it is idle.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::Service;
use super::scan::release_binary;
use super::{Figure, Goal, NoFigure};

const FIRST_CASE_S_GOAL: f64 = 60.0;
const IDLE_RSS_MB_GOAL: f64 = 80.0;
/// How long a first case is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);
/// How long after the first case the program counts as idle.
const SETTLE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Starts `ringfort up`, asks `ringfort cases` until there is one, waits, and looks at memory.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let binary = release_binary(root)?;
    let data = std::env::temp_dir().join(format!("ringfort-bench-idle-{}", std::process::id()));
    std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
    let figures = measure_in(&binary, &data);
    let _ = std::fs::remove_dir_all(&data); // A leftover in the temporary folder harms nobody.
    figures
}

fn measure_in(binary: &Path, data: &Path) -> Result<Vec<Figure>, NoFigure> {
    let started = Instant::now();
    let child = Command::new(binary)
        .arg("up")
        .env("RINGFORT_DATA_DIR", data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("`ringfort up` does not start: {error}"))?;
    let mut service = Service(child);
    loop {
        if let Ok(Some(status)) = service.0.try_wait() {
            return Err(format!(
                "`ringfort up` ended by itself ({status}) before a case was shown"
            ));
        }
        if shows_a_case(binary, data) {
            break;
        }
        if started.elapsed() > WAIT_MAX {
            return Err(format!("no case within {} s", WAIT_MAX.as_secs()));
        }
        std::thread::sleep(ASK_EVERY);
    }
    let first_case_s = started.elapsed().as_secs_f64();
    std::thread::sleep(SETTLE);
    let idle_mb = service.rss_mb();
    let figure = |name: &str, ours, max| Figure {
        name: name.into(),
        ours,
        peer: None,
        goal: Goal::ValueMax(max),
    };
    Ok(vec![
        figure("seconds to the first case", first_case_s, FIRST_CASE_S_GOAL),
        figure("memory MB of all processes, idle", idle_mb, IDLE_RSS_MB_GOAL),
    ])
}

fn shows_a_case(binary: &Path, data: &Path) -> bool {
    let output = Command::new(binary)
        .args(["cases", "--json"])
        .env("RINGFORT_DATA_DIR", data)
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .any(|value| value.as_object().is_some_and(|object| !object.is_empty()))
    })
}
