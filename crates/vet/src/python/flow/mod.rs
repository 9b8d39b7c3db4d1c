//! Follows names, texts, containers and taint through a module: what is called, whether what is
//! run, sent or written came from somewhere it should not, and whether it happens on import.
//!
//! Every statement is looked at, whether it is reached or not. A module is gone through a few
//! times: what functions are given and give back, and what names and attributes are set to
//! anywhere, is known from the time before.

mod assignment;
mod call;
mod fold;
mod import;
mod known;
mod library;
mod method;
mod reach;
mod statement;
mod tokens;
mod value;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

pub use call::Given;
pub use known::Value;

use super::effects::Effect;
use super::lex::Line;

/// Where a value comes from: bits.
pub mod taint {
    /// The network.
    pub const NETWORK: u16 = 1;
    /// Decoded or decompressed data.
    pub const DECODED: u16 = 2;
    /// Secrets: keys, tokens, the whole environment.
    pub const SECRET: u16 = 4;
    /// A file.
    pub const FILE: u16 = 8;
    /// What tells one machine or user from others.
    pub const HOST: u16 = 16;
    /// A parameter of the function that is looked at.
    pub const PARAMETER: u16 = 32;
    /// A file of another repository of models.
    pub const HUB: u16 = 64;
    /// The place of an installed package.
    pub const PACKAGE: u16 = 128;
}

/// What a function is given and gives back, of all calls together.
#[derive(Clone, Debug, Default)]
struct Function {
    parameters: Vec<String>,
    given: HashMap<String, Value>,
    returns: Value,
}

/// Something that a module does.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What it is.
    pub effect: Effect,
    /// The callable, dotted.
    pub callee: String,
    /// The texts among its arguments.
    pub texts: Vec<Rc<str>>,
    /// Where its arguments come from.
    pub taint: u16,
    /// The line, from 1.
    pub line: usize,
    /// Whether it happens when the module is imported.
    pub on_import: bool,
    /// Whether it is a statement of its own.
    pub bare: bool,
    /// In which function it stands.
    within: Option<Rc<str>>,
}

/// The names of a function, class or module while it is gone through.
#[derive(Debug, Default)]
struct Scope {
    name: Rc<str>,
    is_class: bool,
    names: HashMap<String, Value>,
    globals: HashSet<String>,
}

/// An indented block.
#[derive(Debug)]
struct Block {
    indent: usize,
    /// Whether it has names of its own.
    scope: bool,
    /// Whether it may be passed over.
    branch: bool,
    /// Whether it only runs when the file is started as a program.
    main: bool,
}

/// The analysis of one module.
#[derive(Debug, Default)]
pub struct Flow {
    scopes: Vec<Scope>,
    blocks: Vec<Block>,
    /// All that names were set to, the time before and this time.
    before: HashMap<Rc<str>, HashMap<String, Value>>,
    now: HashMap<Rc<str>, HashMap<String, Value>>,
    /// Attributes of the module's own objects, of all classes together.
    own: HashMap<String, Value>,
    functions: HashMap<String, Function>,
    /// The classes of the module, and what they are derived from.
    classes: HashMap<String, Vec<String>>,
    /// Which functions are called or handed on, and where.
    references: HashMap<Rc<str>, HashSet<String>>,
    /// Modules of which all names were imported.
    stars: Vec<String>,
    /// Files that were written with what came from the network.
    fetched: HashSet<Rc<str>>,
    /// Decorators of the function or class that comes next.
    decorators: Vec<Value>,
    lambdas: usize,
    /// How deep texts are evaluated within texts.
    evaluating: u8,
    /// What was found.
    pub acts: Vec<Act>,
    /// Names that only an attack spells out, and their lines.
    pub insides: Vec<(String, usize)>,
    line: usize,
    bare: bool,
    budget: usize,
    text_budget: usize,
    /// Names that the module itself defines.
    defined: HashSet<String>,
}

const ACTS_MAX: usize = 2_000;
const WORK_MAX: usize = 3_000_000;
/// The most bytes of text that are put together in one go through a module.
const TEXT_MAX: usize = 16 << 20;
/// The most functions and classes that are looked into at once.
const SCOPES_MAX: usize = 16;
/// How often a module is gone through.
const TIMES: usize = 4;

impl Flow {
    /// Analyses a module.
    pub fn of(lines: &[Line]) -> Self {
        let mut flow = Self::default();
        for _ in 0..TIMES {
            let last = std::mem::take(&mut flow);
            flow = Self {
                before: last.now,
                functions: last.functions,
                classes: last.classes,
                own: last.own,
                fetched: last.fetched,
                defined: last.defined,
                ..Self::default()
            };
            flow.module(lines);
        }
        flow.tell_import();
        flow
    }

    fn module(&mut self, lines: &[Line]) {
        self.scopes = vec![Scope::default()];
        self.budget = WORK_MAX;
        self.text_budget = TEXT_MAX;
        for line in lines {
            self.line = line.number;
            self.leave(line.indent);
            self.statements(&line.tokens, line.indent);
        }
        self.leave(0);
    }

    /// Leaves the blocks that a line with this indentation does not belong to.
    fn leave(&mut self, indent: usize) {
        while self.blocks.last().is_some_and(|block| block.indent >= indent) {
            if self.blocks.pop().is_some_and(|block| block.scope) && self.scopes.len() > 1 {
                self.scopes.pop();
            }
        }
    }

    /// The function that is looked at, if it is not the module's body.
    fn function(&self) -> Option<Rc<str>> {
        if self.blocks.iter().any(|block| block.main) {
            return Some("<main>".into());
        }
        self.scopes
            .iter()
            .skip(1)
            .rev()
            .find(|scope| !scope.is_class)
            .map(|scope| Rc::clone(&scope.name))
    }

    /// The class whose body or method is looked at.
    fn class(&self) -> Option<Rc<str>> {
        self.scopes.iter().rev().find(|scope| scope.is_class).map(|scope| Rc::clone(&scope.name))
    }

    fn act(&mut self, effect: Effect, callee: impl Into<String>, texts: Vec<Rc<str>>, taint: u16) {
        if self.acts.len() < ACTS_MAX {
            self.acts.push(Act {
                effect,
                callee: callee.into(),
                texts,
                taint,
                line: self.line,
                on_import: false,
                bare: self.bare,
                within: self.function(),
            });
        }
    }

    /// A text that was put together, within what may be put together.
    fn made(&mut self, text: String) -> Option<Rc<str>> {
        self.text_budget = self.text_budget.checked_sub(text.len() + 16)?;
        Some(text.into())
    }
}
