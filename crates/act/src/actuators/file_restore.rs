//! Puts a quarantined file back exactly as it was: the roll-back of one quarantine, by its action.

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
    /// The action that moved the file away.
    action: ActionId,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "file.restore",
        summary: "put a quarantined file back",
        example: r#"{"action": "00000000-0000-7000-8000-000000000000"}"#,
        undo: "a plan that moves the file away again",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        serde_json::from_value(Value::Object(params.clone())).map_err(|error| error.to_string())
    }

    fn inspect(cx: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        let action = cx.shared.action(params.action)?;
        let moved_away = action.plan.steps.iter().all(|step| step.actuator == "file.quarantine");
        if !moved_away || action.plan.root.as_str() != cx.root.to_string_lossy() {
            return Err(ActError::refused("the action did not move a file of this root away"));
        }
        Ok(StepEffect {
            class: EffectClass::RollBack,
            preserves_evidence: true,
            ..super::observing(ActionType::RestoreFile)
        })
    }

    fn precheck(cx: &Context<'_>, params: &Params) -> Result<(), ActError> {
        if cx.shared.action(params.action)?.stands() {
            return Ok(());
        }
        Err(ActError::refused("the file was put back before, or never moved away"))
    }

    fn prepare(_: &Context<'_>, _: &Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(cx: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        let undone = take_back(cx.shared, &cx.shared.action(params.action)?);
        if let Some(first) = undone.failed.first() {
            return Err(ActError::refused(format!("the file could not be put back: {first}")));
        }
        Ok(Applied {
            message: "the file is back as it was".to_owned(),
            result: json!({}),
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
        let parse = |value: Value| Actuator::parse(value.as_object().unwrap());
        assert!(parse(json!({ "action": "00000000-0000-7000-8000-000000000000" })).is_ok());
        assert!(parse(json!({ "path": "/etc/passwd" })).is_err());
    }
}
