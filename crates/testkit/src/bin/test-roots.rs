//! Makes the roots that tests use: `test-roots [NAME...]`. One line a root; exit 1 if one could
//! not be made, with the reason.

use std::process::ExitCode;
use std::time::Instant;

use testkit::roots::{self, Root};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let mut wanted = Vec::new();
    for name in &names {
        let Some(root) = Root::named(name) else {
            eprintln!("there is no root `{name}`\n  hint: mini, booted, server, large");
            return ExitCode::from(2);
        };
        wanted.push(root);
    }
    if wanted.is_empty() {
        wanted.extend(Root::FOR_TESTS);
    }
    let folder = roots::folder();
    let mut code = ExitCode::SUCCESS;
    for root in wanted {
        let started = Instant::now();
        match roots::ensure(root, &folder) {
            Ok(archive) => {
                let seconds = started.elapsed().as_secs_f64();
                eprintln!("{}: `{}` ({seconds:.0} s)", root.name(), archive.display());
            }
            Err(reason) => {
                eprintln!("{reason}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
