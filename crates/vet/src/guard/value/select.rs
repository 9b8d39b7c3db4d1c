//! A question to a database that changes nothing: one `SELECT` over listed tables, in a subset of
//! SQL without subqueries, unions, comments, quoted names, or functions that do more than compute.

use super::Wrong;

/// Bytes of a question.
const QUERY_BYTES_MAX: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// In lower case.
    Word(String),
    Value,
    Sign(char),
}

const FUNCTIONS: [&str; 16] = [
    "count", "sum", "min", "max", "avg", "round", "abs", "lower", "upper", "length", "trim",
    "coalesce", "substr", "date", "year", "month",
];
/// Words after which a bracket is no call.
const BEFORE_BRACKETS: [&str; 11] =
    ["in", "and", "or", "not", "where", "on", "having", "between", "then", "when", "select"];
const FORBIDDEN: [&str; 42] = [
    "union",
    "intersect",
    "except",
    "into",
    "outfile",
    "dumpfile",
    "insert",
    "update",
    "delete",
    "drop",
    "alter",
    "create",
    "grant",
    "revoke",
    "copy",
    "with",
    "exec",
    "execute",
    "call",
    "pragma",
    "attach",
    "detach",
    "load",
    "load_file",
    "set",
    "merge",
    "replace",
    "truncate",
    "vacuum",
    "explain",
    "declare",
    "begin",
    "commit",
    "lock",
    "handler",
    "do",
    "returning",
    "procedure",
    "benchmark",
    "sleep",
    "waitfor",
    "analyze",
];
const ENDS_TABLES: [&str; 14] = [
    "where", "group", "order", "limit", "having", "offset", "on", "join", "inner", "left", "right",
    "full", "cross", "fetch",
];

/// Whether a text is such a question.
pub fn select(text: &str, tables: &[String]) -> Result<(), Wrong> {
    if text.len() > QUERY_BYTES_MAX {
        return Err("it is too long");
    }
    let tokens = tokens(text)?;
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    if word(0) != Some("select") {
        return Err("it is no `SELECT`");
    }
    let count = |wanted: &str| tokens.iter().filter(|t| **t == Token::Word(wanted.into())).count();
    if count("select") != 1 || count("from") != 1 {
        return Err("it asks more than one question");
    }
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(name) = token else { continue };
        if FORBIDDEN.contains(&name.as_str()) {
            return Err("it uses a word that could change something");
        }
        let called = tokens.get(at + 1) == Some(&Token::Sign('('));
        let known = FUNCTIONS.contains(&name.as_str()) || BEFORE_BRACKETS.contains(&name.as_str());
        if called && !known {
            return Err("it calls a function that is not known here");
        }
        if (name == "from" || name == "join") && !tables_after(&tokens, at + 1, tables) {
            return Err("it reads a table that is not listed");
        }
    }
    Ok(())
}

/// Whether what follows `FROM` or `JOIN` is a list of listed tables, each with an alias or none.
fn tables_after(tokens: &[Token], from: usize, tables: &[String]) -> bool {
    let rest = tokens.get(from..).unwrap_or_default();
    let end = rest.iter().position(|token| match token {
        Token::Word(word) => ENDS_TABLES.contains(&word.as_str()),
        _ => false,
    });
    let list = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    !list.is_empty()
        && list.split(|token| *token == Token::Sign(',')).all(|entry| {
            let listed = |name: &String| tables.iter().any(|t| t.eq_ignore_ascii_case(name));
            match entry {
                [Token::Word(table)] | [Token::Word(table), Token::Word(_)] => listed(table),
                [Token::Word(table), Token::Word(is), Token::Word(_)] => {
                    is == "as" && listed(table)
                }
                _ => false,
            }
        })
}

fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\n' | '\t' => {}
            'a'..='z' | 'A'..='Z' | '_' => {
                let mut word = c.to_ascii_lowercase().to_string();
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(c.to_ascii_lowercase());
                }
                tokens.push(Token::Word(word));
            }
            '0'..='9' => {
                while chars.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
                tokens.push(Token::Value);
            }
            '\'' => {
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => {}
                        Some('\'') => break,
                        Some('\\') | None => return Err("a text in it does not end"),
                        Some(_) => {}
                    }
                }
                tokens.push(Token::Value);
            }
            '-' if before == '-' => return Err("it holds a comment"),
            '*' if before == '/' => return Err("it holds a comment"),
            '=' | '<' | '>' | '!' | ',' | '.' | '(' | ')' | '*' | '+' | '-' | '/' | '%' => {
                tokens.push(Token::Sign(c));
            }
            _ => return Err("it holds characters that such a question has no need of"),
        }
        before = c;
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> bool {
        select(text, &["rooms".to_owned(), "staff".to_owned()]).is_ok()
    }

    #[test]
    fn ordinary_questions_pass() {
        for text in [
            "SELECT count(*) FROM rooms WHERE day = '2026-03-04'",
            "select r.name, s.name as who from rooms r, staff AS s where r.id = s.room limit 20",
            "SELECT name FROM staff LEFT JOIN rooms r ON r.id = room WHERE (a > 1 OR b IN (1, 2))",
            "SELECT name FROM staff WHERE name = 'O''Brien'",
        ] {
            assert!(good(text), "{text}: {:?}", select(text, &["rooms".into(), "staff".into()]));
        }
    }

    #[test]
    fn what_does_more_or_reads_elsewhere_does_not() {
        for text in [
            "SELECT * FROM rooms; DROP TABLE rooms",
            "SELECT * FROM secrets",
            "SELECT * FROM rooms, secrets",
            "SELECT * FROM rooms JOIN secrets ON 1 = 1",
            "SELECT * FROM rooms UNION SELECT * FROM secrets",
            "SELECT (SELECT 1 FROM secrets) FROM rooms",
            "SELECT * FROM rooms -- x",
            "SELECT * FROM rooms /* x */",
            "SELECT pg_read_file('x') FROM rooms",
            "SELECT 1",
            "SELECT * FROM \"secrets\"",
            "SELECT * FROM public.rooms",
            "SELECT * FROM rooms WHERE name = 'x\\' OR 1=1",
            "SELECT * FROM rooms WHERE name = 'open",
            "UPDATE rooms SET x = 1",
            "",
        ] {
            assert!(!good(text), "{text}");
        }
    }
}
