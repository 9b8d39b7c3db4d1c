use super::*;
use std::io::{Cursor, Write as _};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn tar_of(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    for (path, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        tar.append_link(&mut header, path, target).unwrap();
    }
    tar.into_inner().unwrap()
}

fn ar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let len = bytes.len();
        writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{len:<10}`", 0, 0, 0, 100_644).unwrap();
        out.extend_from_slice(bytes);
        out.extend_from_slice(if len % 2 == 1 { b"\n" } else { b"" });
    }
    out
}

const CONTROL: &[u8] = b"Package: a\nVersion: 1-2\nDescription: one\n two\n";

fn deb_with(data_name: &str, data: &[u8]) -> Vec<u8> {
    let control = gzip(&tar_of(
        &[("./control", CONTROL), ("./conffiles", b"/etc/a\n"), ("./postinst", b"")],
        &[],
    ));
    ar_of(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), (data_name, data)])
}

fn open(bytes: &[u8]) -> Result<Deb<Cursor<&[u8]>>, DebError> {
    Deb::open(Cursor::new(bytes))
}

#[test]
fn control_paths_and_changelog_are_read_from_every_compression() {
    let long = format!("usr/share/doc/a/{}", "x".repeat(150));
    let files: &[(&str, &[u8])] = &[
        ("./usr/bin/a", b"binary"),
        (&long, b""),
        ("./usr/share/doc/a/changelog.gz", &gzip(b"program")),
        ("./usr/share/doc/a/changelog.Debian.gz", &gzip(b"a (1-2) x; urgency=high\n")),
    ];
    let data = tar_of(files, &[("./usr/lib/l.so", "l.so.1")]);
    let zst = zstd::encode_all(data.as_slice(), 1).unwrap();
    for (name, packed) in [
        ("data.tar", data.clone()),
        ("data.tar.gz", gzip(&data)),
        ("data.tar.xz", xz(&data)),
        ("data.tar.zst", zst),
    ] {
        let bytes = deb_with(name, &packed);
        let mut deb = open(&bytes).unwrap();
        let control = deb.control().unwrap();
        assert_eq!(control.field("version"), Some("1-2"));
        assert_eq!(control.fields["Description"], "one\n two");
        assert_eq!(
            (control.conffiles, control.members),
            (vec!["/etc/a".to_owned()], vec!["postinst".to_owned()])
        );
        let mut paths = Vec::new();
        deb.paths(|entry| {
            paths.push((entry.path.clone(), entry.target.clone()));
            true
        })
        .unwrap();
        assert_eq!(paths.len(), 5);
        assert_eq!(paths[1].0, long);
        assert_eq!(paths[4], ("usr/lib/l.so".to_owned(), "l.so.1".to_owned()));
        assert_eq!(
            deb.changelog("a").unwrap(),
            Changelog::Text {
                path: "usr/share/doc/a/changelog.Debian.gz".to_owned(),
                bytes: b"a (1-2) x; urgency=high\n".to_vec(),
            }
        );
        assert_eq!(deb.changelog("b").unwrap(), Changelog::Missing);
    }
}

#[test]
fn a_linked_folder_of_documents_names_the_other_package() {
    let data = tar_of(&[], &[("./usr/share/doc/a", "libb-common")]);
    let bytes = deb_with("data.tar", &data);
    let expected = Changelog::InPackage { package: "libb-common".to_owned() };
    assert_eq!(open(&bytes).unwrap().changelog("a").unwrap(), expected);
    let outside = deb_with("data.tar", &tar_of(&[], &[("./usr/share/doc/a", "../../../etc")]));
    assert_eq!(open(&outside).unwrap().changelog("a").unwrap(), Changelog::Missing);
}

#[test]
fn what_is_not_a_package_says_why() {
    let error = |bytes: &[u8]| open(bytes).err().unwrap().to_string();
    assert_eq!(error(b"PK"), "the package file is cut short in the table of the `ar` archive");
    assert_eq!(
        error(b"!<arch>\n"),
        "the package file is not a Debian package: its first member is not `debian-binary`"
    );
    let future = ar_of(&[("debian-binary", b"3.0\n")]);
    assert!(error(&future).ends_with("its format has version `3.0`, 2.x is known"));
    let bytes = deb_with("data.tar.br", b"");
    let error = open(&bytes).unwrap().changelog("a").unwrap_err().to_string();
    assert_eq!(error, "the compression of `data.tar.br` is not known");
}

#[test]
fn a_changelog_over_the_limit_is_an_error() {
    let bomb = gzip(&vec![b'x'; usize::try_from(CHANGELOG_BYTES_MAX).unwrap() + 1]);
    let data = tar_of(&[("./usr/share/doc/a/changelog.Debian.gz", &bomb)], &[]);
    let bytes = deb_with("data.tar", &data);
    let error = open(&bytes).unwrap().changelog("a").unwrap_err();
    assert!(matches!(error, DebError::OverLimit { limit: CHANGELOG_BYTES_MAX, .. }), "{error}");
}

#[test]
fn a_cut_package_is_an_error_at_every_byte_and_a_flipped_one_never_a_panic() {
    let data = xz(&tar_of(&[("./usr/share/doc/a/changelog.Debian.gz", &gzip(b"text"))], &[]));
    let bytes = deb_with("data.tar.xz", &data);
    let all = |bytes: &[u8]| -> Result<Changelog, DebError> {
        let mut deb = open(bytes)?;
        deb.control()?;
        deb.paths(|_| true)?;
        deb.changelog("a")
    };
    assert!(all(&bytes).is_ok());
    for len in 0..bytes.len() - data.len() % 2 {
        assert!(all(&bytes[..len]).is_err(), "{len}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let _ = all(&flipped);
        }
    }
}
