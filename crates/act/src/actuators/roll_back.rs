//! Takes an earlier action back, whole, from what was written down before it began.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::{ActionId, ActionType, EffectClass, Plan, StepEffect};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::engine::take_back;
use crate::error::ActError;

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The action that is taken back.
    action: ActionId,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "roll_back",
        summary: "take an earlier action back",
        example: r#"{"action": "00000000-0000-7000-8000-000000000000"}"#,
        undo: "a plan that does the change again",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        serde_json::from_value(Value::Object(params.clone())).map_err(|error| error.to_string())
    }

    fn inspect(cx: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        let action = cx.shared.action(params.action)?;
        if action.plan.root.as_str() != cx.root.to_string_lossy() {
            return Err(ActError::refused("the action was on another root"));
        }
        Ok(StepEffect {
            class: EffectClass::RollBack,
            disruptive: true,
            preserves_evidence: true,
            ..super::observing(ActionType::RollBack)
        })
    }

    fn precheck(cx: &Context<'_>, params: &Params) -> Result<(), ActError> {
        if cx.shared.action(params.action)?.stands() {
            return Ok(());
        }
        Err(ActError::refused("the action does not stand: it failed, or was taken back before"))
    }

    fn prepare(_: &Context<'_>, _: &Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(cx: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        let action = cx.shared.action(params.action)?;
        (cx.say)("putting everything back");
        let undone = take_back(cx.shared, &action);
        if !undone.failed.is_empty() {
            let named: Vec<&str> = undone.failed.iter().map(String::as_str).take(8).collect();
            return Err(ActError::refused(format!(
                "{} things could not be put back: {}",
                undone.failed.len(),
                named.join("; ")
            )));
        }
        Ok(Applied {
            message: format!("action {} is taken back whole", params.action),
            result: json!({ "kept": undone.kept }),
            dry_run: None,
            took_back: Some(params.action),
        })
    }

    fn verify(_: &Context<'_>, _: &Params, _: &Value) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn undo(_: &Context<'_>, _: &Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        Ok(super::not_turned_round())
    }

    fn dry_run(_: &Context<'_>, _: &Plan, _: &Params) -> Result<Trial, ActError> {
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn exactly_one_action_is_named() {
        let parse = |text: &str| {
            let value: Value = serde_json::from_str(text).unwrap();
            Actuator::parse(value.as_object().unwrap())
        };
        assert!(parse(Actuator::DESCRIPTOR.example).is_ok());
        assert!(parse(r#"{"action": "../../etc"}"#).is_err());
        assert!(
            parse(r#"{"action": "00000000-0000-7000-8000-000000000000", "force": true}"#).is_err()
        );
    }
}
