use super::*;

fn installed(name: &str, version: &str) -> InstalledDeb {
    let package = Package {
        ecosystem: "Debian:12".into(),
        name: name.into(),
        version: version.into(),
        arch: Some("amd64".into()),
        source: None,
        location: "var/lib/dpkg/status".into(),
    };
    InstalledDeb { package, hold: false, essential: false }
}

fn release(archive: &str, codename: &str) -> ReleaseFacts {
    ReleaseFacts {
        suite: codename.into(),
        site: "deb.example".into(),
        origin: "Example".into(),
        archive: archive.into(),
        codename: codename.into(),
        component: "main".into(),
        ..ReleaseFacts::default()
    }
}

fn available(name: &str, version: &str, release: &ReleaseFacts) -> AvailableDeb {
    AvailableDeb {
        name: name.into(),
        arch: "amd64".into(),
        version: version.into(),
        source: None,
        filename: format!("pool/{name}_{version}_amd64.deb"),
        size: 1,
        sha256: "0".repeat(64),
        release: Arc::new(release.clone()),
    }
}

fn preferences(text: &str) -> Preferences {
    let mut preferences = Preferences::none();
    preferences.read(text).unwrap();
    preferences
}

/// `Some(version)` of the one upgrade, if there is one.
fn one(preferences: &Preferences, deb: InstalledDeb, offers: Vec<AvailableDeb>) -> Option<String> {
    let mut found = upgrades([deb], offers, preferences, "amd64");
    assert!(found.len() <= 1);
    found.pop().map(|upgrade| upgrade.candidate.version)
}

#[test]
fn the_highest_version_of_the_usual_indexes_wins() {
    let stable = release("stable", "bookworm");
    let offers = || vec![available("a", "1.1", &stable), available("a", "1.2", &stable)];
    assert_eq!(one(&Preferences::none(), installed("a", "1.0"), offers()), Some("1.2".into()));
    assert_eq!(one(&Preferences::none(), installed("a", "1.2"), offers()), None);
    assert_eq!(one(&Preferences::none(), installed("a", "2.0"), offers()), None);
    assert_eq!(one(&Preferences::none(), installed("b", "1.0"), offers()), None);
}

#[test]
fn backports_upgrade_only_themselves_and_experimental_nothing() {
    let stable = release("stable", "bookworm");
    let mut backports = release("stable-backports", "bookworm-backports");
    (backports.not_automatic, backports.but_automatic_upgrades) = (true, true);
    let experimental = ReleaseFacts { but_automatic_upgrades: false, ..backports.clone() };
    let none = Preferences::none();
    let offers = || vec![available("a", "1.1", &stable), available("a", "2.1", &backports)];
    assert_eq!(one(&none, installed("a", "1.0"), offers()), Some("1.1".into()));
    assert_eq!(one(&none, installed("a", "2.0"), offers()), Some("2.1".into()));
    let offers = vec![available("a", "3.0", &experimental)];
    assert_eq!(one(&none, installed("a", "1.0"), offers), None);
}

#[test]
fn pins_of_packages_come_before_pins_of_releases() {
    let stable = release("stable", "bookworm");
    let testing = release("testing", "trixie");
    let offers = || vec![available("a", "1.1", &stable), available("a", "2.0", &testing)];
    let low = preferences("Package: *\nPin: release a=testing\nPin-Priority: 50\n");
    assert_eq!(one(&low, installed("a", "1.0"), offers()), Some("1.1".into()));
    let both = preferences(
        "Explanation: x\nPackage: *\nPin: release n=trixie\nPin-Priority: 50\n\n# remark\n\
         Package: b a\nPin: release testing\nPin-Priority: 600\n",
    );
    assert_eq!(one(&both, installed("a", "1.0"), offers()), Some("2.0".into()));
    let held = preferences("Package: a*\nPin: version 1.0*\nPin-Priority: 990\n");
    assert_eq!(one(&held, installed("a", "1.0"), offers()), None);
    let never = preferences("Package: *\nPin: origin deb.example\nPin-Priority: -1\n");
    assert_eq!(one(&never, installed("a", "1.0"), offers()), None);
}

#[test]
fn all_is_native_and_foreign_architectures_stay_apart() {
    let stable = release("stable", "bookworm");
    let mut all = available("a", "1.1", &stable);
    all.arch = "all".into();
    assert_eq!(
        one(&Preferences::none(), installed("a", "1.0"), vec![all.clone()]),
        Some("1.1".into())
    );
    let mut foreign = installed("a", "1.0");
    foreign.package.arch = Some("i386".into());
    assert_eq!(one(&Preferences::none(), foreign.clone(), vec![all]), None);
    let mut offer = available("a", "1.1", &stable);
    offer.arch = "i386".into();
    let both = upgrades([installed("a", "1.0"), foreign], [offer], &Preferences::none(), "amd64");
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].installed.package.arch.as_deref(), Some("i386"));
}

#[test]
fn holds_stay_in_the_list_and_are_marked() {
    let mut deb = installed("a", "1.0");
    deb.hold = true;
    let mut security = release("stable-security", "bookworm-security");
    security.label = "Debian-Security".into();
    let stable = release("stable", "bookworm");
    let offers = [available("a", "1.1", &stable), available("a", "1.1", &security)];
    let found = upgrades([deb], offers, &Preferences::none(), "amd64");
    assert!(found[0].is_held() && found[0].is_from_security());
    assert_eq!(found[0].releases.len(), 2);
}

#[test]
fn what_is_not_understood_is_said() {
    let text = "Package: /^a/\nPin: version 1\nPin-Priority: 1\n\nPackage: a\nPin: moon\n\
                Pin-Priority: 3\n\nPackage: a\nPin: version 1\nPin-Priority: 0\n\nPackage: *\n\
                Pin: version 1\nPin-Priority: 9\n";
    assert_eq!(preferences(text).not_understood().len(), 4);
    let long = "#\n".repeat(crate::limits::PREFERENCES_BYTES_MAX);
    assert_eq!(Preferences::none().read(&long), Err(PreferencesError::TooLarge));
}
