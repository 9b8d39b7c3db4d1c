//! Judges bytes as a chat template and as a free text.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    drop(vet::policy::template::judge("chat_template", &text));
    drop(vet::policy::text::judge("description", &text));
});
