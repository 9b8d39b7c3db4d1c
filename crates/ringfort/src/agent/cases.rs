//! From lines to the few cases that a person should look at: findings with what is known of their
//! risk, grouped by `patch::cases`.

use patch::cases::{Assessed, build_cases};
use patch::ssvc::{CveIntel, Listening, RiskInputs, human_impact};
use spine::{Case, Finding, FindingId, FindingKind, Package, SourcePackage, Status};

use super::live::LiveFacts;
use super::scan::ScanLine;
use super::session::Session;
use crate::failure::{Failure, OrHint as _};
use crate::rim::{OsRng, SystemClock};

/// The findings and cases of a session, carried over from earlier cases of the same host.
pub fn of_session(
    session: &Session<'_>,
    before: &[Case],
    now_ms: i64,
) -> Result<(Vec<Finding>, Vec<Case>), Failure> {
    let assessed: Vec<Assessed> = session
        .lines(false)
        .iter()
        .map(|line| Assessed {
            finding: finding(session, line, now_ms),
            risk: risk(session, line),
            users: users(session.scan.live.as_ref(), &line.package),
        })
        .collect();
    let scan = patch::cases::Scan {
        host: session.host,
        started_ms: session.started_ms,
        now_ms,
        complete: session.scan.unknown.is_empty(),
    };
    let cases = build_cases(&scan, &assessed, before)
        .or_hint("a case has no identity", "report this as a defect")?;
    Ok((assessed.into_iter().map(|assessed| assessed.finding).collect(), cases))
}

fn finding(session: &Session<'_>, line: &ScanLine, now_ms: i64) -> Finding {
    let source = line.source.clone();
    let package = Package {
        ecosystem: line.ecosystem.clone(),
        name: line.package.clone(),
        version: line.installed.clone(),
        arch: line.arch.clone(),
        source: source.map(|name| SourcePackage { name, version: line.installed.clone() }),
        location: line.location.clone(),
    };
    Finding {
        id: FindingId::new(&SystemClock, &OsRng),
        time_ms: now_ms,
        host: session.host,
        kind: FindingKind::VulnerablePackage { package, fixed: line.fixed.clone() },
        status: line.status,
        ids: line.ids.clone(),
        evidence: line.evidence.clone(),
    }
}

fn risk(session: &Session<'_>, line: &ScanLine) -> RiskInputs {
    let live = session.scan.live.as_ref();
    let in_use = live.and_then(|live| live.in_use.get(&line.package));
    let whole = live.is_some_and(LiveFacts::is_complete);
    let listening = match in_use {
        Some(in_use) if in_use.exposed => Some(Listening::Network),
        Some(_) => Some(Listening::No),
        None => live.is_some_and(LiveFacts::knows_listeners).then_some(Listening::No),
    };
    let mapped = if in_use.is_some() { Some(true) } else { whole.then_some(false) };
    let site = session.site();
    let mut cves = session.cve_intel(&line.ids);
    cves.retain(|cve: &CveIntel| !cve.cve.is_empty());
    RiskInputs {
        cves,
        fixes_vulnerability: match line.status {
            Status::Affected => Some(true),
            Status::NotAffected => Some(false),
            Status::Unknown | Status::Fixed => None,
        },
        listening,
        mapped,
        human_impact: human_impact(site.profile, site.machine_class),
    }
}

/// Programs that run code of a package, with the port where one listens.
fn users(live: Option<&LiveFacts>, package: &str) -> Vec<String> {
    let Some(live) = live else { return Vec::new() };
    let Some(in_use) = live.in_use.get(package) else { return Vec::new() };
    let name = |path: &String| path.rsplit('/').next().unwrap_or(path).to_owned();
    let phrase = |program: &String| {
        let port = live
            .listeners
            .iter()
            .find(|listener| !listener.loopback && listener.program.as_ref() == Some(program));
        match port {
            Some(listener) => format!("{}, listening on port {}", name(program), listener.port),
            None => name(program),
        }
    };
    in_use.programs.iter().map(phrase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent::live::{InUse, Listener};

    #[test]
    fn a_program_that_listens_is_named_with_its_port() {
        let program = "/usr/sbin/nginx".to_owned();
        let listener = Listener {
            protocol: "tcp".into(),
            address: "0.0.0.0".parse().unwrap(),
            port: 443,
            uid: 0,
            program: Some(program.clone()),
            package: Some("nginx".into()),
            loopback: false,
        };
        let in_use = InUse { programs: [program].into(), ..InUse::default() };
        let live = LiveFacts {
            listeners: vec![listener],
            in_use: BTreeMap::from([("libssl3".to_owned(), in_use)]),
            ..LiveFacts::default()
        };
        assert_eq!(users(Some(&live), "libssl3"), ["nginx, listening on port 443"]);
        assert!(users(Some(&live), "zlib1g").is_empty());
    }
}
