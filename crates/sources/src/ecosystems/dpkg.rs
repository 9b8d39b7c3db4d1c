//! Packages of Debian, Ubuntu and their kin: `/var/lib/dpkg/status`, and `status.d` of images
//! without a package manager.
//!
//! Only packages that dpkg calls installed are listed. One that stopped half way is unknown: its
//! files may be there. One that is removed but left its configuration is named in a warning.

use crate::deb822::{Stanza, Stanzas};
use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome};
use crate::limits::STANZAS_MAX;
use crate::os_release::{OsRelease, PLACES};
use spine::SourcePackage;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "dpkg",
    title: "dpkg",
    osv: "Debian",
    example: "var/lib/dpkg/status",
    places: &["var/lib/dpkg/status", "var/lib/dpkg/status.d/"],
    siblings: &PLACES,
    wants,
    read,
};

fn wants(path: &str) -> bool {
    path == "var/lib/dpkg/status"
        || path.strip_prefix("var/lib/dpkg/status.d/").is_some_and(|name| {
            // Beside the control files stand lists of checksums.
            !name.contains('/') && !name.ends_with(".md5sums") && !name.is_empty()
        })
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let os = PLACES.iter().find_map(|place| input.sibling(place)).map(OsRelease::parse);
    let ecosystem = os.as_ref().and_then(OsRelease::osv_ecosystem);
    let mut collector = Collector::new(ecosystem.as_deref().unwrap_or("dpkg"), input);
    if ecosystem.is_none() {
        collector.warn(no_release(os.as_ref()));
    }
    let status_required = input.path == "var/lib/dpkg/status";
    let mut leftovers = Vec::new();
    let mut stanzas = Stanzas::new(input.bytes);
    let mut count = 0;
    while let Some(stanza) =
        stanzas.next_stanza().map_err(|error| ReadError::format(error.to_string()))?
    {
        count += 1;
        if count > STANZAS_MAX {
            return Err(ReadError::Limit { what: "stanzas", limit: STANZAS_MAX });
        }
        read_stanza(&stanza, status_required, &mut collector, &mut leftovers)?;
    }
    if !leftovers.is_empty() {
        let shown = leftovers.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if leftovers.len() > 5 { ", ..." } else { "" };
        collector.warn(format!(
            "{} removed packages left their configuration: {shown}{more}",
            leftovers.len()
        ));
    }
    Ok(collector.finish())
}

fn no_release(os: Option<&OsRelease>) -> String {
    match os {
        None => "there is no os-release: the distribution is unknown, and advisories cannot be \
                 matched"
            .to_owned(),
        Some(os) => format!(
            "advisories cannot be matched: OSV has no ecosystem for distribution `{}` `{}`",
            os.id, os.version_id
        ),
    }
}

fn read_stanza(
    stanza: &Stanza<'_>,
    status_required: bool,
    collector: &mut Collector<'_>,
    leftovers: &mut Vec<String>,
) -> Result<(), ReadError> {
    let Some(name) = stanza.text("Package").filter(|name| !name.is_empty()) else {
        let what = format!("(line {})", stanza.line);
        return collector.unresolved(&what, None, "the entry has no `Package` field");
    };
    let version = stanza.text("Version").unwrap_or_default();
    let shown = Some(version.as_str()).filter(|version| !version.is_empty());
    let status = stanza.text("Status");
    let words: Vec<&str> = status.as_deref().unwrap_or_default().split_whitespace().collect();
    let (hold, state) = match (words.as_slice(), status_required) {
        ([want, "ok" | "reinstreq", state], _) => (*want == "hold", *state),
        ([], false) => (false, "installed"),
        _ => return collector.unresolved(&name, shown, "its `Status` cannot be read"),
    };
    match state {
        // Triggers are other packages' work: this one is unpacked and configured.
        "installed" | "triggers-awaited" | "triggers-pending" => {}
        "not-installed" => return Ok(()),
        "config-files" => {
            leftovers.push(name);
            return Ok(());
        }
        "half-installed" | "unpacked" | "half-configured" => {
            let reason = format!("dpkg stopped half way: its state is `{state}`");
            return collector.unresolved(&name, shown, &reason);
        }
        _ => return collector.unresolved(&name, shown, "its `Status` cannot be read"),
    }
    if words.get(1) == Some(&"reinstreq") {
        collector.warn(format!("`{name}` is broken and asks to be installed again"));
    }
    let is_yes = |field| stanza.get(field).is_some_and(|value| value.eq_ignore_ascii_case(b"yes"));
    let essential = is_yes("Essential") || is_yes("Protected") || is_yes("Important");
    let flags = [(hold, Flag::Hold), (essential, Flag::Essential)];
    let mut package = collector.plain(&name, &version);
    package.arch = stanza.text("Architecture");
    package.source = Some(source_of(&name, &version, stanza.text("Source").as_deref()));
    collector.full(package, flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag))
}

/// The source package: `Source: name (version)`, where what is not said is the same as the
/// binary's (deb-control(5)).
fn source_of(name: &str, version: &str, field: Option<&str>) -> SourcePackage {
    let field = field.unwrap_or_default();
    let (source, rest) = field.split_once('(').unwrap_or((field, ""));
    let source = source.trim();
    let source_version = rest.trim().trim_end_matches(')').trim();
    let or = |value: &str, other: &str| {
        if value.is_empty() { other.to_owned() } else { value.to_owned() }
    };
    SourcePackage { name: or(source, name), version: or(source_version, version) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> ReadOutcome {
        let mut input = Input::new(ECOSYSTEM.example, text.as_bytes());
        input.siblings.insert(PLACES[0], b"ID=debian\nVERSION_ID=12\n".to_vec());
        read(&input).unwrap()
    }

    #[test]
    fn the_source_is_the_binary_unless_the_field_says_otherwise() {
        let source = |field| source_of("b", "1+b1", field);
        assert_eq!(source(None), SourcePackage { name: "b".into(), version: "1+b1".into() });
        assert_eq!(source(Some("s")), SourcePackage { name: "s".into(), version: "1+b1".into() });
        assert_eq!(source(Some("s (1)")), SourcePackage { name: "s".into(), version: "1".into() });
    }

    #[test]
    fn what_dpkg_did_not_finish_is_unknown_and_what_it_removed_is_not_listed() {
        let read = outcome(
            "Package: half\nStatus: install ok half-configured\nVersion: 1\n\n\
             Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
             Package: never\nStatus: unknown ok not-installed\n\n\
             Package: odd\nVersion: 1\n\n\
             Package: kept\nStatus: hold ok installed\nVersion: 2:1-1\nEssential: yes\n",
        );
        assert_eq!(read.packages.len(), 1);
        assert_eq!(
            read.packages[0].flags.iter().copied().collect::<Vec<_>>(),
            [Flag::Hold, Flag::Essential]
        );
        let unresolved: Vec<_> = read.unresolved.iter().map(|u| u.name.as_str()).collect();
        assert_eq!(unresolved, ["half", "odd"]);
        assert_eq!(read.warnings, ["1 removed packages left their configuration: gone"]);
    }
}
