//! What a call or a setting does.

use std::rc::Rc;

use super::any;
use super::callables::{
    CODE, DESERIALISE, FETCH, HOOKS, NATIVE, NETWORK, PROCESS, SECRETS, SEND, TEMPLATE, WRITE,
};
use super::names::{is_hidden, is_open};
use super::places::{is_home, is_sensitive};
use crate::python::flow::{Given, Value};

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Starts a process.
    Process,
    /// Runs code that it is given.
    Code,
    /// Calls something of a module that acts, by a name that cannot be told.
    Hidden,
    /// Unpickles or unmarshals.
    Deserialise,
    /// Unpickles, and was told not to be careful.
    Unsafe,
    /// Renders a template.
    Template,
    /// Sends something away, or listens.
    Send,
    /// Uses the network.
    Network,
    /// Fetches from the network.
    Fetch,
    /// Writes, moves or deletes files.
    Write,
    /// Loads native code.
    Native,
    /// Reads what is secret.
    Secret,
    /// Looks through somebody's files.
    Search,
    /// Changes how Python imports or runs other code.
    Hook,
    /// Calls something of a package that is not known.
    Foreign,
}

/// Callables that call what they are given.
pub fn calls_its_arguments(path: &str) -> bool {
    const CALLERS: &[&str] = &[
        "builtins.map",
        "builtins.filter",
        "builtins.sorted",
        "builtins.iter",
        "threading.Thread",
        "threading.Timer",
        "_thread.start_new_thread",
        "multiprocessing.Process",
        "multiprocessing.Pool*",
        "functools.reduce",
        "itertools.starmap",
        "atexit.register",
        "signal.signal",
        "weakref.finalize",
        "sched.*",
        "concurrent.futures.*",
        "asyncio.run*",
        "asyncio.*.run*",
        "asyncio.to_thread",
        "asyncio.create_task",
        "*.submit",
        "*.apply",
        "*.apply_async",
        "*.map",
        "*.run_in_executor",
        "*.call_soon*",
        "contextlib.ExitStack().callback",
        "collections.defaultdict",
        "types.FunctionType",
        "timeit.*",
    ];
    any(CALLERS, path)
}

/// Whether a callable that acts is handed on to be called, and not only looked at.
pub fn is_handed_on(handed: &str, to: &str, name: Option<&str>) -> bool {
    const LOOKS: &[&str] = &[
        "builtins.isinstance",
        "builtins.issubclass",
        "builtins.hasattr",
        "builtins.getattr",
        "builtins.callable",
        "builtins.type",
        "builtins.id",
        "builtins.print",
        "builtins.repr",
        "inspect.*",
        "typing.*",
        "unittest.*",
        "warnings.*",
        "logging.*",
    ];
    if name == Some("type") || any(LOOKS, to) || !super::is_action(handed) {
        return false;
    }
    // A loader handed to a reader of data is what it is for.
    any(PROCESS, handed)
        || matches!(handed, "builtins.exec" | "builtins.eval" | "builtins.__import__")
        || calls_its_arguments(to)
}

/// What a call does, if it does anything.
pub fn of_call(path: &str, texts: &[Rc<str>], args: &[Given<'_>]) -> Option<Effect> {
    if path.is_empty() || path.ends_with("Error") || path.ends_with("Exception") {
        return None;
    }
    if path.ends_with(".?") {
        return is_hidden(path).then_some(Effect::Hidden);
    }
    if is_open(path) {
        return of_open(path, texts, args);
    }
    if matches!(path, "subprocess.list2cmdline" | "multiprocessing.connection.wait") {
        return None;
    }
    // What is done with a result was weighed with the call that gave it.
    let first = path.split("()").next().unwrap_or(path);
    if first.len() < path.len() && [PROCESS, DESERIALISE, FETCH].iter().any(|of| any(of, first)) {
        return None;
    }
    if any(PROCESS, path) {
        return Some(Effect::Process);
    }
    if any(CODE, path) {
        return of_code(path, texts, args);
    }
    if any(DESERIALISE, path) {
        return of_load(path, args);
    }
    if any(TEMPLATE, path) {
        return Some(Effect::Template);
    }
    let walks =
        matches!(path, "os.walk" | "glob.glob" | "glob.iglob" | "os.listdir" | "os.scandir");
    if walks {
        return texts.iter().any(|text| is_home(text)).then_some(Effect::Search);
    }
    if path == "urllib.request.urlopen" && (args.len() > 1 || sends(args)) {
        return Some(Effect::Send);
    }
    if path.starts_with("pathlib.Path().read_") {
        return texts.iter().any(|text| is_sensitive(text)).then_some(Effect::Secret);
    }
    for (patterns, effect) in [
        (SEND, Effect::Send),
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
    of_redirection(path, texts, args)
}

/// Whether what is opened is a request that carries something.
fn sends(args: &[Given<'_>]) -> bool {
    let named = |name: Option<&str>| matches!(name, Some("data" | "json" | "files"));
    args.iter()
        .any(|(name, value)| named(*name) || value.path() == Some("urllib.request.Request(data)"))
}

fn of_code(path: &str, texts: &[Rc<str>], args: &[Given<'_>]) -> Option<Effect> {
    if path.ends_with(".from_pretrained") || path.ends_with(".from_config") {
        // Only what trusts the code of another repository that is named here.
        let trusts = args
            .iter()
            .any(|(name, value)| *name == Some("trust_remote_code") && value.number == Some(1));
        let named = texts.first().is_some_and(|text| text.contains('/') && !text.contains('\0'));
        return (trusts && named).then_some(Effect::Code);
    }
    let holds = |marks: &[&str]| texts.iter().any(|text| marks.iter().any(|m| text.contains(m)));
    // Expressions over tables are no code, but for the ways out of them.
    let tables =
        path.starts_with("pandas.") || path.starts_with("numexpr.") || path.starts_with("sympy.");
    let looks = path == "importlib.util.find_spec"
        || path.starts_with("code.") && !path.contains("nteract")
        || path.starts_with("codeop.") && !path.contains("ompile");
    if tables && !holds(&["__", "import", "system", "lambda"]) || looks {
        return None;
    }
    Some(Effect::Code)
}

/// Loaders that can be told to be careful.
fn of_load(path: &str, args: &[Given<'_>]) -> Option<Effect> {
    let switch = |name: &str| {
        let found = args.iter().find(|(given, _)| *given == Some(name));
        found.and_then(|(_, value)| value.number)
    };
    let loader = args.iter().any(|(_, value)| {
        value.paths.iter().any(|path| {
            path.starts_with("yaml.")
                && (path.ends_with("UnsafeLoader") || &**path == "yaml.Loader")
        })
    });
    let safe = args.iter().any(|(_, value)| {
        value.paths.iter().any(|path| path.starts_with("yaml.") && path.contains("Safe"))
    });
    match path {
        "torch.load" => match switch("weights_only") {
            Some(1) => None,
            _ => Some(Effect::Deserialise),
        },
        "numpy.load" => (switch("allow_pickle") == Some(1)).then_some(Effect::Deserialise),
        _ if path.starts_with("yaml.unsafe") || loader && path.starts_with("yaml.") => {
            Some(Effect::Unsafe)
        }
        "yaml.load" | "yaml.load_all" | "yaml.full_load" | "yaml.full_load_all" => {
            (!safe && args.len() < 2).then_some(Effect::Deserialise)
        }
        _ if path.ends_with("load_model") => {
            (switch("safe_mode") == Some(0)).then_some(Effect::Unsafe)
        }
        _ if path.ends_with("enable_unsafe_deserialization") => Some(Effect::Unsafe),
        "torch.serialization.add_safe_globals" => None,
        _ => Some(Effect::Deserialise),
    }
}

fn of_open(path: &str, texts: &[Rc<str>], args: &[Given<'_>]) -> Option<Effect> {
    let place = usize::from(!path.starts_with("pathlib."));
    let mode = args
        .iter()
        .find(|(name, _)| *name == Some("mode"))
        .or_else(|| args.get(place).filter(|(name, _)| name.is_none()))
        .and_then(|(_, value)| value.text());
    let writes = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']));
    if writes || path == "os.open" && args.len() > 1 {
        return Some(Effect::Write);
    }
    texts.iter().any(|text| is_sensitive(text)).then_some(Effect::Secret)
}

/// Calls that change where programs take their code from.
fn of_redirection(path: &str, texts: &[Rc<str>], args: &[Given<'_>]) -> Option<Effect> {
    let sets = path.starts_with("os.environ.") || path == "os.putenv";
    let keyed = args.iter().any(|(name, value)| {
        name.is_some_and(is_redirection)
            || value.items().iter().any(|item| item.key.as_deref().is_some_and(is_redirection))
    });
    let by_text = texts.first().is_some_and(|text| is_redirection(text)) && args.len() > 1;
    let set = sets && !path.ends_with(".get") && (keyed || by_text);
    set.then_some(Effect::Hook)
}

/// Variables from which programs learn where to take code from.
fn is_redirection(name: &str) -> bool {
    matches!(
        name,
        "LD_PRELOAD"
            | "LD_AUDIT"
            | "DYLD_INSERT_LIBRARIES"
            | "PYTHONPATH"
            | "PYTHONSTARTUP"
            | "PYTHONHOME"
            | "PYTHONINSPECT"
            | "PYTHONBREAKPOINT"
            | "BASH_ENV"
            | "PROMPT_COMMAND"
            | "GIT_SSH_COMMAND"
            | "GIT_SSH"
            | "PIP_INDEX_URL"
            | "PIP_EXTRA_INDEX_URL"
            | "PIP_CONFIG_FILE"
            | "PIP_TRUSTED_HOST"
            | "HF_ENDPOINT"
            | "HTTP_PROXY"
            | "HTTPS_PROXY"
            | "https_proxy"
            | "http_proxy"
            | "ALL_PROXY"
            | "SSL_CERT_FILE"
            | "REQUESTS_CA_BUNDLE"
            | "CURL_CA_BUNDLE"
            | "TRUST_REMOTE_CODE"
    )
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

/// What other code holds on to: setting it changes that code.
const HELD: &[&str] = &[
    "builtins.*",
    "builtins[*",
    "sys.meta_path*",
    "sys.path_hooks*",
    "sys.modules",
    "sys.excepthook",
    "sys.stdout.write",
    "ssl._create_*",
    "os.system",
    "os.environ",
    "subprocess.*",
    "pickle.*",
    "socket.*",
    "importlib.*",
    "torch.load",
    "torch.save",
    "torch.serialization.*",
    "torch.nn.Module.__call__",
    "torch.nn.Module.forward",
    "torch.nn.Module.load_state_dict",
    "torch.hub.*",
    "safetensors.*",
    "json.loads",
    "json.load",
    "numpy.load",
    "requests.*",
    "urllib.request.*",
    "huggingface_hub.*",
    "transformers.*.from_pretrained",
    "transformers.*.generate",
    "transformers.*.trust_remote_code",
    "transformers.dynamic_module_utils.*",
    "hashlib.*",
    "copyreg.*",
];

/// What setting an attribute or item does.
pub fn of_setting(path: &str, value: &Value) -> Option<Effect> {
    if let Some(key) = path.strip_prefix("os.environ[").and_then(|key| key.strip_suffix(']')) {
        return is_redirection(key).then_some(Effect::Hook);
    }
    if let Some(key) = path.strip_prefix("sys.modules[") {
        // A package that loads its parts late puts itself there.
        let own = key == "?]" && value.path().is_none_or(|path| !path.starts_with('@'));
        return (!own).then_some(Effect::Hook);
    }
    // Several processes that print would print the same several times.
    if path == "builtins.print" {
        return None;
    }
    if path.ends_with(".__code__") {
        return Some(Effect::Hook);
    }
    // What a call gave back is the module's own to change.
    if path.contains('(') {
        return None;
    }
    let constant =
        path.rsplit('.').next().is_some_and(|last| last.chars().all(|c| !c.is_lowercase()));
    (any(HELD, path) && !constant).then_some(Effect::Hook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_told_by_dotted_names() {
        assert_eq!(of_call("os.system", &[], &[]), Some(Effect::Process));
        assert_eq!(of_call("builtins.exec", &[], &[]), Some(Effect::Code));
        assert_eq!(of_call("requests.post", &[], &[]), Some(Effect::Send));
        assert_eq!(of_call("torch.nn.Linear", &[], &[]), None);
        assert_eq!(of_call("os.?", &[], &[]), Some(Effect::Hidden));
    }

    #[test]
    fn a_careful_loader_does_nothing() {
        let careful = [(Some("weights_only"), Value::of_number(1))];
        assert_eq!(of_call("torch.load", &[], &careful), None);
        let careless = [(Some("Loader"), Value::of_path("yaml.UnsafeLoader"))];
        assert_eq!(of_call("yaml.load", &[], &careless), Some(Effect::Unsafe));
        let careful = [(Some("Loader"), Value::of_path("yaml.SafeLoader"))];
        assert_eq!(of_call("yaml.load", &[], &careful), None);
    }

    #[test]
    fn settings_that_hold_others_code_are_told() {
        let any = Value::default();
        assert!(of_setting("builtins.open", &any).is_some());
        assert!(of_setting("os.environ[LD_PRELOAD]", &any).is_some());
        assert!(of_setting("os.environ[TOKENIZERS_PARALLELISM]", &any).is_none());
        assert!(of_setting("sys.modules[?]", &any).is_none());
    }
}
