//! Follows names, texts and taint through a module, statement by statement: what is called, and
//! whether what is run, sent or written came from somewhere it should not.

mod assignment;
mod call;
mod import;
mod statement;
mod tokens;
mod value;

use std::collections::HashMap;

use tokens::definitions;

use super::effects::Effect;
use super::lex::Line;

/// Where a value comes from: bits.
pub mod taint {
    /// The network.
    pub const NETWORK: u8 = 1;
    /// Decoded or decompressed data.
    pub const DECODED: u8 = 2;
    /// Secrets: keys, tokens, the whole environment.
    pub const SECRET: u8 = 4;
    /// A file.
    pub const FILE: u8 = 8;
    /// What tells one machine or user from others.
    pub const HOST: u8 = 16;
    /// A parameter of the function that is looked at.
    pub const PARAMETER: u8 = 32;
}

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// The dotted name of what it is.
    pub path: Option<String>,
    /// Its text, if it is a known one.
    pub text: Option<String>,
    /// Where it comes from.
    pub taint: u8,
}

/// What a function does with its parameters, and what it gives back.
#[derive(Clone, Debug, Default)]
struct Summary {
    returns: u8,
    parameters_reach: Vec<Effect>,
}

/// Something that a module does.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What it is.
    pub effect: Effect,
    /// The callable, dotted.
    pub callee: String,
    /// The texts among its arguments.
    pub texts: Vec<String>,
    /// Where its arguments come from.
    pub taint: u8,
    /// The line, from 1.
    pub line: usize,
    /// Whether it happens when the module is imported.
    pub on_import: bool,
    /// Whether it is a statement of its own.
    pub bare: bool,
}

/// The analysis of one module.
#[derive(Debug, Default)]
pub struct Flow {
    scopes: Vec<HashMap<String, Value>>,
    /// Attributes of `self`, of all classes together.
    own: HashMap<String, Value>,
    functions: HashMap<String, Summary>,
    /// What was found.
    pub acts: Vec<Act>,
    /// Names that only an attack spells out, and their lines.
    pub insides: Vec<(String, usize)>,
    line: usize,
    in_function: Option<(String, usize)>,
    returns: u8,
    reach: Vec<Effect>,
    bare: bool,
    budget: usize,
    /// Names that the module itself defines.
    defined: std::collections::HashSet<String>,
}

const ACTS_MAX: usize = 2_000;
const WORK_MAX: usize = 3_000_000;

impl Flow {
    /// Analyses a module: once to learn what its functions do, once to see what happens.
    pub fn of(lines: &[Line]) -> Self {
        let mut first = Self::default();
        first.module(lines);
        let mut second = Self {
            functions: first.functions,
            own: first.own,
            defined: first.defined,
            ..Self::default()
        };
        second.module(lines);
        second
    }

    fn module(&mut self, lines: &[Line]) {
        self.scopes = vec![HashMap::new()];
        self.budget = WORK_MAX;
        for line in lines {
            self.defined.extend(definitions(line));
        }
        for line in lines {
            self.line = line.number;
            self.leave_functions(line.indent);
            self.statements(&line.tokens, line.indent);
        }
        self.leave_functions(0);
    }

    fn leave_functions(&mut self, indent: usize) {
        let Some((name, inside)) = self.in_function.clone() else { return };
        if indent > inside {
            return;
        }
        let reach = std::mem::take(&mut self.reach);
        let returns = std::mem::take(&mut self.returns);
        let summary = self.functions.entry(name).or_default();
        summary.returns |= returns;
        for effect in reach {
            if !summary.parameters_reach.contains(&effect) {
                summary.parameters_reach.push(effect);
            }
        }
        self.scopes.truncate(1);
        self.in_function = None;
    }

    fn act(&mut self, effect: Effect, callee: String, texts: Vec<String>, taint: u8) {
        if taint & taint::PARAMETER != 0 && self.reach.len() < 16 {
            self.reach.push(effect);
        }
        if self.acts.len() < ACTS_MAX {
            let on_import = self.scopes.len() <= 1;
            let taint = taint & !taint::PARAMETER;
            self.acts.push(Act {
                effect,
                callee,
                texts,
                taint,
                line: self.line,
                on_import,
                bare: self.bare,
            });
        }
    }
}
