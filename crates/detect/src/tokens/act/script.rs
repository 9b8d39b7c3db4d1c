//! What a script that was logged holds.

use super::super::Reading;
use super::super::fields::Fields;
use super::line::signs;

/// OCSF 1009.
pub fn script(fields: &Fields<'_>, reading: &mut Reading) {
    if let Some(text) = fields.text("script.script_content.value") {
        // A module of a thousand lines holds every word; what it holds first is what it is for.
        let head = text.get(..text.floor_char_boundary(16_384)).unwrap_or(text);
        for sign in signs(head) {
            reading.act(format!("script: {sign}"));
        }
    }
}
