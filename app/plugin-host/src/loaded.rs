//! Methods and objectives behind the boundary.
#![allow(unsafe_code)]

use crate::call::call;
use crate::open_call::{OpenCall, undisturbed};
use crate::tensors;
use locus_plugin::call::Answer;
use locus_plugin::glue::abi::{LocusBytes, LocusCall, LocusContext, LocusInstance, LocusReply, STATUS_OK};
use locus_plugin::glue::wire::{
    CreateArguments, EditArguments, EditedRecord, GoalArguments, LossArguments, PlanArguments,
};
use locus_plugin::glue::{collect, error_of};
use locus_plugin::object::{Description, MethodObject, ObjectiveInstance, ObjectiveObject};
use locus_plugin::schema::complete;
use locus_plugin::{EditRequest, Edited, Error, FactToEdit, Goal, Host, ModelInfo, Plan, Reduction, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use std::ptr::null_mut;
use std::sync::Arc;
use tch::Tensor;

pub(crate) type Function = unsafe extern "C" fn(*const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32;
pub(crate) type Create = unsafe extern "C" fn(*const LocusCall, *mut *mut LocusInstance, *mut LocusBytes) -> i32;
pub(crate) type Destroy = unsafe extern "C" fn(*mut LocusInstance);
pub(crate) type InstanceFunction =
    unsafe extern "C" fn(*mut LocusInstance, *const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32;

/// A method of a loaded library.
pub(crate) struct LoadedMethod {
    pub(crate) description: Description,
    pub(crate) edit: Function,
    /// Without one the plan is the layers that were asked for.
    pub(crate) plan: Option<Function>,
}

impl MethodObject for LoadedMethod {
    fn description(&self) -> &Description {
        &self.description
    }

    fn plan(&self, request: &EditRequest, settings: &Map<String, Value>, model: &ModelInfo) -> Result<Plan> {
        let settings = completed(&self.description, settings)?;
        let Some(plan) = self.plan else {
            return Ok(Plan { layers: request.layers.clone(), ..Plan::default() });
        };
        let arguments = PlanArguments { request, settings, model };
        // SAFETY: `plan` of a table that was checked when it was read, of a library that is never closed; it gets what `call`
        // hands over.
        let planned = || unsafe { call(null_mut(), &arguments, &[], |call, reply, error| plan(call, reply, error)) };
        undisturbed(&self.description.info.id, planned)?.read()
    }

    fn edit(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Edited> {
        self.asked(request, settings, host, |record, tensors| record.unpack(tensors))
    }

    fn edit_apart(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Vec<Edited>> {
        if !self.description.info.edits_apart {
            return Err(Error::Request("the method edits separate facts only one at a time".to_owned()));
        }
        let request = EditRequest { apart: true, ..request.clone() };
        let count = request.edits.len();
        self.asked(&request, settings, host, |record, tensors| record.unpack_apart(tensors, count))
    }
}

impl LoadedMethod {
    /// Asks for edits, and reads what comes back.
    fn asked<T>(
        &self,
        request: &EditRequest,
        settings: &Map<String, Value>,
        host: &dyn Host,
        unpack: impl FnOnce(EditedRecord, &[Tensor]) -> Result<T>,
    ) -> Result<T> {
        let arguments = EditArguments { request, settings: completed(&self.description, settings)? };
        OpenCall::run(&self.description.info.id, host, |context| {
            // SAFETY: `edit` of a table that was checked when it was read, of a library that is never closed; it gets what
            // `call` hands over.
            let answer =
                unsafe { call(context, &arguments, &[], |call, reply, error| (self.edit)(call, reply, error)) }?;
            tensors::plain(&answer.tensors, "of its answer")?;
            unpack(answer.read::<EditedRecord>()?, &answer.tensors)
        })
    }
}

/// The functions of an objective of a loaded library.
#[derive(Clone, Copy)]
pub(crate) struct ObjectiveFunctions {
    pub(crate) create: Create,
    pub(crate) destroy: Destroy,
    pub(crate) goal: InstanceFunction,
    pub(crate) loss: InstanceFunction,
}

/// An objective of a loaded library.
pub(crate) struct LoadedObjective {
    pub(crate) description: Arc<Description>,
    pub(crate) functions: ObjectiveFunctions,
}

impl ObjectiveObject for LoadedObjective {
    fn description(&self) -> &Description {
        &self.description
    }

    fn start(&self, settings: &Map<String, Value>) -> Result<Box<dyn ObjectiveInstance>> {
        let arguments = CreateArguments { settings: completed(&self.description, settings)? };
        let mut instance = null_mut();
        // SAFETY: `create` of a table that was checked when it was read, of a library that is never closed; it gets what
        // `call` hands over, and a place for the instance that is this function's own.
        let create = |call, _, error| unsafe { (self.functions.create)(call, &raw mut instance, error) };
        // SAFETY: `create` above hands what it is given to the table's function.
        undisturbed(&self.description.info.id, || unsafe { call(null_mut(), &arguments, &[], create) })?;
        if instance.is_null() {
            return Err(Error::Failed("unusable answer: no instance".to_owned()));
        }
        Ok(Box::new(LoadedInstance { description: Arc::clone(&self.description), functions: self.functions, instance }))
    }
}

/// An objective at work behind the boundary.
struct LoadedInstance {
    description: Arc<Description>,
    functions: ObjectiveFunctions,
    /// Made by `create`, and destroyed when this is dropped.
    instance: *mut LocusInstance,
}

impl LoadedInstance {
    /// Calls a function of the instance.
    fn call<T: Serialize>(
        &mut self,
        function: InstanceFunction,
        context: *mut LocusContext,
        arguments: &T,
        tensors: &[Tensor],
    ) -> Result<Answer> {
        // SAFETY: a function of a table that was checked when it was read, of a library that is never closed. The instance is
        // one that `create` of the same table made; nobody else calls it meanwhile, since it is borrowed mutably.
        let ask = |call, reply, error| unsafe { function(self.instance, call, reply, error) };
        // SAFETY: `ask` above hands what it is given to the table's function.
        unsafe { call(context, arguments, tensors, ask) }
    }
}

impl ObjectiveInstance for LoadedInstance {
    fn goal(&mut self, fact: &FactToEdit, host: &dyn Host) -> Result<Goal> {
        let description = Arc::clone(&self.description);
        OpenCall::run(&description.info.id, host, |context| {
            self.call(self.functions.goal, context, &GoalArguments { fact }, &[])?.read()
        })
    }

    fn loss(&mut self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let given = log_probabilities.f_internal_version()?;
        let description = Arc::clone(&self.description);
        let id = &description.info.id;
        let lent = std::slice::from_ref(log_probabilities);
        let ask = || self.call(self.functions.loss, null_mut(), &LossArguments { reduction }, lent);
        let answer = undisturbed(id, ask);
        // A method passes this on as its own failure; the user must see whose it is.
        let answer = answer.and_then(Answer::exactly).and_then(|[loss]: [Tensor; 1]| {
            if log_probabilities.f_internal_version()? != given {
                let message = "it wrote into the log-probabilities that it was given; copy them first";
                return Err(Error::Failed(message.to_owned()));
            }
            check_loss(&loss, log_probabilities)?;
            Ok(loss)
        });
        match answer {
            Ok(loss) => Ok(loss),
            Err(Error::Failed(text)) => Err(Error::Failed(format!("objective `{id}`: {text}"))),
            Err(Error::Panic(text)) => Err(Error::Panic(format!("in the objective `{id}`: {text}"))),
            Err(error) => Err(error),
        }
    }
}

impl Drop for LoadedInstance {
    fn drop(&mut self) {
        undisturbed(&self.description.info.id, || {
            // SAFETY: `destroy` of the table whose `create` made the instance, which is not used after it.
            unsafe { (self.functions.destroy)(self.instance) };
        });
    }
}

/// A loss is one number, or one for each fact. Whether it is finite the engine looks at, which need not wait for the
/// device in each step to know.
fn check_loss(loss: &Tensor, log_probabilities: &Tensor) -> Result<()> {
    tensors::floating(std::slice::from_ref(loss), "of its loss")?;
    let facts = if log_probabilities.dim() == 3 { log_probabilities.size()[0] } else { 1 };
    if loss.numel() as i64 != facts {
        let size = loss.size();
        return Err(Error::Failed(format!("its loss has shape {size:?}; return one number for each of {facts} facts")));
    }
    Ok(())
}

/// Calls `describe` and reads its answer.
///
/// # Safety
/// It is `describe` of a table of a library that stays open.
pub(crate) unsafe fn describe(function: Function) -> Result<Description> {
    let arguments = Map::new();
    // SAFETY: as the caller promises; it gets what `call` hands over.
    unsafe { call(null_mut(), &arguments, &[], |call, reply, error| function(call, reply, error)) }?.read()
}

/// All settings, checked, so that a plugin need not know its own defaults.
fn completed(description: &Description, settings: &Map<String, Value>) -> Result<Map<String, Value>> {
    complete(&description.hyperparameters, settings).map_err(|complaints| Error::Request(complaints.join("; ")))
}

/// The error that an entry function left.
///
/// # Safety
/// `error` was empty when the function was called, and it gave away what it put there.
pub(crate) unsafe fn entry_failure(status: i32, error: LocusBytes) -> Option<Error> {
    // SAFETY: as the caller promises; there is no reply.
    let collected = unsafe { collect(status, LocusReply::empty(), error) };
    if status == STATUS_OK { None } else { collected.err().or_else(|| Some(error_of(status, String::new()))) }
}
