//! Weighs what code does: what it is given, where that comes from, and when it happens.

use super::effects::{self, Effect};
use super::flow::{Act, taint};
use crate::fact::CodeKind;
use crate::finding::Severity;
use crate::policy::{LOOK, Opinion, REFUSE, template, text};

/// What is known of an act when it is weighed.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Look<'a> {
    act: &'a Act,
    /// What it is given comes from the network or was decoded.
    far: bool,
    /// What it is given tells secrets or tells machines apart.
    telling: bool,
    /// Its texts hold commands.
    commands: bool,
    /// Its texts name files that hold secrets.
    sensitive: bool,
    /// It stands in code that was a text.
    evaluated: bool,
}

/// What is thought of an act, if anything.
pub fn opinion(kind: CodeKind, act: &Act, inner: bool) -> Option<Opinion> {
    let usual = !act.bare || !act.on_import || effects::is_usual(&act.callee);
    if act.effect == Effect::Foreign && (usual || kind == CodeKind::Cell) {
        return None;
    }
    let joined = act.texts.join(" ").replace('\0', "\u{2026}");
    let look = Look {
        act,
        far: act.taint & (taint::NETWORK | taint::DECODED) != 0,
        telling: act.taint & (taint::SECRET | taint::HOST) != 0,
        commands: text::judge("argument", &joined).is_some(),
        sensitive: act.texts.iter().any(|text| effects::is_sensitive(text)),
        evaluated: kind == CodeKind::Evaluated || inner,
    };
    let (rule, severity, reason) = look.weigh();
    let when = if act.on_import { "when it is imported" } else { "when it is used" };
    let evidence = format!("line {}, {when}: {}({joined})", act.line, act.callee);
    let next = if severity == Severity::High { REFUSE } else { LOOK };
    Some(Opinion::new(rule, severity, reason, evidence, next))
}

/// Modules that are for nothing but to run code that is no import.
const RUNS: &[&str] =
    &["pip", "runpy", "code.", "codeop.", "types.FunctionType", "types.CodeType", "zipimport."];

type Weight = (&'static str, Severity, &'static str);

/// High, medium or a note, by the first condition that holds.
const fn step(high: bool, medium: bool) -> Severity {
    match (high, medium) {
        (true, _) => Severity::High,
        (false, true) => Severity::Medium,
        (false, false) => Severity::Note,
    }
}

impl Look<'_> {
    fn weigh(&self) -> Weight {
        let (act, evaluated) = (self.act, self.evaluated);
        let callee = act.callee.as_str();
        match act.effect {
            Effect::Process => {
                let bad = self.far || self.commands || evaluated;
                let severity = step(bad, !is_usual_process(&act.texts));
                ("code.process", severity, "It starts a process.")
            }
            Effect::Code => self.code(),
            Effect::Hidden => {
                let reason = "It calls something of a module that acts on the machine, by a name \
                              that it puts together.";
                ("code.hidden_call", step(self.far, true), reason)
            }
            Effect::Deserialise => self.deserialise(),
            Effect::Unsafe => {
                let reason = "It makes a loader build whatever objects the data asks for.";
                ("code.deserialise", step(self.far, true), reason)
            }
            Effect::Template => self.template(),
            Effect::Send | Effect::Network | Effect::Fetch => self.network(),
            Effect::Write => self.write(),
            Effect::Native => self.native(),
            Effect::Secret => {
                let severity = step(false, act.on_import || self.sensitive || evaluated);
                ("code.secret", severity, "It reads what is secret.")
            }
            Effect::Search => {
                ("code.search", Severity::Medium, "It looks through somebody's own files.")
            }
            Effect::Hook => {
                let sets = callee.ends_with(" =") || callee.starts_with("os.environ");
                let hooks = callee.starts_with("sys.") && !callee.contains("frame");
                ("code.hook", step(false, sets || hooks), "It changes how other code runs.")
            }
            Effect::Foreign => {
                let reason = "Importing it calls a function of a package that is not known.";
                ("code.foreign", Severity::Medium, reason)
            }
        }
    }

    fn code(&self) -> Weight {
        let act = self.act;
        let callee = act.callee.as_str();
        let from_file = act.taint & (taint::FILE | taint::HUB) != 0;
        let runs = RUNS.iter().any(|module| callee.starts_with(module))
            || callee.ends_with(".from_pretrained")
            || callee.ends_with(".from_config");
        let holds = |marks: &[&str]| act.texts.iter().any(|t| marks.iter().any(|m| t.contains(m)));
        let bad = match callee {
            "builtins.exec" | "?.exec" | "?.eval" => true,
            // Whoever evaluates what cannot be told may evaluate anything.
            "builtins.eval" if act.texts.is_empty() => true,
            "builtins.eval" => act.on_import || holds(&["__", "import", "\0"]),
            "builtins.compile"
            | "importlib.import_module"
            | "builtins.__import__"
            | "importlib.__import__" => from_file && act.taint & taint::HUB != 0,
            _ if callee.starts_with("importlib.") || callee.starts_with("imp.") => {
                let code = |text: &str| text.ends_with(".py") || !text.contains(['/', '.']);
                act.taint & taint::HUB != 0 || act.texts.iter().any(|text| !code(text))
            }
            _ if callee.starts_with("pandas.") || callee.starts_with("numexpr.") => true,
            _ => from_file || runs,
        };
        let severity = step(self.far || self.evaluated, bad);
        ("code.run", severity, "It runs code that it puts together.")
    }

    fn deserialise(&self) -> Weight {
        let act = self.act;
        let callee = act.callee.as_str();
        // A literal that is unpickled was hidden from whoever reads the code.
        let literal = callee.ends_with("loads") && !act.texts.is_empty();
        let plain = callee.starts_with("yaml") || callee == "torch.load" || callee == "numpy.load";
        let medium =
            self.evaluated || callee.starts_with("marshal") || literal || act.on_import && !plain;
        let far = if plain { act.taint & taint::NETWORK != 0 } else { self.far };
        ("code.deserialise", step(far, medium), "It unpickles what may run code.")
    }

    fn template(&self) -> Weight {
        let worst = self.act.texts.iter().flat_map(|text| template::judge("template", text));
        let worst = worst.map(|opinion| opinion.severity).max().unwrap_or(Severity::Note);
        let python = self.act.texts.iter().any(|text| text.contains("<%"));
        let severity = worst.max(step(self.far, python));
        ("code.template", severity, "It renders a template of which a part runs as code.")
    }

    fn network(&self) -> Weight {
        let act = self.act;
        let at_home = act.texts.iter().any(|text| is_own_machine(text));
        let hub = act.texts.iter().any(|text| text.starts_with("https://huggingface.co/"));
        let bad = !at_home && !hub && (self.telling || self.sensitive)
            || act.texts.iter().any(|text| is_metadata(text));
        let early = act.on_import || self.evaluated;
        let carries = act.texts.iter().any(|text| carries(text));
        match act.effect {
            Effect::Send => {
                ("code.network", step(bad, !at_home), "It sends or listens on the network.")
            }
            Effect::Fetch => {
                let runs = act.callee == "torch.hub.load" && act.texts.len() > 1;
                let reason = "It fetches from the network.";
                ("code.fetch", step(bad, early || carries || runs), reason)
            }
            _ => ("code.network", step(bad, early || carries), "It uses the network."),
        }
    }

    fn write(&self) -> Weight {
        let act = self.act;
        let callee = act.callee.as_str();
        let texts = || act.texts.iter().map(|text| &**text);
        let persistent = texts().any(effects::is_persistent);
        let opens = callee.ends_with("open");
        let deletes = ["remove", "unlink", "rmtree", "rmdir", "truncate", "chmod", "rename"]
            .iter()
            .any(|word| callee.contains(word));
        let code = !deletes && texts().any(effects::is_code_file) && !callee.contains("copy");
        let package = act.taint & taint::PACKAGE != 0;
        let home = deletes && texts().any(|text| effects::is_home(text) || is_in_home(text));
        let early = act.on_import || self.evaluated;
        let quiet = callee.starts_with("shutil.which") || callee == "shutil.disk_usage";
        let severity =
            step(persistent || self.far && !opens, code || package || home || early && !quiet);
        let reason = if persistent {
            "It writes to a place from which code runs later."
        } else {
            "It writes or deletes files."
        };
        ("code.write", severity, reason)
    }

    fn native(&self) -> Weight {
        let act = self.act;
        let callee = act.callee.as_str();
        let memory = ["memmove", "CFUNCTYPE", "VirtualAlloc", "mprotect", "CreateThread", "memset"]
            .iter()
            .any(|word| callee.contains(word));
        let builds = callee.contains("cpp_extension") || callee.contains("inline");
        let acts = ["system(", "popen(", "exec", "fork(", "socket(", "connect("];
        let source = builds && act.texts.iter().any(|t| acts.iter().any(|word| t.contains(word)));
        // A library beside the model; those of the system are called by their names alone.
        let own = |text: &str| text.contains(['/', '\0']) && !text.starts_with("/usr/lib");
        let library = act
            .texts
            .iter()
            .any(|text| own(text) && (text.contains(".so") || text.contains(".dll")));
        let severity = step(
            self.far || source,
            self.evaluated || memory || act.on_import || library && !builds,
        );
        ("code.native", severity, "It loads native code.")
    }
}

/// Whether an address gives a machine's own credentials to whoever asks.
fn is_metadata(text: &str) -> bool {
    ["169.254.169.254", "metadata.google.internal", "169.254.170.2", "100.100.100.200"]
        .iter()
        .any(|host| text.contains(host))
}

/// Whether an address is that of the machine itself.
fn is_own_machine(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.starts_with(name))
}

/// Whether an address takes something along that is not in the code: behind a question mark, or as
/// a part of the host's name.
fn carries(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        // A name to be resolved.
        let dotted = text.split_once('\0').map(|(_, rest)| rest);
        return dotted.is_some_and(|rest| {
            rest.starts_with('.') && rest.len() > 4 && !rest.contains(['/', '\0', ' '])
        }) && text.starts_with('\0');
    };
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let query = rest.split_once('?').is_some_and(|(_, query)| query.contains('\0'));
    let spoken = host.starts_with('\0') && host.contains('.');
    scheme.len() < 10 && !scheme.contains('\0') && !host.is_empty() && (query || spoken)
}

fn is_in_home(text: &str) -> bool {
    text.strip_prefix("~/").is_some_and(|rest| !rest.starts_with(".cache"))
}

/// Programs that setups ask for versions and devices.
fn is_usual_process(texts: &[std::rc::Rc<str>]) -> bool {
    let mut words = texts.iter().flat_map(|text| text.split_whitespace());
    let program = words.next().unwrap_or_default();
    let fetches = words.any(|word| matches!(word, "clone" | "pull" | "config" | "submodule"));
    let program = program.rsplit('/').next().unwrap_or(program);
    !fetches
        && !texts.iter().any(|text| text.contains([';', '|', '&', '`', '$', '>', '<']))
        && matches!(
            program,
            "nvidia-smi"
                | "rocm-smi"
                | "nvcc"
                | "gcc"
                | "g++"
                | "ninja"
                | "git"
                | "uname"
                | "lscpu"
                | "ffmpeg"
                | "ffprobe"
                | "sox"
                | "which"
                | "utf-8"
                | "utf8"
        )
}
