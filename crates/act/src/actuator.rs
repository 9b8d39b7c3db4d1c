//! What an actuator is: one file in `actuators/`, with its own parser, its own undo, and no way
//! to run without both.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use spine::{ActionId, Plan, PlanHash, StepEffect};

use crate::engine::Shared;
use crate::error::ActError;

/// Who an actuator is.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// The registered name, such as `apt.upgrade`.
    pub name: &'static str,
    /// One line in plain words.
    pub summary: &'static str,
    /// The parameters, as a JSON example that its parser accepts.
    pub example: &'static str,
    /// How a step is taken back, in plain words.
    pub undo: &'static str,
}

/// What an actuator may know while it works.
pub struct Context<'a> {
    /// The engine's folders, clock and settings.
    pub(crate) shared: &'a Shared,
    /// The root file system that the plan acts on.
    pub root: &'a Path,
    /// The plan, by its hash; none while a step is only inspected.
    pub plan: Option<PlanHash>,
    /// The action; none while a step is only inspected.
    pub action: Option<ActionId>,
    /// Where the step's undo is kept; empty while a step is only inspected.
    pub undo_dir: PathBuf,
    /// Told in plain words what happens now.
    pub say: &'a dyn Fn(&str),
}

/// What a step showed when it was done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// One line in plain words.
    pub message: String,
    /// Facts for the caller, in the actuator's own shape.
    pub result: Value,
    /// For a dry run: what it showed.
    pub dry_run: Option<spine::DryRunOutcome>,
    /// For a roll-back: the action that was taken back.
    pub took_back: Option<ActionId>,
}

/// What taking a step back left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// What could not be taken back although it was ours to take back. Empty means: whole.
    pub failed: Vec<String>,
    /// What was left alone or kept aside because it was changed by somebody else.
    pub kept: Vec<String>,
}

/// One actuator. The engine calls the parts in this order: parse, inspect, precheck, prepare,
/// apply, verify; undo after a failure, a crash, a lapsed lease or a roll-back plan.
pub trait Actuator: Sync + 'static {
    /// Who it is.
    const DESCRIPTOR: Descriptor;
    /// Its parameters as closed types.
    type Params;

    /// Turns parameters into closed types; unknown fields are refused. Pure.
    fn parse(params: &Map<String, Value>) -> Result<Self::Params, String>;
    /// What the step would do on this host. Changes nothing.
    fn inspect(cx: &Context<'_>, params: &Self::Params) -> Result<StepEffect, ActError>;
    /// Refuses where the machine is not in the state that the step needs. Changes nothing.
    fn precheck(cx: &Context<'_>, params: &Self::Params) -> Result<(), ActError>;
    /// Writes what is needed to undo, durably, under [`Context::undo_dir`], and returns what the
    /// journal keeps. Changes nothing else.
    fn prepare(cx: &Context<'_>, params: &Self::Params) -> Result<Value, ActError>;
    /// Makes the change.
    fn apply(cx: &Context<'_>, params: &Self::Params, undo: &Value) -> Result<Applied, ActError>;
    /// Checks that the change is what was asked for; may return more for the journal.
    fn verify(cx: &Context<'_>, params: &Self::Params, undo: &Value) -> Result<Value, ActError>;
    /// Takes the step back from wherever it stands, as often as it is called. `verified` is what
    /// [`Actuator::verify`] returned, or null where the step did not get that far.
    fn undo(
        cx: &Context<'_>,
        params: &Self::Params,
        undo: &Value,
        verified: &Value,
    ) -> Result<Undone, ActError>;
    /// Tries the step where trying changes nothing, and says what it showed: for a dry run.
    fn dry_run(cx: &Context<'_>, plan: &Plan, params: &Self::Params) -> Result<Trial, ActError>;
}

/// What trying a step showed.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Why it did not pass; empty means that it passed.
    pub problems: Vec<String>,
    /// Whether taking it back was tried and gave the original back.
    pub rollback_verified: bool,
    /// The files that would change.
    pub manifest: Vec<crate::manifest::Change>,
    /// The exact set of packages that would change, where the plan names another one.
    pub amended: Vec<crate::apt::PackageChange>,
    /// Services that would restart.
    pub services: Vec<crate::report::ServiceRestart>,
    /// How long applying took, milliseconds.
    pub apply_ms: u64,
    /// How long taking back took, milliseconds.
    pub undo_ms: u64,
}

/// An actuator behind one pointer, so that a list can hold all of them.
pub trait Registered: Sync {
    /// Who it is.
    fn descriptor(&self) -> Descriptor;
    /// See [`Actuator::inspect`].
    fn inspect(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
    ) -> Result<StepEffect, ActError>;
    /// See [`Actuator::precheck`].
    fn precheck(&self, cx: &Context<'_>, params: &Map<String, Value>) -> Result<(), ActError>;
    /// See [`Actuator::prepare`].
    fn prepare(&self, cx: &Context<'_>, params: &Map<String, Value>) -> Result<Value, ActError>;
    /// See [`Actuator::apply`].
    fn apply(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
    ) -> Result<Applied, ActError>;
    /// See [`Actuator::verify`].
    fn verify(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
    ) -> Result<Value, ActError>;
    /// See [`Actuator::undo`].
    fn undo(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
        verified: &Value,
    ) -> Result<Undone, ActError>;
    /// See [`Actuator::dry_run`].
    fn dry_run(
        &self,
        cx: &Context<'_>,
        plan: &Plan,
        params: &Map<String, Value>,
    ) -> Result<Trial, ActError>;
}

/// Parses, then calls the typed actuator.
pub struct Entry<A>(PhantomData<fn() -> A>);

impl<A> Entry<A> {
    /// The entry that the registry holds.
    pub const NEW: Self = Self(PhantomData);
}

fn parse<A: Actuator>(params: &Map<String, Value>) -> Result<A::Params, ActError> {
    A::parse(params).map_err(|reason| ActError::Params { actuator: A::DESCRIPTOR.name, reason })
}

impl<A: Actuator> Registered for Entry<A> {
    fn descriptor(&self) -> Descriptor {
        A::DESCRIPTOR
    }

    fn inspect(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
    ) -> Result<StepEffect, ActError> {
        A::inspect(cx, &parse::<A>(params)?)
    }

    fn precheck(&self, cx: &Context<'_>, params: &Map<String, Value>) -> Result<(), ActError> {
        A::precheck(cx, &parse::<A>(params)?)
    }

    fn prepare(&self, cx: &Context<'_>, params: &Map<String, Value>) -> Result<Value, ActError> {
        A::prepare(cx, &parse::<A>(params)?)
    }

    fn apply(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
    ) -> Result<Applied, ActError> {
        A::apply(cx, &parse::<A>(params)?, undo)
    }

    fn verify(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
    ) -> Result<Value, ActError> {
        A::verify(cx, &parse::<A>(params)?, undo)
    }

    fn undo(
        &self,
        cx: &Context<'_>,
        params: &Map<String, Value>,
        undo: &Value,
        verified: &Value,
    ) -> Result<Undone, ActError> {
        A::undo(cx, &parse::<A>(params)?, undo, verified)
    }

    fn dry_run(
        &self,
        cx: &Context<'_>,
        plan: &Plan,
        params: &Map<String, Value>,
    ) -> Result<Trial, ActError> {
        A::dry_run(cx, plan, &parse::<A>(params)?)
    }
}
