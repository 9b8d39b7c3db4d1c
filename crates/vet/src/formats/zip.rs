//! Zip archives, and every model format that is one without being more.
//!
//! Each member is read as what it is, whatever it is called. Reported are members that would be
//! unpacked outside of their folder, links that lead out, and archives whose directory and members
//! disagree: those are made so that a scanner sees one thing and a loader another. A member that is
//! encrypted cannot be read, and is said to be unknown.

use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::policy::rules::escapes;
use crate::unpack;
use crate::zip::{self, Directory, Entry};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "zip",
    title: "zip archive",
    family: "zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let begins = probe.starts(b"PK\x03\x04") || probe.starts(b"PK\x05\x06");
    (begins || zip::has_end_record(probe.tail())).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    members(item, facts, &mut |_, _, _| true);
}

/// Reads an archive's members. `keep` may look at each one and says whether it is read further.
pub(crate) fn members(
    item: &Item<'_>,
    facts: &mut Facts,
    keep: &mut dyn FnMut(&Entry, &Item<'_>, &mut Facts) -> bool,
) -> Directory {
    let directory = zip::read(item.bytes);
    for (id, detail) in &directory.odd {
        // The end of an archive of which only the beginning was unpacked is not there.
        if !item.cut || *id != "zip.no_end" {
            facts.note(Fact::Odd { id, detail: detail.clone() });
        }
    }
    if directory.more {
        facts.unread("it has more members than are read of one archive");
    }
    for entry in &directory.entries {
        if escapes(&entry.name) {
            let path = entry.name.clone();
            facts.at(entry.header, Fact::Path { role: PathRole::Member, path });
        }
        if entry.is_folder() || entry.size == 0 && entry.packed == 0 {
            continue;
        }
        member(item, entry, facts, keep);
    }
    directory
}

fn member(
    item: &Item<'_>,
    entry: &Entry,
    facts: &mut Facts,
    keep: &mut dyn FnMut(&Entry, &Item<'_>, &mut Facts) -> bool,
) {
    if is_bomb(item, entry) {
        let detail = format!("`{}`: {} bytes become {}", entry.name, entry.packed, entry.size);
        facts.odd(entry.header, "bomb", detail);
    }
    if entry.says_encrypted() && !is_readable(item, entry) {
        facts.enter(&entry.name);
        facts.unread("it is encrypted");
        facts.leave();
        return;
    }
    if entry.says_encrypted() {
        facts.note(Fact::Odd { id: "zip.false_encryption", detail: entry.name.clone() });
    }
    if entry.is_link() {
        let target = entry.open(item.bytes).map(|mut s| unpack::up_to(&mut s, 4096).0);
        let path = String::from_utf8_lossy(&target.unwrap_or_default()).into_owned();
        facts.at(entry.header, Fact::Path { role: PathRole::Link, path });
        return;
    }
    if !keep(entry, item, facts) {
        return;
    }
    if entry.method == 0 {
        facts.nested(&entry.name, &entry.part(item.bytes));
    } else {
        facts.nested_stream(&entry.name, &|| entry.open(item.bytes));
    }
}

/// Whether a member unpacks to hundreds of times its size. Arrays of zeros do so honestly.
fn is_bomb(item: &Item<'_>, entry: &Entry) -> bool {
    const RATIO: u64 = 200;
    const BYTES_MIN: u64 = 1 << 20;
    if entry.size < BYTES_MIN || entry.size / RATIO < entry.packed.max(1) {
        return false;
    }
    let head = content(item, entry, 4096);
    let array = head.starts_with(b"\x93NUMPY") || head.starts_with(b"\x89HDF");
    let weights = entry.name.contains("/data/") || entry.name.ends_with(".bin");
    !array && !weights
}

/// Whether the content fits its checksum as it lies there: then it is not encrypted, whatever the
/// flags say.
fn is_readable(item: &Item<'_>, entry: &Entry) -> bool {
    let Some(mut stream) = entry.open(item.bytes) else { return false };
    let (bytes, more) = unpack::up_to(&mut stream, crate::limits::HELD_BYTES_MAX);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes);
    !more && crc.sum() == entry.crc
}

/// The bytes of a member, up to `max`.
pub(crate) fn content(item: &Item<'_>, entry: &Entry, max: usize) -> Vec<u8> {
    entry.open(item.bytes).map(|mut s| unpack::up_to(&mut s, max).0).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;
    use crate::zip::tests::{archive, build};

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let evil = reduce("os", "system", "id");
        vec![archive(&[("a.txt", b"text"), ("b/data.bin", &evil)]), archive(&[("../x", b"1")])]
    }

    fn rules(bytes: &[u8]) -> Vec<String> {
        vet("x.zip", &bytes.to_vec()).findings.into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn a_pickle_is_found_under_any_name() {
        let bytes = archive(&[("readme.txt", &reduce("os", "system", "id"))]);
        let report = vet("x.zip", &bytes);
        assert_eq!(report.verdict, Verdict::Malicious);
        assert_eq!(report.findings[0].member, "readme.txt");
    }

    #[test]
    fn a_member_that_leaves_its_folder_is_malicious() {
        assert!(rules(&archive(&[("../../evil", b"x")])).contains(&"path.member".to_owned()));
        assert!(rules(&archive(&[("..\\evil", b"x")])).contains(&"path.member".to_owned()));
    }

    #[test]
    fn a_member_that_is_only_said_to_be_encrypted_is_read_all_the_same() {
        let evil = reduce("os", "system", "id");
        let bytes = build(&[("m.pkl", &evil)], |r| r[6] |= 1, |r| r[8] |= 1);
        let rules = rules(&bytes);
        assert!(rules.contains(&"zip.false_encryption".to_owned()), "{rules:?}");
        assert!(rules.contains(&"call.process".to_owned()), "{rules:?}");
    }

    #[test]
    fn what_is_encrypted_is_unknown() {
        let spoil = |r: &mut Vec<u8>| r[14] ^= 0xff;
        let bytes = build(
            &[("m", b"secret")],
            |r| {
                r[6] |= 1;
                spoil(r);
            },
            |r| {
                r[8] |= 1;
                r[16] ^= 0xff;
            },
        );
        assert_eq!(vet("x.zip", &bytes).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_link_that_leads_out_is_malicious() {
        let link = |r: &mut Vec<u8>| {
            r[38..42].copy_from_slice(&0o120_777_u32.wrapping_shl(16).to_le_bytes());
        };
        let bytes = build(&[("link", b"../../etc/passwd")], |_| {}, link);
        assert!(rules(&bytes).contains(&"path.link".to_owned()));
    }
}
