//! A tolerant parser of expressions: enough to see what is called with what.

use super::lex::{Token, integer};
use crate::limits::PYTHON_DEPTH_MAX;

/// An argument of a call: a keyword argument has its name.
pub type Argument = (Option<String>, Expr);

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A name.
    Name(String),
    /// A text or bytes.
    Text(String),
    /// A number.
    Number(i64),
    /// An f-string: what is in it, and its text with a NUL for each.
    Format(Vec<Expr>, String),
    /// `value.name`.
    Attr(Box<Expr>, String),
    /// `callee(arguments)`.
    Call(Box<Expr>, Vec<Argument>),
    /// `value[index]`.
    Index(Box<Expr>, Box<Expr>),
    /// `value[start:stop:step]`, as far as the bounds are plain numbers.
    Slice(Box<Expr>, [Option<i64>; 3]),
    /// Operands with operators of one rank between them.
    Chain(Box<Expr>, Vec<(&'static str, Expr)>),
    /// One of several: `a or b`, `a if c else b`. The first is only worked out.
    Choice(Box<Expr>, Vec<Expr>),
    /// A list, tuple or set.
    List(Vec<Expr>),
    /// A dictionary; `**other` has no key.
    Dict(Vec<(Expr, Expr)>),
    /// A function without a name: its parameters, and what it gives.
    Lambda(Vec<String>, Box<Expr>),
    /// A comprehension: what it gives, the names it binds to what, its conditions.
    Each(Box<Expr>, Vec<(Vec<String>, Expr)>, Vec<Expr>),
    /// `name := value`.
    Let(String, Box<Expr>),
    /// `*value` or `**value`.
    Star(Box<Expr>),
    /// Several that have nothing else in common.
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
    /// All tokens as one expression.
    pub fn all(tokens: &'a [Token]) -> Expr {
        let mut parser = Self { tokens, at: 0, depth: 0 };
        let mut out = Vec::new();
        while parser.at < tokens.len() {
            let before = parser.at;
            out.push(parser.list(|_| false));
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

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    /// Expressions with commas between them, until `end`.
    fn list(&mut self, end: impl Fn(&Self) -> bool) -> Expr {
        let mut items = vec![self.item()];
        let mut many = false;
        while self.eat(",") {
            many = true;
            if self.at >= self.tokens.len() || end(self) {
                break;
            }
            items.push(self.item());
        }
        if many { Expr::List(items) } else { items.pop().unwrap_or(Expr::Nothing) }
    }

    /// One item of a list: an expression, `*expression`, or a comprehension.
    fn item(&mut self) -> Expr {
        if self.eat("*") || self.eat("**") {
            return Expr::Star(Box::new(self.expression()));
        }
        let item = self.expression();
        self.clauses(item)
    }

    /// Goes on with `for ... in ... if ...` behind what it gives, if that follows.
    fn clauses(&mut self, item: Expr) -> Expr {
        let (mut loops, mut conditions) = (Vec::new(), Vec::new());
        loop {
            if self.is_word("async") {
                self.at += 1;
            } else if self.eat_word("for") {
                let mut names = Vec::new();
                while let Some(token) = self.peek().filter(|_| !self.is_word("in")) {
                    if let Token::Name(name) = token {
                        names.push(name.clone());
                    }
                    self.at += 1;
                }
                self.eat_word("in");
                loops.push((names, self.either()));
            } else if !loops.is_empty() && self.eat_word("if") {
                conditions.push(self.either());
            } else {
                break;
            }
        }
        if loops.is_empty() { item } else { Expr::Each(Box::new(item), loops, conditions) }
    }

    /// An expression with everything that may stand outside of brackets.
    fn expression(&mut self) -> Expr {
        self.depth += 1;
        let value = if self.depth > PYTHON_DEPTH_MAX {
            self.skip();
            Expr::Nothing
        } else {
            let first = self.either();
            if self.is_mark(":=")
                && let Expr::Name(name) = first
            {
                self.at += 1;
                Expr::Let(name, Box::new(self.expression()))
            } else if self.eat_word("if") {
                let condition = self.either();
                let other = if self.eat_word("else") { self.expression() } else { Expr::Nothing };
                Expr::Choice(Box::new(condition), vec![first, other])
            } else {
                first
            }
        };
        self.depth -= 1;
        value
    }

    /// Operands of `and` and `or`.
    fn either(&mut self) -> Expr {
        let mut items = vec![self.operation(0)];
        while self.eat_word("or") || self.eat_word("and") {
            items.push(self.operation(0));
        }
        if items.len() > 1 {
            return Expr::Choice(Box::new(Expr::Nothing), items);
        }
        items.pop().unwrap_or(Expr::Nothing)
    }

    /// Operands with operators between them that bind at least as `rank`.
    fn operation(&mut self, rank: u8) -> Expr {
        let mut left = self.operand();
        while let Some((_, own)) = self.operator().filter(|(_, own)| *own >= rank) {
            let mut rest = Vec::new();
            while let Some((sign, _)) = self.operator().filter(|(_, next)| *next == own) {
                self.at += 1;
                // `not in` and `is not`
                if self.is_word("in") || self.is_word("not") {
                    self.at += 1;
                }
                rest.push((sign, self.operation(own + 1)));
            }
            left = Expr::Chain(Box::new(left), rest);
        }
        left
    }

    /// The operator that stands here, and how strongly it binds.
    fn operator(&self) -> Option<(&'static str, u8)> {
        let sign = match self.peek()? {
            Token::Mark(mark) => *mark,
            Token::Name(word) if matches!(word.as_str(), "in" | "is" | "not") => "in",
            _ => return None,
        };
        let rank = match sign {
            "in" | "==" | "!=" | "<" | ">" | "<=" | ">=" => 0,
            "|" => 1,
            "^" => 2,
            "&" => 3,
            "<<" | ">>" => 4,
            "+" | "-" => 5,
            "*" | "/" | "//" | "%" | "@" => 6,
            "**" => 7,
            _ => return None,
        };
        Some((sign, rank))
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
    /// Says whether it is negative.
    fn skip_prefixes(&mut self) -> bool {
        let mut negative = false;
        while let Some(token) = self.peek() {
            let prefix = match token {
                Token::Mark("-") => {
                    negative = !negative;
                    true
                }
                Token::Mark("~" | "+" | "@" | "!" | "*" | "**") => true,
                Token::Name(word) => {
                    matches!(word.as_str(), "not" | "await" | "yield" | "from")
                }
                _ => false,
            };
            if !prefix {
                break;
            }
            self.at += 1;
        }
        negative
    }

    fn operand(&mut self) -> Expr {
        let negative = self.skip_prefixes();
        let value = match self.peek() {
            Some(Token::Name(word)) if word == "lambda" => return self.lambda(),
            Some(Token::Name(name)) => {
                self.at += 1;
                Expr::Name(name.clone())
            }
            Some(Token::Text(_) | Token::Format(..)) => self.text(),
            Some(Token::Number(number)) => {
                self.at += 1;
                let number = integer(number);
                Expr::Number(if negative { number.wrapping_neg() } else { number })
            }
            Some(Token::Mark("(")) => self.bracket(")"),
            Some(Token::Mark("[")) => match self.bracket("]") {
                Expr::List(items) => Expr::List(items),
                each @ Expr::Each(..) => each,
                Expr::Nothing => Expr::List(Vec::new()),
                other => Expr::List(vec![other]),
            },
            Some(Token::Mark("{")) => self.braces(),
            _ => return Expr::Nothing,
        };
        self.trailers(value)
    }

    /// Texts that stand beside each other are one.
    fn text(&mut self) -> Expr {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Text(text)) => parts.push(Expr::Text(text.clone())),
                Some(Token::Format(inside, text)) => {
                    let inside = inside.iter().map(|part| inner(part)).collect();
                    parts.push(Expr::Format(inside, text.clone()));
                }
                _ => break,
            }
            self.at += 1;
        }
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or(Expr::Nothing);
        let rest: Vec<_> = parts.map(|part| ("+", part)).collect();
        if rest.is_empty() { first } else { Expr::Chain(Box::new(first), rest) }
    }

    fn lambda(&mut self) -> Expr {
        self.at += 1;
        let (mut names, mut defaults) = (Vec::new(), Vec::new());
        while let Some(token) = self.peek().filter(|_| !self.is_mark(":")) {
            let before = self.at;
            match token {
                Token::Name(name) => {
                    names.push(name.clone());
                    self.at += 1;
                }
                Token::Mark("=") => {
                    self.at += 1;
                    defaults.push(self.expression());
                }
                Token::Mark("," | "*" | "**" | "/") => self.at += 1,
                _ => break,
            }
            self.at = self.at.max(before + 1);
        }
        self.eat(":");
        let body = self.expression();
        let lambda = Expr::Lambda(names, Box::new(body));
        if defaults.is_empty() {
            return lambda;
        }
        Expr::Choice(Box::new(Expr::Many(defaults)), vec![lambda])
    }

    fn trailers(&mut self, mut value: Expr) -> Expr {
        // Each one makes the tree one deeper, and it is worked out and dropped by recursion.
        let mut left = TRAILERS_MAX;
        while left > 0 {
            left -= 1;
            if self.eat(".") {
                let Some(Token::Name(name)) = self.peek() else { break };
                self.at += 1;
                value = Expr::Attr(Box::new(value), name.clone());
            } else if self.is_mark("(") {
                value = Expr::Call(Box::new(value), self.arguments());
            } else if self.is_mark("[") {
                value = self.subscript(value);
            } else {
                break;
            }
        }
        value
    }

    fn subscript(&mut self, of: Expr) -> Expr {
        let start = self.at;
        if let Some((bounds, after)) = slice(self.tokens.get(start + 1..).unwrap_or_default()) {
            self.at = start + 1 + after;
            return Expr::Slice(Box::new(of), bounds);
        }
        Expr::Index(Box::new(of), Box::new(self.bracket("]")))
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
                out.push(self.list(|parser| parser.is_mark(close)));
            }
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat(close);
        match out.len() {
            0 => Expr::Nothing,
            1 => out.pop().unwrap_or(Expr::Nothing),
            _ => Expr::Many(out),
        }
    }

    /// A dictionary or set.
    fn braces(&mut self) -> Expr {
        self.at += 1;
        self.depth += 1;
        let (mut pairs, mut items) = (Vec::new(), Vec::new());
        while self.at < self.tokens.len() && !self.is_mark("}") {
            let before = self.at;
            if self.depth > PYTHON_DEPTH_MAX {
                self.skip();
            } else if self.eat("**") {
                pairs.push((Expr::Nothing, self.expression()));
            } else {
                let first = self.item();
                if self.eat(":") {
                    let value = self.expression();
                    match self.clauses(value) {
                        Expr::Each(value, loops, conditions) => {
                            let pair = Expr::List(vec![first, *value]);
                            items.push(Expr::Each(Box::new(pair), loops, conditions));
                        }
                        value => pairs.push((first, value)),
                    }
                } else {
                    items.push(first);
                }
            }
            self.eat(",");
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat("}");
        match (pairs.is_empty(), items.len()) {
            (false, 0) => Expr::Dict(pairs),
            (true, 1) if matches!(items.first(), Some(Expr::Each(..))) => {
                items.pop().unwrap_or(Expr::Nothing)
            }
            _ => {
                items.extend(pairs.into_iter().map(|(_, value)| value));
                Expr::List(items)
            }
        }
    }

    fn arguments(&mut self) -> Vec<Argument> {
        self.at += 1;
        self.depth += 1;
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
            if self.depth > PYTHON_DEPTH_MAX {
                self.skip();
            } else {
                out.push((name, self.item()));
            }
            self.eat(",");
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        self.eat(")");
        out
    }
}

/// The most attributes, calls and indexes that are followed behind one value.
const TRAILERS_MAX: usize = 200;

/// The bounds of a slice of plain numbers, and how many tokens they take with the closing bracket.
fn slice(tokens: &[Token]) -> Option<([Option<i64>; 3], usize)> {
    let mut bounds = [None; 3];
    let (mut place, mut negative) = (0, false);
    for (at, token) in tokens.iter().take(10).enumerate() {
        match token {
            Token::Mark(":") => {
                place += 1;
                negative = false;
            }
            Token::Mark("-") => negative = true,
            Token::Number(number) => {
                let number = integer(number);
                *bounds.get_mut(place)? = Some(if negative { -number } else { number });
            }
            Token::Mark("]") if place > 0 => return Some((bounds, at + 1)),
            _ => return None,
        }
    }
    None
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
        assert!(matches!(parse("'a' + 'b'"), Expr::Chain(..)));
        assert!(matches!(parse("x[::-1]"), Expr::Slice(_, [None, None, Some(-1)])));
        assert!(matches!(parse("x[1:n]"), Expr::Index(..)));
    }

    #[test]
    fn what_binds_names_and_chooses_is_read() {
        assert!(
            matches!(parse("(m := f()) and m.g()"), Expr::Choice(_, items) if items.len() == 2)
        );
        assert!(
            matches!(parse("a if b else c"), Expr::Choice(on, _) if *on == Expr::Name("b".into()))
        );
        assert!(matches!(parse("[f(x) for x in y if x]"), Expr::Each(_, loops, conditions)
            if loops.len() == 1 && conditions.len() == 1));
        assert!(matches!(parse("f(g(x) for x in y)"), Expr::Call(_, arguments)
            if matches!(arguments[0].1, Expr::Each(..))));
        assert!(matches!(parse("{'a': 1, **b}"), Expr::Dict(pairs) if pairs.len() == 2));
        assert!(matches!(parse("lambda x, y=1: x"), Expr::Choice(..)));
        assert!(matches!(parse("a, *b"), Expr::List(items) if items.len() == 2));
        assert!(matches!(parse("[]"), Expr::List(items) if items.is_empty()));
    }

    #[test]
    fn deep_nesting_and_long_chains_end() {
        let deep = format!("{}x{}", "(".repeat(10_000), ")".repeat(10_000));
        parse(&deep);
        for part in
            ["lambda: ", "[", "{", "{1:", "f(", "not ", "x if ", "a+b*", "x.y", "x[0]", "x()"]
        {
            parse(&part.repeat(5_000));
        }
        parse(&format!("x{}", ".y[1]()".repeat(50_000)));
    }
}
