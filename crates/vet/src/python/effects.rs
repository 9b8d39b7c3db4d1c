//! What Python's callables do to the machine, for the analysis of source.

use base64::Engine as _;

use super::flow::{Value, taint};
use crate::policy::{libraries, stdlib};

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Starts a process.
    Process,
    /// Runs code that it is given.
    Code,
    /// Unpickles or unmarshals.
    Deserialise,
    /// Sends to or listens on the network.
    Network,
    /// Fetches from the network.
    Fetch,
    /// Writes, moves or deletes files.
    Write,
    /// Loads native code.
    Native,
    /// Reads what is secret.
    Secret,
    /// Changes how Python imports or runs other code.
    Hook,
    /// Calls something of a package that is not known.
    Foreign,
}

/// Names that every module knows.
pub fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "eval"
            | "exec"
            | "compile"
            | "open"
            | "getattr"
            | "setattr"
            | "globals"
            | "locals"
            | "vars"
            | "__import__"
            | "input"
            | "bytes"
            | "bytearray"
            | "str"
            | "print"
            | "map"
            | "filter"
            | "breakpoint"
            | "chr"
            | "delattr"
            | "execfile"
            | "dict"
            | "list"
    )
}

const PROCESS: &[&str] = &[
    "os.system",
    "os.popen*",
    "os.exec*",
    "os.spawn*",
    "os.posix_spawn*",
    "os.fork*",
    "os.startfile",
    "subprocess.*",
    "pty.*",
    "commands.*",
    "popen2.*",
    "asyncio.create_subprocess_*",
    "pexpect.*",
    "posix.system",
    "posix.popen*",
    "nt.system",
    "sh.*",
    "plumbum.*",
    "fabric.*",
    "invoke.run",
    "os.kill*",
    "multiprocessing.popen*",
    "distutils.spawn.*",
    "platform.popen",
];
const NETWORK: &[&str] = &[
    "socket.socket*",
    "socket.create_*",
    "socket.getaddrinfo",
    "socket.gethostbyname*",
    "http.client.*",
    "http.server.*",
    "socketserver.*",
    "ftplib.*",
    "smtplib.*",
    "telnetlib.*",
    "poplib.*",
    "imaplib.*",
    "paramiko.*",
    "websocket.*",
    "websockets.*",
    "asyncio.open_connection",
    "asyncio.start_server",
    "dns.*",
    "requests.post",
    "requests.put",
    "requests.patch",
    "requests.Session*",
    "requests.request",
    "httpx.post",
    "httpx.put",
    "httpx.Client*",
    "httpx.AsyncClient*",
    "aiohttp.*",
    "urllib.request.Request",
    "xmlrpc.*",
    "zmq.*",
    "pycurl.*",
    "ssl.*",
    "boto3.*",
    "telegram.*",
    "discord.*",
    "webbrowser.*",
    "scapy.*",
    "nmap.*",
];
const FETCH: &[&str] = &[
    "urllib.request.*",
    "urllib.urlopen",
    "urllib.urlretrieve",
    "urllib2.*",
    "requests.get",
    "requests.*.get",
    "httpx.get",
    "httpx.stream",
    "wget.download",
    "urllib3.*",
    "torch.hub.download*",
    "torch.hub.load*",
    "gdown.*",
];
const DESERIALISE: &[&str] = &[
    "pickle.load*",
    "pickle.Unpickler*",
    "_pickle.load*",
    "cPickle.load*",
    "dill.load*",
    "cloudpickle.load*",
    "marshal.load*",
    "shelve.open",
    "joblib.load",
    "jsonpickle.decode",
    "yaml.unsafe_load*",
    "yaml.load",
    "pandas.read_pickle",
];
const CODE: &[&str] = &[
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.execfile",
    "runpy.*",
    "code.*",
    "types.FunctionType",
    "types.CodeType",
    "timeit.*",
    "imp.load_*",
    "zipimport.*",
    "importlib.util.*",
    "importlib.machinery.*",
    "importlib.reload",
    "builtins.__import__",
    "importlib.import_module",
    "cffi.*.verify",
    "pip.*",
    "pip.main",
    "ensurepip.*",
    "cProfile.run*",
    "profile.run*",
    "trace.*",
    "bdb.*",
    "pdb.run*",
    "doctest.*",
    "pydoc.*",
    "pkgutil.resolve_name",
];
const NATIVE: &[&str] = &[
    "ctypes.CDLL",
    "ctypes.cdll*",
    "ctypes.PyDLL*",
    "ctypes.WinDLL*",
    "ctypes.windll*",
    "ctypes.pythonapi*",
    "ctypes.memmove",
    "ctypes.CFUNCTYPE*",
    "cffi.*",
    "torch.ops.load_library",
    "torch.classes.load_library",
    "mmap.mmap",
];
const WRITE: &[&str] = &[
    "os.remove",
    "os.unlink",
    "os.rename*",
    "os.replace",
    "os.rmdir",
    "os.removedirs",
    "os.chmod",
    "os.chown",
    "os.symlink",
    "os.link",
    "shutil.*",
    "os.truncate",
    "os.putenv",
    "os.setuid",
    "pathlib.*.write_*",
    "pathlib.*.unlink",
    "*.write_text",
    "*.write_bytes",
    "*.chmod",
];
const HOOKS: &[&str] = &[
    "sys.settrace",
    "sys.setprofile",
    "sys.addaudithook",
    "sys.meta_path.*",
    "sys.path_hooks.*",
    "atexit.register",
    "signal.signal",
    "site.*",
    "threading.settrace",
    "gc.get_objects",
    "gc.get_referrers",
    "sys._getframe",
    "inspect.currentframe",
    "inspect.stack",
];
const SECRETS: &[&str] = &[
    "os.environ.copy",
    "os.environ.items",
    "os.environ.values",
    "getpass.*",
    "keyring.*",
    "browser_cookie3.*",
    "pyperclip.*",
    "pynput.*",
    "keyboard.*",
    "mss.*",
    "pyautogui.*",
];

fn any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| libraries::matches(pattern, path))
}

/// Whether a dotted name does something to the machine when it is called.
pub fn is_action(path: &str) -> bool {
    any(PROCESS, path) || any(CODE, path) || any(DESERIALISE, path)
}

/// Callables that call what they are given.
pub fn calls_its_arguments(path: &str) -> bool {
    matches!(
        path,
        "builtins.map"
            | "builtins.filter"
            | "threading.Thread"
            | "threading.Timer"
            | "multiprocessing.Process"
            | "functools.reduce"
            | "itertools.starmap"
            | "atexit.register"
    ) || path.ends_with(".submit")
        || path.ends_with(".apply")
        || path.ends_with(".map")
        || path.starts_with("concurrent.futures.")
}

/// What a call does, if it does anything.
pub fn of_call(path: &str, arguments: &[(Option<&str>, Value)]) -> Option<Effect> {
    let path = path.trim_start_matches('=');
    if path.is_empty() {
        return None;
    }
    let first = arguments.first().and_then(|(_, value)| value.text.as_deref());
    if matches!(path, "builtins.open" | "io.open" | "os.open" | "codecs.open") {
        return of_open(arguments);
    }
    if path == "subprocess.list2cmdline" || path.ends_with("Error") || path.ends_with("Exception") {
        return None;
    }
    if any(PROCESS, path) {
        return Some(Effect::Process);
    }
    if any(CODE, path) {
        // Importing a module whose name stands there is an import like any other.
        let import = path.ends_with("import_module") || path.ends_with("__import__");
        let looks_only =
            matches!(path, "importlib.util.find_spec" | "builtins.compile" | "code.encode")
                || path.starts_with("code.")
                    && !path.starts_with("code.interact")
                    && !path.starts_with("code.Inter");
        if import && first.is_some()
            || looks_only && !first.is_some_and(|t| t.contains('(')) && path != "builtins.compile"
        {
            return None;
        }
        return Some(Effect::Code);
    }
    for (patterns, effect) in [
        (DESERIALISE, Effect::Deserialise),
        (FETCH, Effect::Fetch),
        (NETWORK, Effect::Network),
        (NATIVE, Effect::Native),
        (WRITE, Effect::Write),
        (HOOKS, Effect::Hook),
        (SECRETS, Effect::Secret),
    ] {
        if any(patterns, path) {
            return Some(effect);
        }
    }
    None
}

fn of_open(arguments: &[(Option<&str>, Value)]) -> Option<Effect> {
    let mode = arguments
        .iter()
        .find(|(name, _)| *name == Some("mode"))
        .or_else(|| arguments.get(1).filter(|(name, _)| name.is_none()))
        .and_then(|(_, value)| value.text.as_deref());
    let writes = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']));
    let path = arguments.first().and_then(|(_, value)| value.text.as_deref()).unwrap_or_default();
    if writes {
        return Some(Effect::Write);
    }
    is_sensitive(path).then_some(Effect::Secret)
}

/// What importing a module does or announces.
pub fn of_import(module: &str) -> Option<Effect> {
    match module.split('.').next().unwrap_or(module) {
        "pty" | "pexpect" => Some(Effect::Process),
        "antigravity" | "this" => Some(Effect::Foreign),
        "pynput" | "keyboard" | "pyautogui" | "browser_cookie3" => Some(Effect::Secret),
        _ => None,
    }
}

/// What setting an attribute does.
pub fn of_setting(path: &str) -> Option<Effect> {
    let hooks = ["builtins.", "sys.meta_path", "sys.path_hooks", "sys.modules", "sys.excepthook"];
    hooks.iter().any(|hook| path.starts_with(hook)).then_some(Effect::Hook)
}

/// Files that hold secrets, or that run by themselves.
pub fn is_sensitive(path: &str) -> bool {
    const PARTS: &[&str] = &[
        "/etc/passwd",
        "/etc/shadow",
        ".ssh",
        "id_rsa",
        "id_ed25519",
        ".aws",
        "credentials",
        ".kube/config",
        ".docker/config",
        ".netrc",
        ".git-credentials",
        ".npmrc",
        ".pypirc",
        "huggingface/token",
        ".bash_history",
        "Login Data",
        "Cookies",
        "keychain",
        "wallet",
        "/proc/self/environ",
        ".env",
    ];
    PARTS.iter().any(|part| {
        path.contains(part)
            && (part.len() > 4
                || path.ends_with(part)
                || path.contains(".ssh")
                || path.contains(".aws"))
    })
}

/// Places from which code runs by itself, later.
pub fn is_persistent(path: &str) -> bool {
    const PARTS: &[&str] = &[
        ".bashrc",
        ".bash_profile",
        ".zshrc",
        ".profile",
        "/etc/",
        "crontab",
        "cron.d",
        "authorized_keys",
        "autostart",
        "systemd",
        "LaunchAgents",
        "Startup",
        "sitecustomize",
        "usercustomize",
        ".pth",
        "rc.local",
        "init.d",
        "/usr/bin",
        "/usr/local/bin",
        "site-packages",
    ];
    PARTS.iter().any(|part| path.contains(part)) && !path.ends_with(".pth.tar") && !is_weights(path)
}

/// `.pth` is also what people call PyTorch's weights.
fn is_weights(path: &str) -> bool {
    path.ends_with(".pth") && !path.contains("site-packages")
}

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

/// Decodes base64 that is a text.
pub fn base64(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let body = compact.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(body)
        .or_else(|_| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body))
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The letters thirteen places further.
pub fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='m' | 'A'..='M' => char::from_u32(u32::from(c) + 13).unwrap_or(c),
            'n'..='z' | 'N'..='Z' => char::from_u32(u32::from(c) - 13).unwrap_or(c),
            _ => c,
        })
        .collect()
}

/// Whether a module is one that models are written with, or of the standard library, or lies beside
/// the file.
pub fn is_usual(module: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    root.is_empty()
        || stdlib::is_stdlib(root)
        || libraries::is_known(root)
        || USUAL.contains(&root)
        || root.starts_with('@')
}

const USUAL: &[&str] = &[
    "einops",
    "flash_attn",
    "xformers",
    "triton",
    "apex",
    "deepspeed",
    "bitsandbytes",
    "sentencepiece",
    "regex",
    "tqdm",
    "requests",
    "yaml",
    "cv2",
    "decord",
    "librosa",
    "soundfile",
    "matplotlib",
    "huggingface_hub",
    "mamba_ssm",
    "causal_conv1d",
    "tiktoken",
    "jieba",
    "sacremoses",
    "datasets",
    "evaluate",
    "absl",
    "ml_collections",
    "ipdb",
    "packaging",
    "setuptools",
    "pytest",
    "rich",
    "click",
    "fire",
    "wandb",
    "tensorboardX",
    "pydantic",
    "attr",
    "attrs",
    "typing_extensions",
    "fairseq",
    "megatron",
    "colossalai",
    "torchmetrics",
    "kornia",
    "skimage",
    "imageio",
    "open_clip",
    "clip",
    "numba",
    "cupy",
    "onnx",
    "onnxruntime",
    "mmcv",
    "mmengine",
    "detectron2",
    "ftfy",
    "unidecode",
    "pytorch_transformers",
    "IPython",
    "ipywidgets",
    "loguru",
    "colorlog",
    "termcolor",
    "tabulate",
    "allennlp",
    "stanza",
    "fugashi",
    "MeCab",
    "pypinyin",
    "phonemizer",
    "gradio",
    "streamlit",
    "ts",
    "mlflow",
    "bentoml",
    "seldon_core",
    "fastapi",
    "flask",
    "django",
    "builtins",
    "nemo",
    "hydra",
    "six",
    "future",
    "past",
    "absl",
    "chainer",
    "mxnet",
    "paddle",
    "oneflow",
    "theano",
    "lasagne",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_told_by_dotted_names() {
        assert_eq!(of_call("os.system", &[]), Some(Effect::Process));
        assert_eq!(of_call("builtins.exec", &[]), Some(Effect::Code));
        assert_eq!(of_call("requests.post", &[]), Some(Effect::Network));
        assert_eq!(of_call("torch.nn.Linear", &[]), None);
        assert!(is_sensitive("/home/x/.ssh/id_rsa") && !is_sensitive("vocab.txt"));
        assert!(is_persistent("~/.bashrc") && !is_persistent("model.pth"));
    }
}
