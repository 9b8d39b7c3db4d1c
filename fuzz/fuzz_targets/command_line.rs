//! Makes the canonical view of bytes as a command line and as a script, and of a rule's text.
#![cfg_attr(fuzzing, no_main)]

use detect::canonical::{Anchors, Text, is_disguised, needle, view};

ringfort_fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    drop(view(&text, Text::CommandLine));
    drop(view(&text, Text::Script));
    is_disguised(&text);
    drop(needle(&text, Anchors { start: false, end: true }, true));
});
