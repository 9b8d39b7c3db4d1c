//! Analyses bytes as Python source.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    drop(vet::python::judge(vet::fact::CodeKind::Module, &text));
});
