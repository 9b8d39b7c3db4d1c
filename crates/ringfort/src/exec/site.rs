//! What of this site the executor reads by itself: its policy, and its own paths.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What of ringfort itself no plan may touch.
pub(super) fn own_paths(data_dir: &Path) -> Vec<PathBuf> {
    let mut paths = vec![data_dir.to_path_buf(), PathBuf::from("/etc/ringfort")];
    paths.extend(std::env::current_exe());
    paths
}

const SITE_POLICY: &str = "/etc/ringfort/site.cedar";

/// The site's own policy, which can only tighten; absent is fine, unreadable is not.
pub(super) fn site_policy() -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(SITE_POLICY) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let help = "make it readable for root, or remove it";
            Err(Failure::new(format!("cannot read `{SITE_POLICY}`: {error}"), help))
        }
    }
}
