//! The functions of a plugin's tables, one set for each method and objective.
#![allow(unsafe_code)]

use super::abi::{LocusBytes, LocusCall, LocusInstance, LocusMethod, LocusObjective, LocusReply};
use super::guard::{guarded, guarded_value};
use super::remote_host::RemoteHost;
use super::transfer::{Call, put, put_answer};
use super::wire::{CreateArguments, EditArguments, EditedRecord, GoalArguments, LossArguments, PlanArguments};
use crate::author::{EditMethod, Objective};
use crate::call::{Answer, Answered};
use crate::error::{Error, Result};
use crate::object::{LinkedMethod, LinkedObjective, MethodObject, ObjectiveInstance, ObjectiveObject};
use std::marker::PhantomData;

/// The table of a method.
pub struct MethodEntries<M>(PhantomData<M>);

impl<M: EditMethod> MethodEntries<M> {
    pub const TABLE: LocusMethod = LocusMethod {
        struct_size: size_of::<LocusMethod>(),
        describe: Some(describe_method::<M>),
        edit: Some(edit::<M>),
        plan: Some(plan::<M>),
    };
}

/// The table of an objective.
pub struct ObjectiveEntries<O>(PhantomData<O>);

impl<O: Objective> ObjectiveEntries<O> {
    pub const TABLE: LocusObjective = LocusObjective {
        struct_size: size_of::<LocusObjective>(),
        describe: Some(describe_objective::<O>),
        create: Some(create::<O>),
        destroy: Some(destroy),
        goal: Some(goal),
        loss: Some(loss),
    };
}

/// Serves one function of a table: opens the call, answers it, and says what failed.
///
/// # Safety
/// The three are what the contract has a host hand over: a call that is lent until this returns, and an empty reply and an
/// empty error that nobody else uses; each may be null.
unsafe fn answered(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
    run: impl FnOnce(&Call<'_>) -> Result<Answer>,
) -> i32 {
    let run = || {
        // SAFETY: lent until this returns, as the caller promises, and not used after it.
        let answer = run(&unsafe { Call::open(call) }?)?;
        // SAFETY: empty, and nobody else's, as the caller promises.
        unsafe { put_answer(reply, answer) }
    };
    // SAFETY: as the caller promises.
    unsafe { guarded(error, run) }
}

unsafe extern "C" fn describe_method<M: EditMethod>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: this is `describe` of a method's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, |_| Answer::of(LinkedMethod::<M>::default().description())) }
}

unsafe extern "C" fn plan<M: EditMethod>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    let run = |call: &Call<'_>| {
        let given: PlanArguments = call.arguments().read()?;
        Answer::of(&LinkedMethod::<M>::default().plan(&given.request, &given.settings, &given.model)?)
    };
    // SAFETY: this is `plan` of a method's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, run) }
}

unsafe extern "C" fn edit<M: EditMethod>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    let run = |call: &Call<'_>| {
        let given: EditArguments = call.arguments().read()?;
        // SAFETY: both are those of this call, and the host goes before it returns.
        let host = unsafe { RemoteHost::of(call.host, call.context) }?;
        let method = LinkedMethod::<M>::default();
        let (record, tensors) = if given.request.apart {
            EditedRecord::pack_apart(method.edit_apart(&given.request, &given.settings, &host)?)
        } else {
            EditedRecord::pack(method.edit(&given.request, &given.settings, &host)?)
        };
        Ok(Answer { tensors, ..Answer::of(&record)? })
    };
    // SAFETY: this is `edit` of a method's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, run) }
}

unsafe extern "C" fn describe_objective<O: Objective>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: this is `describe` of an objective's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, |_| Answer::of(LinkedObjective::<O>::default().description())) }
}

unsafe extern "C" fn create<O: Objective>(
    call: *const LocusCall,
    instance: *mut *mut LocusInstance,
    error: *mut LocusBytes,
) -> i32 {
    let run = || {
        // SAFETY: this is `create` of an objective's table, whose call the contract has lent until it returns.
        let given: CreateArguments = unsafe { Call::open(call) }?.arguments().read()?;
        let started = LinkedObjective::<O>::default().start(&given.settings)?;
        // SAFETY: null, or a place for an instance that nobody else uses, as the contract says.
        unsafe { put(instance, "the instance", || Box::into_raw(Box::new(started)).cast()) }
    };
    // SAFETY: null, or an empty error that nobody else uses, as the contract says.
    unsafe { guarded(error, run) }
}

/// What stands behind the instances that `create` makes.
type Started = Box<dyn ObjectiveInstance>;

/// Frees an instance. Nobody hears of a panic; it must only not cross.
unsafe extern "C" fn destroy(instance: *mut LocusInstance) {
    let _ = guarded_value(|| {
        if !instance.is_null() {
            // SAFETY: not null, so that `create` made it of such a box, and the contract has it destroyed once.
            drop(unsafe { Box::from_raw(instance.cast::<Started>()) });
        }
        Ok(())
    });
}

/// The objective behind an instance.
///
/// # Safety
/// `instance` is null, or `create` made it, it is not destroyed while the objective is used, and nobody else uses it.
unsafe fn started<'a>(instance: *mut LocusInstance) -> Result<&'a mut Started> {
    // SAFETY: null, or a box that `create` has let go and nobody else uses, as the caller promises.
    let started = unsafe { instance.cast::<Started>().as_mut() };
    started.ok_or_else(|| Error::Request("no instance".to_owned()))
}

unsafe extern "C" fn goal(
    instance: *mut LocusInstance,
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    let run = |call: &Call<'_>| {
        let given: GoalArguments = call.arguments().read()?;
        // SAFETY: both are those of this call, and the host goes before it returns.
        let host = unsafe { RemoteHost::of(call.host, call.context) }?;
        // SAFETY: the contract has a host hand over an instance that lives, for one call at a time.
        Answer::of(&unsafe { started(instance) }?.goal(&given.fact, &host)?)
    };
    // SAFETY: this is `goal` of an objective's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, run) }
}

unsafe extern "C" fn loss(
    instance: *mut LocusInstance,
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    let run = |call: &Call<'_>| {
        let given: LossArguments = call.arguments().read()?;
        let [log_probabilities] = call.arguments().exactly()?;
        // SAFETY: the contract has a host hand over an instance that lives, for one call at a time.
        unsafe { started(instance) }?.loss(log_probabilities, given.reduction)?.answer()
    };
    // SAFETY: this is `loss` of an objective's table, which the contract has a host call so.
    unsafe { answered(call, reply, error, run) }
}
