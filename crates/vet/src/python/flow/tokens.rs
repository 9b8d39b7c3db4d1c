//! Takes the tokens of a statement apart.

use crate::python::lex::Token;

/// The name that a token is.
pub fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Name(name) => Some(name),
        _ => None,
    }
}

/// Where tokens of a kind stand outside of brackets.
pub fn top_level(tokens: &[Token], is: impl Fn(&Token) -> bool) -> Vec<usize> {
    let mut open = 0_i32;
    let mut out = Vec::new();
    let mut in_lambda = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark("(" | "[" | "{") => open += 1,
            Token::Mark(")" | "]" | "}") => open -= 1,
            Token::Name(name) if name == "lambda" => in_lambda = true,
            Token::Mark(":") if in_lambda => {
                in_lambda = false;
                continue;
            }
            _ => {}
        }
        if open == 0 && !in_lambda && is(token) {
            out.push(at);
        }
    }
    out
}

/// Head and body of a compound statement.
pub fn split_colon(tokens: &[Token]) -> (&[Token], &[Token]) {
    match top_level(tokens, |token| *token == Token::Mark(":")).first() {
        Some(at) => {
            (tokens.get(..*at).unwrap_or_default(), tokens.get(at + 1..).unwrap_or_default())
        }
        None => (tokens, &[]),
    }
}

/// The parts between commas.
pub fn split_commas(tokens: &[Token]) -> Vec<&[Token]> {
    // Names that are imported may stand in brackets.
    let tokens = match tokens {
        [Token::Mark("("), inner @ .., Token::Mark(")")] => inner,
        _ => tokens,
    };
    let mut out = Vec::new();
    let mut from = 0;
    for at in top_level(tokens, |token| *token == Token::Mark(",")) {
        out.push(tokens.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    out.push(tokens.get(from..).unwrap_or_default());
    out
}
