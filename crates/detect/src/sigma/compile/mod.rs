//! From the tree that the parser gives to atoms and conditions.

mod condition;
mod modifiers;

use std::collections::{BTreeMap, HashMap};

use rsigma_parser::{
    Detection, DetectionItem, Detections, Modifier, SigmaString, SigmaValue, SpecialChar,
    StringPart,
};

use crate::canonical::{self, Anchors};

use super::atom::{Atom, Field, LazyRegex, Network, Order, Piece, Place, Tables, Test};
use super::expr::Expr;
use super::fields::{ANY, FieldInterner, FieldKind};
use super::limits::{DEPTH_MAX, VALUES_MAX};
use super::text::{Interner, TextId, fold};
use condition::{all, any, condition_of};
use modifiers::{Mods, encodings};

/// Lists of the site by the name of their placeholder.
pub(super) type Placeholders = BTreeMap<String, Vec<String>>;

/// Takes rules in. Everything that is the same in two rules is kept once.
#[derive(Default)]
pub(super) struct Compiler {
    pub texts: Interner,
    pub fields: FieldInterner,
    pub atoms: Vec<Atom>,
    atom_ids: HashMap<Atom, u32>,
    globs: Vec<Box<[Piece]>>,
    glob_ids: HashMap<Box<[Piece]>, u32>,
    regexes: Vec<LazyRegex>,
    regex_ids: HashMap<String, u32>,
    networks: Vec<Network>,
    loose: Vec<TextId>,
    loose_ids: HashMap<Vec<TextId>, (u32, u32)>,
    /// Lists of the site that the rule at hand needs and that were not given.
    pub missing: Vec<String>,
}

/// What one item is compiled with.
struct Item<'a> {
    field: Field,
    kind: FieldKind,
    mods: Mods<'a>,
    /// Where a text stands if no modifier says.
    otherwise: Place,
    powershell: bool,
}

impl Compiler {
    /// The tables, once every rule is in.
    pub(super) fn finish(self) -> (Vec<Atom>, Tables, super::fields::Names) {
        let tables = Tables {
            texts: self.texts.finish(),
            globs: self.globs,
            regexes: self.regexes,
            networks: self.networks,
            loose: self.loose,
        };
        (self.atoms, tables, self.fields.finish())
    }

    /// The condition of a rule.
    pub(super) fn detections(
        &mut self,
        detections: &Detections,
        lists: &Placeholders,
    ) -> Result<Expr, String> {
        let about_powershell = detections.named.values().any(mentions_powershell);
        let mut names: Vec<&String> = detections.named.keys().collect();
        names.sort();
        let mut named = BTreeMap::new();
        for name in names {
            if let Some(detection) = detections.named.get(name) {
                let expr = self.detection(detection, about_powershell, lists, 0)?;
                named.insert(name.as_str(), expr);
            }
        }
        let conditions: Result<Vec<Expr>, String> = detections
            .conditions
            .iter()
            .map(|condition| condition_of(condition, &named, 0))
            .collect();
        let conditions = conditions?;
        if conditions.is_empty() {
            return Err("it has no condition".to_owned());
        }
        Ok(any(conditions))
    }

    fn detection(
        &mut self,
        detection: &Detection,
        powershell: bool,
        lists: &Placeholders,
        depth: usize,
    ) -> Result<Expr, String> {
        if depth > DEPTH_MAX {
            return Err(format!("its detections nest deeper than {DEPTH_MAX}"));
        }
        let mut each = |parts: &[Detection]| -> Result<Vec<Expr>, String> {
            parts.iter().map(|part| self.detection(part, powershell, lists, depth + 1)).collect()
        };
        match detection {
            Detection::AnyOf(parts) => Ok(any(each(parts)?)),
            Detection::And(parts) => Ok(all(each(parts)?)),
            Detection::AllOf(items) => {
                let items: Result<Vec<Expr>, String> =
                    items.iter().map(|item| self.item(item, powershell, lists)).collect();
                Ok(all(items?))
            }
            Detection::Keywords(values) => {
                let item = DetectionItem {
                    field: rsigma_parser::FieldSpec::new(None, Vec::new()),
                    values: values.clone(),
                };
                self.item(&item, powershell, lists)
            }
            Detection::ArrayMatch { .. } | Detection::Conditional { .. } => {
                Err("matching inside of lists is not part of Sigma 2".to_owned())
            }
        }
    }

    fn item(
        &mut self,
        item: &DetectionItem,
        powershell: bool,
        lists: &Placeholders,
    ) -> Result<Expr, String> {
        let mods = Mods(&item.field.modifiers);
        let name = item.field.name.as_deref().unwrap_or(ANY);
        let field = self.fields.add(name).ok_or_else(|| "there are too many fields".to_owned())?;
        let otherwise = if name == ANY { Place::Anywhere } else { Place::Whole };
        let kind = FieldKind::of(name);
        let item_of = Item { field, kind, mods, otherwise, powershell };
        if mods.has(Modifier::Exists) {
            let wanted = match item.values.first() {
                Some(SigmaValue::Bool(wanted)) => *wanted,
                Some(SigmaValue::String(text)) => !matches!(text.original.as_str(), "false" | "no"),
                _ => true,
            };
            return Ok(self.atom(field, Test::Exists(wanted), None));
        }
        let mut exprs = Vec::new();
        for value in &item.values {
            for value in self.expanded(value, mods, lists) {
                exprs.push(self.value(&item_of, &value)?);
                if exprs.len() > VALUES_MAX {
                    return Err(format!("an item has more than {VALUES_MAX} values"));
                }
            }
        }
        let combined = if mods.has(Modifier::All) { all(exprs) } else { any(exprs) };
        Ok(if mods.has(Modifier::Neq) { Expr::Not(Box::new(combined)) } else { combined })
    }

    fn value(&mut self, item: &Item<'_>, value: &SigmaValue) -> Result<Expr, String> {
        let mods = item.mods;
        if let Some(part) = mods.time() {
            let bits = number(value)?.to_bits();
            return Ok(self.atom(item.field, Test::Time { part, bits }, None));
        }
        if let Some(order) = mods.order() {
            let bits = number(value)?.to_bits();
            return Ok(self.atom(item.field, Test::Number { order, bits }, None));
        }
        let texts = mods.place(item.otherwise) != Place::Whole;
        let string = match value {
            SigmaValue::String(string) => string.clone(),
            SigmaValue::Null => return Ok(self.atom(item.field, Test::Null, None)),
            SigmaValue::Integer(number) if texts => SigmaString::from_raw(&number.to_string()),
            SigmaValue::Float(number) if texts => SigmaString::from_raw(&number.to_string()),
            SigmaValue::Bool(value) if texts => SigmaString::from_raw(&value.to_string()),
            SigmaValue::Bool(value) => return Ok(self.atom(item.field, Test::Bool(*value), None)),
            SigmaValue::Integer(_) | SigmaValue::Float(_) => {
                let bits = number(value)?.to_bits();
                let test = Test::Number { order: Order::Equal, bits };
                return Ok(self.atom(item.field, test, None));
            }
        };
        self.string(item, &string)
    }

    fn string(&mut self, item: &Item<'_>, string: &SigmaString) -> Result<Expr, String> {
        let mods = item.mods;
        let cased = mods.has(Modifier::Cased);
        if mods.has(Modifier::Re) {
            let regex = self.regex(&string.original, mods)?;
            return Ok(self.atom(item.field, Test::Regex(regex), None));
        }
        if mods.has(Modifier::Cidr) {
            let network = Network::parse(&string.original)
                .ok_or_else(|| format!("`{}` is no network", string.original))?;
            let place = self.networks.iter().position(|known| *known == network);
            let place = place.unwrap_or_else(|| {
                self.networks.push(network);
                self.networks.len() - 1
            });
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            return Ok(self.atom(item.field, Test::Network(place), None));
        }
        if mods.has(Modifier::FieldRef) {
            let other = self.fields.add(&string.original);
            let other = other.ok_or_else(|| "there are too many fields".to_owned())?;
            let place = mods.place(Place::Whole);
            return Ok(self.atom(item.field, Test::FieldRef { other, place, cased }, None));
        }
        let encoded = encodings(string, mods);
        if let Some(texts) = encoded {
            let place = mods.place(item.otherwise);
            let exprs = texts
                .iter()
                .map(|text| self.text(item, &[StringPart::Plain(text.clone())], place, cased))
                .collect();
            return Ok(any(exprs));
        }
        Ok(self.text(item, &string.parts, mods.place(item.otherwise), cased))
    }

    /// A text, with wildcards or without.
    fn text(&mut self, item: &Item<'_>, parts: &[StringPart], place: Place, cased: bool) -> Expr {
        let many = StringPart::Special(SpecialChar::WildcardMulti);
        // `*x*` is `contains x`, and so on.
        let (mut parts, mut place) = (parts, place);
        if parts.len() > 1
            && let (Some((first, rest)), Place::Whole | Place::End) = (parts.split_first(), place)
            && *first == many
        {
            place = Place::End;
            parts = rest;
        }
        if let (Some((last, rest)), Place::Whole | Place::Start | Place::End) =
            (parts.split_last(), place)
            && *last == many
            && !rest.is_empty()
        {
            place = if place == Place::End { Place::Anywhere } else { Place::Start };
            parts = rest;
        }
        let loose = self.loose(item, parts, place);
        let keep = |text: &str| if cased { text.to_owned() } else { fold(text) };
        if let [StringPart::Plain(text)] = parts {
            let text = self.texts.add(&keep(text));
            return self.atom(item.field, Test::Text { place, text, cased }, loose);
        }
        if parts.is_empty() {
            let text = self.texts.add("");
            return self.atom(item.field, Test::Text { place, text, cased }, loose);
        }
        let mut pieces = Vec::with_capacity(parts.len() + 2);
        if matches!(place, Place::Anywhere | Place::End) {
            pieces.push(Piece::Many);
        }
        for part in parts {
            let piece = match part {
                StringPart::Plain(text) => Piece::Text(self.texts.add(&keep(text))),
                StringPart::Special(SpecialChar::WildcardMulti) => Piece::Many,
                StringPart::Special(SpecialChar::WildcardSingle) => Piece::One,
            };
            if piece != Piece::Many || pieces.last() != Some(&Piece::Many) {
                pieces.push(piece);
            }
        }
        if matches!(place, Place::Anywhere | Place::Start) && pieces.last() != Some(&Piece::Many) {
            pieces.push(Piece::Many);
        }
        let glob = self.glob(pieces.into());
        self.atom(item.field, Test::Glob { glob, cased }, loose)
    }

    /// The patterns that stand for a text in a canonical view.
    fn loose(&mut self, item: &Item<'_>, parts: &[StringPart], place: Place) -> Option<(u32, u32)> {
        if item.kind == FieldKind::Plain {
            return None;
        }
        let last = parts.len().checked_sub(1)?;
        let mut patterns: Vec<TextId> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let StringPart::Plain(text) = part else { continue };
            let anchors = Anchors {
                start: at == 0 && matches!(place, Place::Whole | Place::Start),
                end: at == last && matches!(place, Place::Whole | Place::End),
            };
            // The view has neither white space nor this extension to be found by themselves.
            let says_nothing = text.trim().is_empty() || text.eq_ignore_ascii_case(".exe");
            if says_nothing && parts.len() > 1 {
                continue;
            }
            // A part that only the text as logged can answer: then the whole is.
            let found = canonical::needle(text, anchors, item.powershell)?;
            patterns.extend(found.iter().map(|pattern| self.texts.add(pattern)));
        }
        if !canonical::is_telling(patterns.iter().map(|pattern| self.texts.get(*pattern))) {
            return None;
        }
        if let Some(known) = self.loose_ids.get(&patterns) {
            return Some(*known);
        }
        let start = u32::try_from(self.loose.len()).ok()?;
        self.loose.extend(&patterns);
        let range = (start, u32::try_from(self.loose.len()).ok()?);
        self.loose_ids.insert(patterns, range);
        Some(range)
    }

    /// The values that a value stands for once its placeholders are filled in. A list that was not
    /// given is an empty one, and is remembered.
    fn expanded(
        &mut self,
        value: &SigmaValue,
        mods: Mods<'_>,
        lists: &Placeholders,
    ) -> Vec<SigmaValue> {
        let SigmaValue::String(string) = value else { return vec![value.clone()] };
        if !mods.has(Modifier::Expand) {
            return vec![value.clone()];
        }
        let mut pieces = string.original.split('%');
        let mut texts = vec![pieces.next().unwrap_or_default().to_owned()];
        while let (Some(name), Some(after)) = (pieces.next(), pieces.next()) {
            let list = lists.get(name);
            if list.is_none() && !self.missing.iter().any(|known| known == name) {
                self.missing.push(name.to_owned());
            }
            let values = list.into_iter().flatten();
            texts = texts
                .iter()
                .flat_map(|text| values.clone().map(move |value| format!("{text}{value}{after}")))
                .take(VALUES_MAX)
                .collect();
        }
        texts.iter().map(|text| SigmaValue::String(SigmaString::new(text))).collect()
    }

    fn regex(&mut self, pattern: &str, mods: Mods<'_>) -> Result<u32, String> {
        let mut flags = String::new();
        for (modifier, flag) in
            [(Modifier::IgnoreCase, 'i'), (Modifier::Multiline, 'm'), (Modifier::DotAll, 's')]
        {
            if mods.has(modifier) {
                flags.push(flag);
            }
        }
        let whole =
            if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
        if let Some(known) = self.regex_ids.get(&whole) {
            return Ok(*known);
        }
        let place = u32::try_from(self.regexes.len()).unwrap_or(u32::MAX);
        self.regexes.push(LazyRegex::new(whole.clone())?);
        self.regex_ids.insert(whole, place);
        Ok(place)
    }

    fn glob(&mut self, pieces: Box<[Piece]>) -> u32 {
        if let Some(known) = self.glob_ids.get(&pieces) {
            return *known;
        }
        let place = u32::try_from(self.globs.len()).unwrap_or(u32::MAX);
        self.globs.push(pieces.clone());
        self.glob_ids.insert(pieces, place);
        place
    }

    fn atom(&mut self, field: Field, test: Test, loose: Option<(u32, u32)>) -> Expr {
        let atom = Atom { field, test, loose };
        if let Some(known) = self.atom_ids.get(&atom) {
            return Expr::Atom(*known);
        }
        let place = u32::try_from(self.atoms.len()).unwrap_or(u32::MAX);
        self.atoms.push(atom.clone());
        self.atom_ids.insert(atom, place);
        Expr::Atom(place)
    }

    /// The texts of an atom that values are searched for, longest first: one of them stands in
    /// every value that passes, in its lower case or in its view. `None` where nothing is sure.
    pub(super) fn literals(&self, atom: &Atom) -> Option<Vec<&str>> {
        let strict = match &atom.test {
            Test::Text { text, .. } => self.texts.get(*text),
            Test::Glob { glob, .. } => self
                .globs
                .get(*glob as usize)?
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(self.texts.get(*text)),
                    _ => None,
                })
                .max_by_key(|text| text.len())?,
            _ => return None,
        };
        let mut found = vec![strict];
        if let Some((from, to)) = atom.loose {
            let patterns = self.loose.get(from as usize..to as usize)?;
            let cores = patterns.iter().map(|one| canonical::core(self.texts.get(*one)));
            found.extend(cores.max_by_key(|core| core.len()));
        }
        Some(found)
    }
}

fn number(value: &SigmaValue) -> Result<f64, String> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "rules compare small numbers")]
        SigmaValue::Integer(number) => Ok(*number as f64),
        SigmaValue::Float(number) => Ok(*number),
        SigmaValue::String(text) => {
            text.original.trim().parse().map_err(|_| format!("`{}` is no number", text.original))
        }
        SigmaValue::Bool(_) | SigmaValue::Null => Err("a number is compared with no number".into()),
    }
}

/// Whether a detection looks for PowerShell somewhere.
fn mentions_powershell(detection: &Detection) -> bool {
    let mentions = |values: &[SigmaValue]| {
        values.iter().any(|value| match value {
            SigmaValue::String(text) => {
                let text = text.original.to_ascii_lowercase();
                text.contains("powershell") || text.contains("pwsh")
            }
            _ => false,
        })
    };
    match detection {
        Detection::AllOf(items) => items.iter().any(|item| mentions(&item.values)),
        Detection::AnyOf(parts) | Detection::And(parts) => parts.iter().any(mentions_powershell),
        Detection::Keywords(values) => mentions(values),
        Detection::ArrayMatch { .. } | Detection::Conditional { .. } => false,
    }
}
