//! What Python's callables do to the machine, for the analysis of source.

mod callables;
mod decode;
mod effect;
mod names;
mod origin;
mod places;
mod usual;

pub use decode::{decode, is_decoding, is_transform};
pub use effect::{Effect, calls_its_arguments, is_handed_on, of_call, of_import, of_setting};
pub use names::{
    canonical, is_builtin, is_file_object, is_hidden, is_inside, is_module, is_namespace, is_open,
};
pub use origin::{known_place, taint_of_key, taint_of_name, taint_of_result, text_of_environment};
pub use places::{is_code_file, is_home, is_persistent, is_sensitive};
pub use usual::is_usual;

use crate::policy::libraries;

fn any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| libraries::matches(pattern, path))
}

/// Whether a dotted name does something to the machine when it is called.
pub fn is_action(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let named = last.starts_with(|c: char| c.is_lowercase()) || last == "Popen";
    named
        && !path.contains("()")
        && (any(callables::PROCESS, path)
            || any(callables::DESERIALISE, path)
            || any(callables::CODE, path))
}

/// Whether anything is known of what a dotted name does.
pub fn is_known(path: &str) -> bool {
    of_call(path, &[], &[]).is_some()
}

/// Whether a callable writes what it fetches to a file that it is given as its second argument.
pub fn is_download(path: &str) -> bool {
    any(
        &[
            "urllib.request.urlretrieve",
            "urllib.urlretrieve",
            "wget.download",
            "gdown.*",
            "torch.hub.download_url_to_file",
            "torchvision.datasets.utils.download*",
        ],
        path,
    )
}
