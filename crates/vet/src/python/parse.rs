//! A tolerant parser of expressions: enough to see what is called with what.

use super::lex::Token;
use crate::limits::PYTHON_DEPTH_MAX;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A name.
    Name(String),
    /// A text or bytes.
    Text(String),
    /// A number.
    Number(i64),
    /// An f-string: what is in it.
    Format(Vec<Expr>, String),
    /// `value.name`.
    Attr(Box<Expr>, String),
    /// `callee(arguments)`; a keyword argument has its name.
    Call(Box<Expr>, Vec<(Option<String>, Expr)>),
    /// `value[index]`.
    Index(Box<Expr>, Box<Expr>),
    /// `[::-1]`.
    Reversed(Box<Expr>),
    /// Operands of `+`.
    Sum(Vec<Expr>),
    /// A list, tuple, set, dictionary, or operands of other operators.
    Many(Vec<Expr>),
    /// Nothing that matters.
    Nothing,
}

/// Reads expressions out of tokens.
pub struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// A parser of these tokens.
    pub const fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, at: 0, depth: 0 }
    }

    /// All of them as one expression.
    pub fn all(tokens: &'a [Token]) -> Expr {
        let mut parser = Self::new(tokens);
        let mut out = Vec::new();
        while parser.at < tokens.len() {
            let before = parser.at;
            out.push(parser.list());
            if parser.at == before {
                parser.at += 1;
            }
        }
        if out.len() == 1 { out.pop().unwrap_or(Expr::Nothing) } else { Expr::Many(out) }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn is_mark(&self, mark: &str) -> bool {
        matches!(self.peek(), Some(Token::Mark(found)) if *found == mark)
    }

    fn eat(&mut self, mark: &str) -> bool {
        let is = self.is_mark(mark);
        self.at += usize::from(is);
        is
    }

    /// Expressions with commas between them.
    fn list(&mut self) -> Expr {
        let mut items = vec![self.expression()];
        let mut many = false;
        while self.eat(",") || self.eat(":") || self.eat(":=") || self.eat("=") {
            many = true;
            if self.closes() {
                break;
            }
            items.push(self.expression());
        }
        if many { Expr::Many(items) } else { items.pop().unwrap_or(Expr::Nothing) }
    }

    fn closes(&self) -> bool {
        match self.peek() {
            None => true,
            Some(Token::Mark(mark)) => matches!(*mark, ")" | "]" | "}" | ";"),
            _ => false,
        }
    }

    /// Operands with operators between them.
    fn expression(&mut self) -> Expr {
        self.depth += 1;
        if self.depth > PYTHON_DEPTH_MAX {
            self.skip();
            self.depth -= 1;
            return Expr::Nothing;
        }
        let mut items = Vec::new();
        let mut sums = true;
        loop {
            items.push(self.operand());
            match self.peek() {
                Some(Token::Mark("+")) => self.at += 1,
                Some(Token::Mark(mark)) if is_operator(mark) => {
                    sums = false;
                    self.at += 1;
                }
                Some(Token::Name(word)) if is_operator_word(word) => {
                    sums = false;
                    self.at += 1;
                }
                Some(Token::Text(_) | Token::Format(..))
                    if matches!(items.last(), Some(Expr::Text(_) | Expr::Format(..))) => {}
                _ => break,
            }
        }
        self.depth -= 1;
        if items.len() == 1 {
            return items.pop().unwrap_or(Expr::Nothing);
        }
        if sums { Expr::Sum(items) } else { Expr::Many(items) }
    }

    /// Leaves out what is nested too deep.
    fn skip(&mut self) {
        let mut open = 0_i32;
        while let Some(token) = self.peek() {
            match token {
                Token::Mark("(" | "[" | "{") => open += 1,
                Token::Mark(")" | "]" | "}") => {
                    if open == 0 {
                        return;
                    }
                    open -= 1;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Passes over signs and words before an operand that leave what is known of it as it is.
    fn skip_prefixes(&mut self) {
        while let Some(token) = self.peek() {
            let prefix = match token {
                Token::Mark("-" | "~" | "*" | "**" | "+" | "@" | "!") => true,
                Token::Name(word) => {
                    matches!(word.as_str(), "not" | "await" | "yield" | "from" | "async")
                }
                _ => false,
            };
            if !prefix {
                break;
            }
            self.at += 1;
        }
    }

    fn operand(&mut self) -> Expr {
        self.skip_prefixes();
        let mut value = match self.peek() {
            Some(Token::Name(word)) if word == "lambda" => {
                self.at += 1;
                while self.at < self.tokens.len() && !self.is_mark(":") && !self.closes() {
                    self.at += 1;
                }
                self.eat(":");
                return self.expression();
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                Expr::Name(name.clone())
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Expr::Text(text.clone())
            }
            Some(Token::Format(parts, text)) => {
                self.at += 1;
                Expr::Format(parts.iter().map(|part| inner(part)).collect(), text.clone())
            }
            Some(Token::Number(number)) => {
                self.at += 1;
                Expr::Number(integer(number))
            }
            Some(Token::Mark("(")) => self.bracket(")"),
            Some(Token::Mark("[")) => match self.bracket("]") {
                Expr::Many(items) => Expr::Many(items),
                other => Expr::Many(vec![other]),
            },
            Some(Token::Mark("{")) => Expr::Many(vec![self.bracket("}")]),
            _ => return Expr::Nothing,
        };
        loop {
            if self.eat(".") {
                let Some(Token::Name(name)) = self.peek() else { break };
                self.at += 1;
                value = Expr::Attr(Box::new(value), name.clone());
            } else if self.is_mark("(") {
                let arguments = self.arguments();
                value = Expr::Call(Box::new(value), arguments);
            } else if self.is_mark("[") {
                let reversed = matches!(
                    self.tokens.get(self.at..self.at + 6),
                    Some([_, Token::Mark(":"), Token::Mark(":"), Token::Mark("-"), Token::Number(n),
                        Token::Mark("]")]) if n == "1"
                );
                let index = self.bracket("]");
                value = if reversed {
                    Expr::Reversed(Box::new(value))
                } else {
                    Expr::Index(Box::new(value), Box::new(index))
                };
            } else {
                return value;
            }
        }
        value
    }

    fn bracket(&mut self, close: &str) -> Expr {
        self.at += 1;
        self.depth += 1;
        let mut out = Vec::new();
        while self.at < self.tokens.len() && !self.is_mark(close) {
            let before = self.at;
            if self.depth > PYTHON_DEPTH_MAX {
                self.skip();
            } else {
                out.push(self.list());
            }
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat(close);
        if out.len() == 1 { out.pop().unwrap_or(Expr::Nothing) } else { Expr::Many(out) }
    }

    fn arguments(&mut self) -> Vec<(Option<String>, Expr)> {
        self.at += 1;
        let mut out = Vec::new();
        while self.at < self.tokens.len() && !self.is_mark(")") {
            let before = self.at;
            let name = match (self.peek(), self.tokens.get(self.at + 1)) {
                (Some(Token::Name(name)), Some(Token::Mark("="))) => {
                    self.at += 2;
                    Some(name.clone())
                }
                _ => None,
            };
            out.push((name, self.expression()));
            self.eat(",");
            if self.at == before {
                self.at += 1;
            }
        }
        self.eat(")");
        out
    }
}

fn is_operator(mark: &str) -> bool {
    matches!(
        mark,
        "-" | "*"
            | "/"
            | "//"
            | "%"
            | "**"
            | "@"
            | "&"
            | "|"
            | "^"
            | "<<"
            | ">>"
            | "=="
            | "!="
            | "<"
            | ">"
            | "<="
            | ">="
    )
}

fn is_operator_word(word: &str) -> bool {
    matches!(word, "and" | "or" | "in" | "is" | "if" | "else" | "not" | "for" | "async" | "as")
}

fn integer(number: &str) -> i64 {
    let plain = number.replace('_', "").to_lowercase();
    let parsed = if let Some(hex) = plain.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(octal) = plain.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else if let Some(binary) = plain.strip_prefix("0b") {
        i64::from_str_radix(binary, 2)
    } else {
        plain.parse()
    };
    parsed.unwrap_or(0)
}

/// The expression between the braces of an f-string.
fn inner(part: &str) -> Expr {
    let (lines, _) = super::lex::lines(part);
    lines.first().map_or(Expr::Nothing, |line| Parser::all(&line.tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::lex::lines;

    fn parse(source: &str) -> Expr {
        Parser::all(&lines(source).0[0].tokens)
    }

    #[test]
    fn calls_attributes_and_indexes_are_read() {
        let Expr::Call(callee, arguments) = parse("os.system('id', x=1)") else { panic!() };
        assert_eq!(*callee, Expr::Attr(Box::new(Expr::Name("os".into())), "system".into()));
        assert_eq!(arguments[0].1, Expr::Text("id".into()));
        assert_eq!(arguments[1].0.as_deref(), Some("x"));
        assert!(matches!(parse("a['b'](c)"), Expr::Call(..)));
        assert!(matches!(parse("'a' + 'b'"), Expr::Sum(_)));
        assert!(matches!(parse("x[::-1]"), Expr::Reversed(_)));
    }

    #[test]
    fn deep_nesting_ends() {
        let deep = format!("{}x{}", "(".repeat(10_000), ")".repeat(10_000));
        parse(&deep);
        parse(&"lambda: ".repeat(5_000));
        parse(&"[".repeat(5_000));
    }
}
