//! Where values come from: keys of the environment, and results of calls.

use super::any;
use super::callables::{FETCH, NETWORK};
use super::places::is_sensitive;
use crate::python::flow::{Value, taint};

/// Where the value under a key comes from.
pub fn taint_of_key(path: &str, key: &str) -> u8 {
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
pub fn taint_of_result(path: &str, first: &Value) -> u8 {
    let path = path.trim_start_matches('=');
    let text = first.text.as_deref().unwrap_or_default();
    if any(FETCH, path) || path.starts_with("socket.") && path.contains("recv") {
        return taint::NETWORK;
    }
    if any(NETWORK, path) {
        return taint::NETWORK;
    }
    match path {
        "base64.b64decode"
        | "base64.urlsafe_b64decode"
        | "base64.b32decode"
        | "base64.b85decode"
        | "base64.a85decode"
        | "base64.b16decode"
        | "base64.decodebytes"
        | "binascii.unhexlify"
        | "binascii.a2b_base64"
        | "zlib.decompress"
        | "gzip.decompress"
        | "bz2.decompress"
        | "lzma.decompress"
        | "codecs.decode"
        | "builtins.bytes.fromhex"
        | "marshal.loads"
        | "builtins.chr"
        | "builtins.bytearray.fromhex" => taint::DECODED,
        "os.getenv" | "os.environ.get" if is_secret_name(text) => taint::SECRET,
        "os.environ.items"
        | "os.environ.copy"
        | "os.environ.values"
        | "getpass.getpass"
        | "huggingface_hub.HfFolder.get_token"
        | "huggingface_hub.get_token" => taint::SECRET,
        "builtins.dict" | "builtins.str" | "json.dumps" | "builtins.list"
            if first.path.as_deref() == Some("os.environ") =>
        {
            taint::SECRET
        }
        "builtins.open" | "io.open" if is_sensitive(text) => taint::SECRET,
        "pathlib.Path" | "os.path.expanduser" | "os.path.join" if is_sensitive(text) => {
            taint::SECRET
        }
        "builtins.open" | "io.open" => taint::FILE,
        "socket.gethostname" | "platform.node" | "getpass.getuser" | "os.getlogin"
        | "platform.uname" | "uuid.getnode" | "os.uname" | "platform.platform" | "os.listdir"
        | "os.getcwd" => taint::HOST,
        _ => 0,
    }
}
