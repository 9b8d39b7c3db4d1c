//! The written limits of this crate, in one table.

/// Bytes of a version.
pub const VERSION_BYTES_MAX: usize = 1_024;
/// Bytes of a changelog, decompressed.
pub const CHANGELOG_BYTES_MAX: usize = 64 << 20;
/// Entries read of a changelog.
pub const CHANGELOG_ENTRIES_MAX: usize = 20_000;
/// Ids taken from a changelog.
pub const CHANGELOG_IDS_MAX: usize = 20_000;
/// Bytes of a file of apt preferences.
pub const PREFERENCES_BYTES_MAX: usize = 1 << 20;
/// Stanzas of apt preferences, over all files.
pub const PREFERENCES_STANZAS_MAX: usize = 10_000;
/// Bytes of a pattern in apt preferences.
pub const PATTERN_BYTES_MAX: usize = 512;
/// Versions kept of one package while a candidate is looked for.
pub const VERSIONS_PER_PACKAGE_MAX: usize = 10_000;
/// Packages in one upgrade plan.
pub const PLAN_PACKAGES_MAX: usize = 5_000;
/// Ids named in the title of a case or a line of its explanation.
pub const IDS_SHOWN_MAX: usize = 12;
/// Lines of the explanation of a case.
pub const EXPLANATION_LINES_MAX: usize = 64;
