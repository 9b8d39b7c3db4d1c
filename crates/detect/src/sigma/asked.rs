//! What the rules of each log source ask of an event.

use std::collections::HashSet;

use super::atom::{Field, Test};
use super::compile::Compiler;
use super::expr::Expr;
use super::pack::{Draft, OfKind};

/// For each log source whether one of its rules looks for words in any field.
pub(super) fn words_by_log_source(
    drafts: &[Draft],
    compiler: &Compiler,
    count: usize,
) -> Vec<bool> {
    let mut words = vec![false; count];
    for draft in drafts {
        if let Some(slot) = words.get_mut(usize::from(draft.log_source)) {
            *slot |= asks_any(&draft.expr, compiler);
        }
    }
    words
}

/// For each log source the fields that its rules ask for.
pub(super) fn asked_by_log_source(
    drafts: &[Draft],
    compiler: &Compiler,
    count: usize,
) -> Vec<HashSet<Field>> {
    let mut asked = vec![HashSet::new(); count];
    for draft in drafts {
        if let Some(fields) = asked.get_mut(usize::from(draft.log_source)) {
            asks(&draft.expr, compiler, fields);
        }
    }
    asked
}

fn asks(expr: &Expr, compiler: &Compiler, fields: &mut HashSet<Field>) {
    match expr {
        Expr::Atom(atom) => {
            let Some(atom) = compiler.atoms.get(*atom as usize) else { return };
            fields.insert(atom.field);
            if let Test::FieldRef { other, .. } = atom.test {
                fields.insert(other);
            }
        }
        Expr::All(parts) | Expr::Any(parts) | Expr::Count(_, parts) => {
            for part in parts {
                asks(part, compiler, fields);
            }
        }
        Expr::Not(part) => asks(part, compiler, fields),
    }
}

/// Says of each kind which fields its rules ask for.
pub(super) fn with_asked(
    mut kinds: Vec<OfKind>,
    asked: &[HashSet<Field>],
    grouping: &[Field],
    fields: usize,
) -> Vec<OfKind> {
    for kind in &mut kinds {
        let mut of_kind = vec![false; fields];
        let sources = kind.log_sources.iter().zip(asked).filter(|(holds, _)| **holds);
        for field in sources.flat_map(|(_, fields)| fields).chain(grouping) {
            if let Some(slot) = of_kind.get_mut(usize::from(field.0)) {
                *slot = true;
            }
        }
        kind.asked = of_kind;
    }
    kinds
}

fn asks_any(expr: &Expr, compiler: &Compiler) -> bool {
    match expr {
        Expr::Atom(atom) => compiler
            .atoms
            .get(*atom as usize)
            .is_some_and(|atom| compiler.fields.name(atom.field) == super::fields::ANY),
        Expr::All(parts) | Expr::Any(parts) | Expr::Count(_, parts) => {
            parts.iter().any(|part| asks_any(part, compiler))
        }
        Expr::Not(part) => asks_any(part, compiler),
    }
}

/// Whether a rule tells texts apart by white space alone: it looks for `cmd /c` and not for
/// `cmd /c `. In a canonical view the two are one, so such a rule is asked of the text as logged
/// only.
pub(super) fn tells_by_spaces(expr: &Expr, compiler: &Compiler) -> bool {
    let (mut wanted, mut unwanted) = (HashSet::new(), HashSet::new());
    texts(expr, compiler, &mut wanted, &mut unwanted);
    wanted.iter().any(|(field, text)| {
        let trimmed = text.trim();
        let spaced = |other: &&(Field, String)| other.0 == *field && other.1.trim() == trimmed;
        unwanted.iter().find(spaced).is_some_and(|other| other.1 != *text)
    })
}

type Fielded = HashSet<(Field, String)>;

fn texts(expr: &Expr, compiler: &Compiler, wanted: &mut Fielded, unwanted: &mut Fielded) {
    match expr {
        Expr::Atom(atom) => {
            let Some(atom) = compiler.atoms.get(*atom as usize) else { return };
            if let Test::Text { text, .. } = atom.test {
                wanted.insert((atom.field, compiler.texts.get(text).to_owned()));
            }
        }
        Expr::All(parts) | Expr::Any(parts) | Expr::Count(_, parts) => {
            for part in parts {
                texts(part, compiler, wanted, unwanted);
            }
        }
        Expr::Not(part) => texts(part, compiler, unwanted, wanted),
    }
}
