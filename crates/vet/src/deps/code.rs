//! Python that loads models: calls that run code from the file they load, code that is taken from a
//! repository, and revisions that may move.
//!
//! The text is read call by call, over line ends, with strings and comments told apart. It is no
//! analysis of flow: a value that comes from elsewhere is told as what stands there.

use super::{is_commit, is_repository};
use crate::remark::{Remark, Weight};

/// Bytes of a source that are read.
pub const SOURCE_BYTES_MAX: usize = 4 << 20;
/// Calls of one source.
const CALLS_MAX: usize = 20_000;
/// Characters of the arguments of one call.
const ARGUMENTS_MAX: usize = 4_000;

const CONVERT: &str = "convert the file to safetensors, or load it with weights_only=True";
const PIN: &str = "pin the revision to a full commit id";
const READ: &str = "read the repository's code at a pinned commit, or do without it";

/// A call as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The name with its dots, such as `torch.load`.
    pub name: String,
    /// The arguments, each trimmed.
    pub arguments: Vec<String>,
    /// The line, from 1.
    pub line: usize,
}

impl Call {
    /// The value of a named argument.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find_map(|argument| {
            let (key, value) = argument.split_once('=')?;
            (key.trim() == name).then(|| value.trim())
        })
    }

    /// The first argument without a name, if it is a literal text.
    fn literal(&self) -> Option<&str> {
        let first = self.arguments.first()?;
        let inner = first.trim_start_matches(['r', 'b', 'u']);
        let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        inner.strip_prefix(quote)?.strip_suffix(quote).filter(|text| !text.contains(quote))
    }

    fn text(&self) -> String {
        format!("{}({})", self.name, self.arguments.join(", "))
    }
}

/// What is to be said of Python source.
pub fn code(source: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if source.len() > SOURCE_BYTES_MAX {
        let why = "the source is too long, and was not read";
        remarks.push(Remark::new("deps.cut", Weight::Unknown, 0, why, "", "look at it by hand"));
        return remarks;
    }
    for call in calls(source) {
        remarks.extend(unsafe_load(&call));
        remarks.extend(remote(&call));
    }
    remarks
}

fn unsafe_load(call: &Call) -> Option<Remark> {
    let say = |rule, weight, why: &str, next| {
        Some(Remark::new(rule, weight, call.line, why, &call.text(), next))
    };
    let is = |value: Option<&str>, wanted: &str| value == Some(wanted);
    match call.name.as_str() {
        "torch.load" if is(call.named("weights_only"), "True") => None,
        "torch.load" if is(call.named("weights_only"), "False") => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "it switches off the safe way of loading: code in the file runs",
            CONVERT,
        ),
        "torch.load" => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "before torch 2.6 code in the file runs when it is loaded so",
            CONVERT,
        ),
        "np.load" | "numpy.load" if is(call.named("allow_pickle"), "True") => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "objects in the array are unpickled: code in the file runs",
            "store plain arrays, and load them without allow_pickle",
        ),
        "yaml.unsafe_load" | "yaml.full_load" | "yaml.unsafe_load_all" => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "objects in the file are built: code in it can run",
            "use yaml.safe_load",
        ),
        "yaml.load" | "yaml.load_all" => {
            let safe = call.arguments.iter().any(|argument| argument.contains("SafeLoader"));
            if safe {
                return None;
            }
            let why = "without a safe loader objects in the file are built";
            say("deps.unsafe_load", Weight::Weakness, why, "use yaml.safe_load")
        }
        "pickle.load"
        | "pickle.loads"
        | "dill.load"
        | "dill.loads"
        | "cloudpickle.load"
        | "cloudpickle.loads"
        | "joblib.load"
        | "pd.read_pickle"
        | "pandas.read_pickle"
        | "_pickle.load"
        | "_pickle.loads"
        | "shelve.open"
        | "torch.package.PackageImporter" => {
            let fetched = ["http://", "https://", "urlopen", "requests.", "hf_hub_download"];
            let remote = fetched.iter().any(|word| call.text().contains(word));
            let (weight, why) = if remote {
                (Weight::Weakness, "code in a file that is fetched runs when it is loaded")
            } else {
                (Weight::Note, "code in the file runs when it is loaded")
            };
            say("deps.unsafe_load", weight, why, CONVERT)
        }
        _ => unsafe_switch(call),
    }
}

/// Calls that switch off what makes loading safe, whatever library they belong to.
fn unsafe_switch(call: &Call) -> Option<Remark> {
    let say = |rule, weight, why: &str, next| {
        Some(Remark::new(rule, weight, call.line, why, &call.text(), next))
    };
    let is = |value: Option<&str>, wanted: &str| value == Some(wanted);
    let last = call.name.rsplit('.').next().unwrap_or_default();
    match () {
        () if last == "load_model" && is(call.named("safe_mode"), "False") => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "Lambda layers of the file run when it is loaded",
            "load with safe_mode=True",
        ),
        () if last == "enable_unsafe_deserialization" => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "from here on Lambda layers of any file run",
            "take the call out",
        ),
        () if is(call.named("allow_dangerous_deserialization"), "True") => say(
            "deps.unsafe_load",
            Weight::Weakness,
            "the index is unpickled: code in it runs",
            "build the index on this machine",
        ),
        () => None,
    }
}

/// The calls that fetch a model or data from a hub, by the last part of their name.
const FETCHES: [&str; 8] = [
    "from_pretrained",
    "hf_hub_download",
    "snapshot_download",
    "load_dataset",
    "pipeline",
    "SentenceTransformer",
    "LLM",
    "load_from_hub",
];

fn remote(call: &Call) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |rule, weight, why: &str, next| {
        remarks.push(Remark::new(rule, weight, call.line, why, &call.text(), next));
    };
    if call.named("trust_remote_code") == Some("True") {
        let why = "Python of the repository runs on this machine";
        say("deps.trust_remote_code", Weight::Weakness, why, READ);
    }
    if call.name == "torch.hub.load" {
        let pinned = call.literal().and_then(|text| text.split_once(':'));
        if call.named("source") != Some("\"local\"") && !pinned.is_some_and(|(_, r)| is_commit(r)) {
            let why = "Python of a branch that may move runs on this machine";
            say("deps.trust_remote_code", Weight::Weakness, why, READ);
        }
        return remarks;
    }
    let last = call.name.rsplit('.').next().unwrap_or_default();
    if !FETCHES.contains(&last) {
        return remarks;
    }
    let named = ["repo_id", "pretrained_model_name_or_path", "model", "path"];
    let quoted = |text: &str| text.trim_matches(['"', '\'']).to_owned();
    let repository = named.iter().find_map(|name| call.named(name)).map(quoted);
    let repository = repository.or_else(|| call.literal().map(str::to_owned));
    let revision = call.named("revision").map(quoted);
    if repository.is_some_and(|name| is_repository(&name))
        && !revision.is_some_and(|revision| is_commit(&revision))
    {
        let why = "the revision is not pinned: tomorrow it may be another model";
        say("deps.unpinned_revision", Weight::Note, why, PIN);
    }
    remarks
}

/// Every call of a source.
pub(super) fn calls(source: &str) -> Vec<Call> {
    let mut found = Vec::new();
    let chars: Vec<char> = plain(source);
    let (mut name, mut line) = (String::new(), 1);
    let mut at = 0;
    let mut quote: Option<char> = None;
    while let Some(&c) = chars.get(at) {
        line += usize::from(c == '\n');
        if let Some(q) = quote {
            at += usize::from(c == '\\');
            if c == q || c == '\n' {
                quote = None;
            }
        } else if c.is_alphanumeric() || matches!(c, '_' | '.') {
            name.push(c);
            at += 1;
            continue;
        } else if c == '(' && name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let arguments = arguments(chars.get(at + 1..).unwrap_or_default());
            found.push(Call { name: std::mem::take(&mut name), arguments, line });
            if found.len() >= CALLS_MAX {
                break;
            }
        } else if matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        name.clear();
        at += 1;
    }
    found
}

/// The source without comments, and texts in three quotes as texts in one.
fn plain(source: &str) -> Vec<char> {
    let mut out = Vec::with_capacity(source.len());
    let (mut quote, mut triple) = (None, false);
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '#' => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                let mut rest = chars.clone();
                triple = rest.next() == Some(c) && rest.next() == Some(c);
                if triple {
                    chars.next();
                    chars.next();
                }
            }
            Some(_) if c == '\\' => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            Some(q) if triple && c == '\n' => {
                // A text over several lines becomes several texts, so that lines can be counted.
                out.extend([q, '\n', q]);
                continue;
            }
            Some(q) if triple && c == q => {
                let mut rest = chars.clone();
                if rest.next() != Some(q) || rest.next() != Some(q) {
                    out.push(' ');
                    continue;
                }
                chars.next();
                chars.next();
                quote = None;
            }
            Some(q) if !triple && (c == q || c == '\n') => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The arguments up to the bracket that closes the call.
fn arguments(chars: &[char]) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for &c in chars.iter().take(ARGUMENTS_MAX) {
        if let Some(q) = quote {
            if !escaped && c == q {
                quote = None;
            }
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '"' | '\'' => quote = Some(c),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        if let Some(last) = arguments.last_mut() {
            last.push(if c == '\n' { ' ' } else { c });
        }
    }
    let trimmed = arguments.iter().map(|argument| argument.trim().to_owned());
    trimmed.filter(|argument| !argument.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(source: &str) -> Vec<(&'static str, Weight)> {
        code(source).into_iter().map(|remark| (remark.rule, remark.weight)).collect()
    }

    #[test]
    fn unsafe_loads() {
        for source in [
            "torch.load('m.pt')",
            "model = torch.load(\n    path,\n    map_location='cpu',  # weights_only=True\n)",
            "torch.load(f, weights_only=False)",
            "np.load('a.npy', allow_pickle=True)",
            "yaml.load(text)",
            "yaml.load(text, Loader=yaml.Loader)",
            "pickle.loads(requests.get(url).content)",
            "keras.models.load_model('m.keras', safe_mode=False)",
            "FAISS.load_local('i', e, allow_dangerous_deserialization=True)",
        ] {
            assert_eq!(rules(source), [("deps.unsafe_load", Weight::Weakness)], "{source}");
        }
        assert_eq!(rules("joblib.load('m.joblib')"), [("deps.unsafe_load", Weight::Note)]);
    }

    #[test]
    fn safe_loads_and_texts_about_them() {
        for source in [
            "torch.load(f, weights_only=True)",
            "np.load('a.npy')",
            "yaml.load(text, Loader=yaml.SafeLoader)",
            "yaml.safe_load(text)",
            "# torch.load('m.pt')",
            "text = \"torch.load('m.pt')\"",
            "\"\"\"never\ntorch.load(x)\n\"\"\"",
            "print('unbalanced (')",
        ] {
            assert_eq!(rules(source), [], "{source}");
        }
    }

    #[test]
    fn code_of_repositories_and_revisions() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let trusted = "AutoModel.from_pretrained('org/m', trust_remote_code=True)";
        assert_eq!(
            rules(trusted),
            [
                ("deps.trust_remote_code", Weight::Weakness),
                ("deps.unpinned_revision", Weight::Note)
            ]
        );
        let pinned = format!("AutoModel.from_pretrained('org/m', revision='{commit}')");
        assert_eq!(rules(&pinned), []);
        assert_eq!(rules("AutoModel.from_pretrained('./local')"), []);
        assert_eq!(rules("load_dataset('org/d', revision='main')").len(), 1);
        assert_eq!(rules("torch.hub.load('org/repo', 'm')")[0].0, "deps.trust_remote_code");
        assert_eq!(rules(&format!("torch.hub.load('org/repo:{commit}', 'm')")), []);
    }

    #[test]
    fn lines_are_counted() {
        let remarks = code("'''\na\n'''\n\ntorch.load(x)\n");
        assert_eq!(remarks[0].at, 5);
    }
}
