//! Lifts the block of an address before its time.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::{ActionType, EffectClass, Plan, StepEffect, Target};

use super::net_block_address::{is_blocked, unblock};
use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::error::ActError;

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The address.
    address: IpAddr,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "net.unblock_address",
        summary: "lift the block of an address",
        example: r#"{"address": "192.0.2.7"}"#,
        undo: "a plan that blocks the address again",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        let mut params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| error.to_string())?;
        params.address = params.address.to_canonical();
        Ok(params)
    }

    fn inspect(_: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        Ok(StepEffect {
            class: EffectClass::RollBack,
            targets: vec![Target::Address { address: params.address }],
            ..super::observing(ActionType::UnblockAddress)
        })
    }

    fn precheck(_: &Context<'_>, _: &Params) -> Result<(), ActError> {
        Ok(())
    }

    fn prepare(_: &Context<'_>, _: &Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(_: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        unblock(params.address)?;
        Ok(Applied {
            message: format!("{} is not blocked any more", params.address),
            result: json!({}),
            ..Applied::default()
        })
    }

    fn verify(_: &Context<'_>, params: &Params, _: &Value) -> Result<Value, ActError> {
        if is_blocked(params.address) {
            return Err(ActError::refused(format!("{} is still in the set", params.address)));
        }
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
    fn exactly_one_address_is_named() {
        let parse = |value: Value| Actuator::parse(value.as_object().unwrap());
        assert!(parse(json!({ "address": "2001:db8::1" })).is_ok());
        assert!(parse(json!({ "address": "everything" })).is_err());
    }
}
