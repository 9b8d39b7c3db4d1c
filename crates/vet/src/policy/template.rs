//! Judges Jinja templates: what is inside `{{ }}` and `{% %}` runs on the machine of whoever uses
//! the model.

use super::{LOOK, Opinion, REFUSE};
use crate::finding::Severity;

/// Names that give away Python's insides.
const INSIDES: &[&str] = &[
    "__class__",
    "__mro__",
    "__base__",
    "__bases__",
    "__subclasses__",
    "__globals__",
    "__builtins__",
    "__import__",
    "__init__",
    "__getitem__",
    "__getattribute__",
    "__dict__",
    "__code__",
    "__closure__",
    "__reduce__",
    "__call__",
    "__loader__",
    "__spec__",
    "__module__",
    "__name__",
    "__self__",
    "__func__",
    "__new__",
    "__set__",
    "_module",
    "_TemplateReference__context",
    "func_globals",
    "gi_frame",
    "gi_code",
    "cr_frame",
    "ag_frame",
    "f_globals",
    "f_builtins",
    "f_locals",
    "f_back",
    "tb_frame",
    "mro",
];

/// Names that run, open or fetch.
const ACTIONS: &[&str] = &[
    "eval",
    "exec",
    "compile",
    "popen",
    "system",
    "subprocess",
    "Popen",
    "import_module",
    "builtins",
    "globals",
    "getattr",
    "setattr",
    "urlopen",
    "check_output",
    "execfile",
    "os",
    "sys",
    "socket",
    "importlib",
    "open",
    "read_text",
    "environ",
    "getenv",
    "spawn",
    "fork",
    "lipsum",
    "get_flashed_messages",
    "url_for",
];

/// Whether a text is a template: it has an expression or a statement in it.
pub fn is_template(text: &str) -> bool {
    (text.contains("{{") && text.contains("}}")) || (text.contains("{%") && text.contains("%}"))
}

/// Judges a template.
pub fn judge(key: &str, text: &str) -> Vec<Opinion> {
    let mut worst: Option<Opinion> = None;
    let mut keep = |opinion: Opinion| {
        if worst.as_ref().is_none_or(|worst| opinion.severity > worst.severity) {
            worst = Some(opinion);
        }
    };
    for inside in insides(text) {
        if let Some(opinion) = expression(key, inside) {
            keep(opinion);
        }
    }
    worst.into_iter().collect()
}

/// What stands inside the delimiters.
fn insides(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let Some(after) = rest.get(at + 1..) else { break };
        let end = match after.chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => {
                rest = after;
                continue;
            }
        };
        let Some(body) = after.get(1..) else { break };
        let stop = end_of(body, end).unwrap_or(body.len());
        if end != "#}" {
            out.extend(body.get(..stop));
        }
        rest = body.get(stop..).unwrap_or_default();
        if out.len() > 10_000 {
            break;
        }
    }
    out
}

/// Where the closing delimiter stands, outside of quotes.
fn end_of(body: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match quote {
            Some(q) => {
                if escaped {
                    escaped = false;
                } else if c == '\\' {
                    escaped = true;
                } else if c == q {
                    quote = None;
                }
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            None if body.get(at..).is_some_and(|rest| rest.starts_with(end)) => return Some(at),
            None => {}
        }
    }
    // An open quote does not hide the end: Jinja would not parse that, others may.
    body.find(end)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\'' || c == '"' {
            let mut raw = String::new();
            while let Some(next) = rest.next() {
                if next == c {
                    break;
                }
                raw.push(next);
                if next == '\\' {
                    raw.extend(rest.next());
                }
            }
            out.push(Token::Text(crate::python::unescape(&raw)));
        } else if c.is_alphanumeric() || c == '_' {
            let mut name = c.to_string();
            while let Some(next) = rest.next_if(|n| n.is_alphanumeric() || *n == '_') {
                name.push(next);
            }
            out.push(Token::Name(name));
        } else if !c.is_whitespace() {
            out.push(Token::Mark(c));
        }
        if out.len() > 200_000 {
            break;
        }
    }
    out
}

fn expression(key: &str, inside: &str) -> Option<Opinion> {
    let tokens = tokens(inside);
    // Texts that are put together in pieces are judged together: 'o' ~ 's'.
    let joined = joined_texts(&tokens);
    let insides = tokens.iter().enumerate().find_map(|(at, token)| match token {
        Token::Name(name) if is_inside(name) && !is_free_name(&tokens, at) => Some(name.clone()),
        Token::Text(text) if is_inside(text) => Some(text.clone()),
        _ => None,
    });
    let insides = insides.or_else(|| joined.iter().find(|text| is_inside(text)).cloned());
    let evidence = inside.trim();
    if let Some(name) = insides {
        return Some(Opinion::new(
            "template.insides",
            Severity::High,
            format!(
                "The template under `{key}` reaches for Python's insides (`{name}`) and from there \
                 for anything on the machine."
            ),
            evidence,
            REFUSE,
        ));
    }
    let action = tokens.iter().enumerate().find_map(|(at, token)| match token {
        Token::Name(name) if is_action(&tokens, at, name) => Some(name.clone()),
        _ => None,
    });
    if let Some(name) = action {
        return Some(Opinion::new(
            "template.action",
            Severity::High,
            format!("The template under `{key}` uses `{name}`, which no chat needs."),
            evidence,
            REFUSE,
        ));
    }
    let statement = match tokens.first() {
        Some(Token::Name(name))
            if matches!(name.as_str(), "include" | "import" | "extends" | "from") =>
        {
            Some(name.clone())
        }
        _ => None,
    };
    if let Some(name) = statement {
        return Some(Opinion::new(
            "template.include",
            Severity::Medium,
            format!("The template under `{key}` reads another one (`{name}`)."),
            evidence,
            LOOK,
        ));
    }
    let attr = tokens
        .windows(2)
        .any(|pair| matches!(pair, [Token::Mark('|'), Token::Name(filter)] if filter == "attr"));
    attr.then(|| {
        Opinion::new(
            "template.attr",
            Severity::Medium,
            format!("The template under `{key}` looks up attributes by name, as attacks do."),
            evidence,
            LOOK,
        )
    })
}

fn is_inside(name: &str) -> bool {
    INSIDES.contains(&name)
        || (name.len() > 4 && name.starts_with("__") && name.ends_with("__") && !name.contains(' '))
        || INSIDES
            .iter()
            .filter(|inside| inside.starts_with("__"))
            .any(|inside| name.len() < 400 && name.contains(inside))
}

/// A variable of the template itself may be called anything but Python's own double underscores.
fn is_free_name(tokens: &[Token], at: usize) -> bool {
    let after_mark = at.checked_sub(1).and_then(|before| tokens.get(before));
    let dunder = matches!(tokens.get(at), Some(Token::Name(name)) if name.starts_with("__"));
    !dunder && !matches!(after_mark, Some(Token::Mark('.' | '|' | '[')))
}

/// A name that acts, where it is used as what it is: called, or with something of its own.
fn is_action(tokens: &[Token], at: usize, name: &str) -> bool {
    if !ACTIONS.contains(&name) {
        return false;
    }
    let next = tokens.get(at + 1);
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let attribute = matches!(before, Some(Token::Mark('.')));
    match name {
        // Words that messages have as fields: `message.system`, `content.open`.
        "system" | "open" | "compile" | "read_text" | "spawn" | "fork" | "exec" | "eval" => {
            matches!(next, Some(Token::Mark('(')))
        }
        "os" | "sys" | "socket" | "globals" | "builtins" | "lipsum" => {
            matches!(next, Some(Token::Mark('.' | '(' | '['))) || attribute
        }
        _ => matches!(next, Some(Token::Mark('(' | '.' | '['))),
    }
}

fn joined_texts(tokens: &[Token]) -> Vec<String> {
    let mut out = Vec::new();
    let mut current = String::new();
    let mut pieces = 0;
    for token in tokens {
        match token {
            Token::Text(text) => {
                current.push_str(text);
                pieces += 1;
            }
            Token::Mark('~' | '+' | ',' | '(' | ')' | '[' | ']') => {}
            _ => {
                if pieces > 1 {
                    out.push(std::mem::take(&mut current));
                }
                current.clear();
                pieces = 0;
            }
        }
    }
    if pieces > 1 {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(text: &str) -> Option<Severity> {
        judge("chat_template", text).first().map(|opinion| opinion.severity)
    }

    #[test]
    fn attacks_are_found_however_they_are_spelt() {
        for text in [
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ ''|attr('__class__') }}",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            r"{{ x['\x5f\x5fclass\x5f\x5f'] }}",
            "{{ x['__cla' ~ 'ss__'] }}",
            "{% for c in [].__class__.__base__.__subclasses__() %}{% endfor %}",
            "{{ lipsum.__globals__ }}",
            "{{ self.__init__ }}",
            "{{ '%}' ~ ''.__class__ }}",
            "{{ request.application.__globals__ }}",
        ] {
            assert_eq!(severity(text), Some(Severity::High), "{text}");
        }
    }

    #[test]
    fn chat_templates_are_not() {
        for text in [
            "{% for message in messages %}{{ message['role'].title() }}: {{ message['content'] }}{% endfor %}",
            "{%- set ns = namespace(found=false) -%}{% if ns.found %}{{ raise_exception('x') }}{% endif %}",
            "{{ bos_token + '[INST] ' + message.content | trim + ' [/INST]' }}",
            "{% if message.role == 'system' %}{{ system }}{% endif %}",
            "Plain text about __init__ and os.system() outside of delimiters",
            "{{ tools | tojson(indent=4) }}{{ strftime_now('%d %b %Y') }}",
            "{# a remark on __class__ #}",
        ] {
            assert_eq!(severity(text), None, "{text}");
        }
    }

    #[test]
    fn reading_other_templates_is_worth_a_look() {
        assert_eq!(severity("{% include '/etc/passwd' %}"), Some(Severity::Medium));
    }
}
