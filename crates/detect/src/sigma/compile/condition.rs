//! The condition of a rule, over its named detections.

use std::collections::BTreeMap;

use rsigma_parser::{ConditionExpr, Quantifier, SelectorPattern};

use super::super::expr::Expr;
use super::super::limits::DEPTH_MAX;

/// What holds where all parts hold.
pub(super) fn all(mut parts: Vec<Expr>) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            Expr::All(parts)
        }
    }
}

/// What holds where one part holds.
pub(super) fn any(mut parts: Vec<Expr>) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            Expr::Any(parts)
        }
    }
}

/// The condition over named detections.
pub(super) fn condition_of(
    condition: &ConditionExpr,
    named: &BTreeMap<&str, Expr>,
    depth: usize,
) -> Result<Expr, String> {
    if depth > DEPTH_MAX {
        return Err(format!("its condition nests deeper than {DEPTH_MAX}"));
    }
    let each = |parts: &[ConditionExpr]| -> Result<Vec<Expr>, String> {
        parts.iter().map(|part| condition_of(part, named, depth + 1)).collect()
    };
    match condition {
        ConditionExpr::And(parts) => Ok(all(each(parts)?)),
        ConditionExpr::Or(parts) => Ok(any(each(parts)?)),
        ConditionExpr::Not(part) => Ok(Expr::Not(Box::new(condition_of(part, named, depth + 1)?))),
        ConditionExpr::Identifier(name) => named
            .get(name.as_str())
            .cloned()
            .ok_or_else(|| format!("its condition names `{name}`, which is not there")),
        ConditionExpr::Selector { quantifier, pattern } => {
            let parts: Vec<Expr> = named
                .iter()
                .filter(|(name, _)| pattern.matches_detection_name(name))
                .map(|(_, expr)| expr.clone())
                .collect();
            if parts.is_empty() {
                let SelectorPattern::Pattern(pattern) = pattern else {
                    return Err("its condition has nothing to choose from".to_owned());
                };
                return Err(format!("its condition names `{pattern}`, which is not there"));
            }
            Ok(match quantifier {
                Quantifier::Any => any(parts),
                Quantifier::All => all(parts),
                Quantifier::Count(least) => {
                    Expr::Count(u32::try_from(*least).unwrap_or(u32::MAX), parts)
                }
            })
        }
    }
}
