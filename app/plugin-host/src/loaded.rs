//! Methods and objectives behind the boundary.
#![allow(unsafe_code)]

use crate::call::call;
use crate::session::{Session, undisturbed};
use crate::tensors;
use locus_plugin::glue::abi::{LocusBytes, LocusCall, LocusInstance, LocusReply, STATUS_OK};
use locus_plugin::glue::error_of;
use locus_plugin::glue::wire::{
    CreateArguments, EditArguments, EditedRecord, GoalArguments, LossArguments, PlanArguments,
};
use locus_plugin::object::{Description, MethodObject, ObjectiveInstance, ObjectiveObject};
use locus_plugin::schema::complete;
use locus_plugin::{EditRequest, Edited, Error, Fact, Goal, Host, ModelInfo, Plan, Reduction, Result};
use serde_json::{Map, Value};
use std::ptr::null_mut;
use std::sync::Arc;
use tch::Tensor;

pub(crate) type Function = unsafe extern "C" fn(*const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32;
pub(crate) type Create = unsafe extern "C" fn(*const LocusCall, *mut *mut LocusInstance, *mut LocusBytes) -> i32;
pub(crate) type Destroy = unsafe extern "C" fn(*mut LocusInstance);
pub(crate) type InstanceFunction =
    unsafe extern "C" fn(*mut LocusInstance, *const LocusCall, *mut LocusReply, *mut LocusBytes) -> i32;

// SAFETY, for all calls of functions below: they come out of a checked table of a library that is never closed, and
// get arguments as the contract says.

/// A method of a loaded library.
pub(crate) struct LoadedMethod {
    pub(crate) description: Description,
    pub(crate) plan: Function,
    pub(crate) edit: Function,
}

impl MethodObject for LoadedMethod {
    fn description(&self) -> &Description {
        &self.description
    }

    fn plan(&self, request: &EditRequest, settings: &Map<String, Value>, model: &ModelInfo) -> Result<Plan> {
        let settings = completed(&self.description, settings)?;
        let arguments = PlanArguments { request, settings, model };
        undisturbed(&self.description.info.id, || {
            // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
            call(null_mut(), &arguments, &[], |call, reply, error| unsafe { (self.plan)(call, reply, error) })
        })?
        .read()
    }

    fn edit(&self, request: &EditRequest, settings: &Map<String, Value>, host: &dyn Host) -> Result<Edited> {
        let arguments = EditArguments { request, settings: completed(&self.description, settings)? };
        Session::run(&self.description.info.id, host, |context| {
            let answer =
                // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
                call(context, &arguments, &[], |call, reply, error| unsafe { (self.edit)(call, reply, error) })?;
            let record = answer.read::<EditedRecord>()?;
            let tensors = answer.tensors();
            tensors::plain(&tensors, "of its answer")?;
            record.unpack(&tensors)
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
        undisturbed(&self.description.info.id, || {
            // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
            call(null_mut(), &arguments, &[], |call, _, error| unsafe {
                (self.functions.create)(call, &raw mut instance, error)
            })
        })?;
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
    instance: *mut LocusInstance,
}

impl ObjectiveInstance for LoadedInstance {
    fn goal(&mut self, fact: &Fact, host: &dyn Host) -> Result<Goal> {
        Session::run(&self.description.info.id, host, |context| {
            // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
            call(context, &GoalArguments { fact }, &[], |call, reply, error| unsafe {
                (self.functions.goal)(self.instance, call, reply, error)
            })?
            .read()
        })
    }

    fn loss(&mut self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let given = log_probabilities.f_internal_version()?;
        let answer = undisturbed(&self.description.info.id, || {
            // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
            call(null_mut(), &LossArguments { reduction }, &[log_probabilities], |call, reply, error| unsafe {
                (self.functions.loss)(self.instance, call, reply, error)
            })
        });
        // A method passes this on as its own failure; the user must see whose it is.
        let id = &self.description.info.id;
        let answer = answer.and_then(locus_plugin::glue::Answer::exactly).and_then(|[loss]: [Tensor; 1]| {
            if log_probabilities.f_internal_version()? != given {
                let message = "it wrote into the log-probabilities that it was given; copy them before";
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
            // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
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
        return Err(Error::Failed(format!("its loss has shape {size:?}; give one number for each of {facts} facts")));
    }
    Ok(())
}

/// Calls `describe`.
pub(crate) fn describe(function: Function) -> Result<Description> {
    let arguments = Map::new();
    // SAFETY: the library's functions were checked when its table was read, and the library is never closed.
    call(null_mut(), &arguments, &[], |call, reply, error| unsafe { function(call, reply, error) })?.read()
}

/// All settings, checked, so that a plugin need not know its own defaults.
fn completed(description: &Description, settings: &Map<String, Value>) -> Result<Map<String, Value>> {
    complete(&description.hyperparameters, settings).map_err(|complaints| Error::Request(complaints.join("; ")))
}

/// The error that an entry function left.
pub(crate) fn entry_failure(status: i32, error: LocusBytes) -> Option<Error> {
    // SAFETY: the entry filled it, as the contract says; there is no reply.
    let collected = unsafe { locus_plugin::glue::collect(status, LocusReply::empty(), error) };
    if status == STATUS_OK { None } else { collected.err().or_else(|| Some(error_of(status, String::new()))) }
}
