//! The functions of a plugin's tables, one set for each method and objective.
#![allow(unsafe_code)]

use super::abi::{LocusBytes, LocusCall, LocusInstance, LocusMethod, LocusObjective, LocusReply};
use super::guard::{guarded, guarded_value};
use super::remote_host::RemoteHost;
use super::transfer::{Arguments, answer};
use super::wire::{CreateArguments, EditArguments, EditedRecord, GoalArguments, LossArguments, PlanArguments};
use crate::author::{EditMethod, Objective};
use crate::error::{Error, Result};
use crate::object::{LinkedMethod, LinkedObjective, MethodObject, ObjectiveInstance, ObjectiveObject};
use std::marker::PhantomData;

/// The table of a method.
pub struct MethodEntries<M>(PhantomData<M>);

impl<M: EditMethod> MethodEntries<M> {
    /// Its functions.
    pub const TABLE: LocusMethod = LocusMethod {
        struct_size: size_of::<LocusMethod>(),
        describe: Some(describe_method::<M>),
        plan: Some(plan::<M>),
        edit: Some(edit::<M>),
    };
}

/// The table of an objective.
pub struct ObjectiveEntries<O>(PhantomData<O>);

impl<O: Objective> ObjectiveEntries<O> {
    /// Its functions.
    pub const TABLE: LocusObjective = LocusObjective {
        struct_size: size_of::<LocusObjective>(),
        describe: Some(describe_objective::<O>),
        create: Some(create::<O>),
        destroy: Some(destroy),
        goal: Some(goal),
        loss: Some(loss),
    };
}

// SAFETY, for all functions below: the host calls them as the contract says, with a valid call, reply and error,
// and with instances that `create` made and `destroy` has not freed.

unsafe extern "C" fn describe_method<M: EditMethod>(
    _call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe { guarded(error, || answer(reply, LinkedMethod::<M>::default().description(), Vec::new())) }
}

unsafe extern "C" fn plan<M: EditMethod>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let given: PlanArguments = Arguments::open(call)?.read()?;
            let plan = LinkedMethod::<M>::default().plan(&given.request, &given.settings, &given.model)?;
            answer(reply, &plan, Vec::new())
        })
    }
}

unsafe extern "C" fn edit<M: EditMethod>(
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let arguments = Arguments::open(call)?;
            let given: EditArguments = arguments.read()?;
            let host = RemoteHost::of(&arguments)?;
            let edited = LinkedMethod::<M>::default().edit(&given.request, &given.settings, &host)?;
            let (record, tensors) = EditedRecord::pack(edited);
            answer(reply, &record, tensors)
        })
    }
}

unsafe extern "C" fn describe_objective<O: Objective>(
    _call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe { guarded(error, || answer(reply, LinkedObjective::<O>::default().description(), Vec::new())) }
}

unsafe extern "C" fn create<O: Objective>(
    call: *const LocusCall,
    instance: *mut *mut LocusInstance,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let given: CreateArguments = Arguments::open(call)?.read()?;
            let started = LinkedObjective::<O>::default().start(&given.settings)?;
            if instance.is_null() {
                return Err(Error::Request("no place for the instance".to_owned()));
            }
            instance.write(Box::into_raw(Box::new(started)).cast());
            Ok(())
        })
    }
}

unsafe extern "C" fn destroy(instance: *mut LocusInstance) {
    // Nobody hears of a panic in a destructor; it must only not cross.
    let _ = guarded_value(|| {
        if !instance.is_null() {
            // SAFETY: the host passes a call and places that live until this returns, as the contract says.
            drop(unsafe { Box::from_raw(instance.cast::<Box<dyn ObjectiveInstance>>()) });
        }
        Ok(())
    });
}

unsafe fn started<'a>(instance: *mut LocusInstance) -> Result<&'a mut dyn ObjectiveInstance> {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    let started = unsafe { instance.cast::<Box<dyn ObjectiveInstance>>().as_mut() };
    started.map(Box::as_mut).ok_or_else(|| Error::Request("no instance".to_owned()))
}

unsafe extern "C" fn goal(
    instance: *mut LocusInstance,
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let arguments = Arguments::open(call)?;
            let given: GoalArguments = arguments.read()?;
            let host = RemoteHost::of(&arguments)?;
            let goal = started(instance)?.goal(&given.fact, &host)?;
            answer(reply, &goal, Vec::new())
        })
    }
}

unsafe extern "C" fn loss(
    instance: *mut LocusInstance,
    call: *const LocusCall,
    reply: *mut LocusReply,
    error: *mut LocusBytes,
) -> i32 {
    // SAFETY: the host passes a call and places that live until this returns, as the contract says.
    unsafe {
        guarded(error, || {
            let arguments = Arguments::open(call)?;
            let given: LossArguments = arguments.read()?;
            let [log_probabilities] = arguments.exactly()?;
            let loss = started(instance)?.loss(&log_probabilities, given.reduction)?;
            answer(reply, &serde_json::json!({}), vec![loss])
        })
    }
}
