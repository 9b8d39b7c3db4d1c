//! Tries a plan on a copy of the machine: applies it, checks it, lists what it changed, takes it
//! back with the very undo that would be used, and compares with the original.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::{ActionType, Plan, StepEffect, hash_canonical};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::engine::find;
use crate::error::{ActError, During as _};
use crate::report::DryRunReport;

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The plan that is tried.
    plan: Plan,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "shadow.dry_run",
        summary: "try a plan on a copy of the machine",
        example: include_str!("../../testdata/shadow_dry_run.example.json"),
        undo: "nothing to take back: the machine is not changed",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        let params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| error.to_string())?;
        params.plan.check_shape().map_err(|error| error.to_string())?;
        if params.plan.steps.iter().any(|step| step.actuator == "shadow.dry_run") {
            return Err("a dry run of a dry run shows nothing".to_owned());
        }
        Ok(params)
    }

    fn inspect(_: &Context<'_>, _: &Params) -> Result<StepEffect, ActError> {
        Ok(super::observing(ActionType::DryRun))
    }

    fn precheck(cx: &Context<'_>, params: &Params) -> Result<(), ActError> {
        if &params.plan.root != cx.root {
            return Err(ActError::refused("the plan that is tried is for another root"));
        }
        if params.plan.host != cx.shared.config.host {
            return Err(ActError::refused("the plan that is tried is for another host"));
        }
        Ok(())
    }

    fn prepare(_: &Context<'_>, _: &Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(cx: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        let plan = &params.plan;
        let hash = plan.hash()?;
        let mut whole = Trial { rollback_verified: true, ..Trial::default() };
        for step in &plan.steps {
            match find(&step.actuator)?.dry_run(cx, plan, &step.params) {
                Ok(trial) => add(&mut whole, trial),
                Err(error) => {
                    whole.problems.push(error.to_string());
                    whole.rollback_verified = false;
                }
            }
        }
        whole.manifest.sort_by(|a, b| a.path.cmp(&b.path));
        let digest = hash_canonical("manifest", &whole.manifest)
            .map_err(|error| ActError::refused(error.to_string()))?;
        let report = DryRunReport {
            plan: hash,
            host: cx.shared.config.host,
            root: plan.root.clone(),
            time_ms: cx.shared.now_ms(),
            passed: whole.problems.is_empty(),
            rollback_verified: whole.rollback_verified,
            problems: whole.problems,
            amended: whole.amended,
            services: whole.services,
            manifest: whole.manifest,
            manifest_digest: digest,
            apply_ms: whole.apply_ms,
            undo_ms: whole.undo_ms,
        };
        let path = cx.shared.dir("dryruns").join(format!("{hash}.json"));
        let doing = || format!("writing `{}`", path.display());
        let bytes = serde_json::to_vec(&report).map_err(std::io::Error::from).during(doing)?;
        cx.shared.files().write_atomic(&path, &bytes).during(doing)?;
        let words = if report.passed && report.rollback_verified {
            format!(
                "it applied cleanly on a copy ({} changes) and was taken back whole",
                report.manifest.len()
            )
        } else {
            format!("it did not pass on a copy: {}", report.problems.join("; "))
        };
        Ok(Applied {
            message: words,
            result: json!({
                "passed": report.passed,
                "rollback_verified": report.rollback_verified,
            }),
            dry_run: Some(report.outcome()),
            took_back: None,
        })
    }

    fn verify(_: &Context<'_>, _: &Params, _: &Value) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn undo(_: &Context<'_>, _: &Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        Ok(Undone::default())
    }

    fn dry_run(_: &Context<'_>, _: &Plan, _: &Params) -> Result<Trial, ActError> {
        Err(ActError::refused("a dry run of a dry run shows nothing"))
    }
}

fn add(whole: &mut Trial, trial: Trial) {
    whole.problems.extend(trial.problems);
    whole.rollback_verified &= trial.rollback_verified;
    whole.manifest.extend(trial.manifest);
    whole.amended.extend(trial.amended);
    whole.services.extend(trial.services);
    whole.apply_ms += trial.apply_ms;
    whole.undo_ms += trial.undo_ms;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn a_dry_run_holds_one_whole_plan_and_no_other_dry_run() {
        let mut value: Value = serde_json::from_str(Actuator::DESCRIPTOR.example).unwrap();
        assert!(Actuator::parse(value.as_object().unwrap()).is_ok());
        value["plan"]["steps"][0]["actuator"] = json!("shadow.dry_run");
        assert!(Actuator::parse(value.as_object().unwrap()).is_err());
        value["plan"]["steps"] = json!([]);
        assert!(Actuator::parse(value.as_object().unwrap()).is_err());
    }
}
