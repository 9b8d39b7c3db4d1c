//! Where values come from: keys of the environment, and results of calls.

use super::callables::{FETCH, NETWORK, SEND};
use super::decode::is_decoding;
use super::places::is_sensitive;
use super::{any, is_open};
use crate::python::flow::{Value, taint};

/// Where the value under a key comes from.
pub fn taint_of_key(path: &str, key: &str) -> u16 {
    if path == "os.environ" && is_secret_name(key) { taint::SECRET } else { 0 }
}

fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    [
        "TOKEN",
        "SECRET",
        "PASSW",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE",
        "CREDENTIAL",
        "SESSION",
    ]
    .iter()
    .any(|part| upper.contains(part))
}

/// Where the result of a call comes from.
pub fn taint_of_result(path: &str, first: &Value) -> u16 {
    let path = path.trim_start_matches('=');
    let text = first.texts.first().map_or("", |text| &**text);
    if any(FETCH, path) || path.starts_with("socket.") && path.contains("recv") {
        return taint::NETWORK;
    }
    if any(NETWORK, path) || any(SEND, path) {
        return taint::NETWORK;
    }
    let reads = path.starts_with("pathlib.") && path.contains(".read_") || is_open(path);
    if reads && is_sensitive(text) {
        return taint::SECRET;
    }
    match path {
        _ if is_decoding(path) => taint::DECODED,
        "marshal.loads" | "builtins.chr" | "cryptography.fernet.Fernet().decrypt" => taint::DECODED,
        "os.getenv" | "os.environ.get" if is_secret_name(text) => taint::SECRET,
        "os.environ.items"
        | "os.environ.copy"
        | "os.environ.values"
        | "getpass.getpass"
        | "huggingface_hub.HfFolder.get_token"
        | "huggingface_hub.get_token" => taint::SECRET,
        "builtins.dict" | "builtins.str" | "json.dumps" | "builtins.list"
            if first.path() == Some("os.environ") =>
        {
            taint::SECRET
        }
        "builtins.open" | "io.open" if is_sensitive(text) => taint::SECRET,
        "builtins.open" | "io.open" => taint::FILE,
        _ if path.starts_with("huggingface_hub.") && path.contains("download") => taint::HUB,
        "socket.gethostname" | "platform.node" | "getpass.getuser" | "os.getlogin"
        | "platform.uname" | "uuid.getnode" | "os.uname" | "platform.platform" | "os.listdir"
        | "os.getcwd" => taint::HOST,
        _ => 0,
    }
}

/// Where something with a dotted name lies: a file of an installed package.
pub fn taint_of_name(path: &str) -> u16 {
    let root = path.split('.').next().unwrap_or(path);
    let places = ["site.getsitepackages", "site.getusersitepackages", "sysconfig.get_path"];
    let file = path.ends_with(".__file__") || path.ends_with(".__path__");
    if file && !root.is_empty() && root != "?" || places.contains(&path) {
        taint::PACKAGE
    } else {
        0
    }
}

/// What the environment holds under a key, as far as it is the same everywhere.
pub fn text_of_environment(key: &str) -> Option<&'static str> {
    match key {
        "HOME" | "USERPROFILE" => Some("~"),
        "APPDATA" | "LOCALAPPDATA" => Some("~/AppData"),
        _ => None,
    }
}

/// What a call gives that is the same everywhere.
pub fn known_place(path: &str) -> Option<&'static str> {
    match path {
        "pathlib.Path.home" => Some("~"),
        "site.getusersitepackages" | "sysconfig.get_path" => Some("site-packages"),
        "tempfile.gettempdir" => Some("/tmp"),
        _ => None,
    }
}
