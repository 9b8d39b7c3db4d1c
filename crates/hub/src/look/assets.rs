//! The style sheet, the script and the icon: in the program, under names that change with their
//! content, so that a browser may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// One file that pages refer to.
pub struct Asset {
    /// Its path, such as `/assets/style-0123456789ab.css`.
    pub path: String,
    /// Its media type.
    pub kind: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

macro_rules! asset {
    ($name:ident, $stem:literal, $ending:literal, $kind:literal) => {
        /// The file of this name.
        pub static $name: LazyLock<Asset> = LazyLock::new(|| {
            let bytes = include_bytes!(concat!("../../assets/", $stem, ".", $ending));
            let hash: String = hex::encode(Sha256::digest(bytes)).chars().take(12).collect();
            Asset { path: format!("/assets/{}-{hash}.{}", $stem, $ending), kind: $kind, bytes }
        });
    };
}

asset!(STYLE, "style", "css", "text/css; charset=utf-8");
asset!(SCRIPT, "app", "js", "text/javascript; charset=utf-8");
asset!(ICON, "icon", "svg", "image/svg+xml");

/// The file at a path.
pub fn at(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_small_and_uses_nothing_that_turns_text_into_code() {
        let text = std::str::from_utf8(SCRIPT.bytes).unwrap();
        assert!(text.len() <= 10 << 10, "{} bytes", text.len());
        for word in
            ["innerHTML", "outerHTML", "eval(", "Function(", "document.write", "insertAdjacentHTML"]
        {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn assets_are_found_by_their_whole_path_only() {
        assert!(at(&STYLE.path).is_some());
        assert!(at("/assets/style.css").is_none());
    }
}
