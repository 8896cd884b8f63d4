//! Version 2.0 in numbers: a field that moves does not compile. Fields that a later minor version adds are not
//! there in a table that is no larger than this: whoever reads them takes a [`View`](crate::View).
#![allow(unsafe_code)]

use crate::{
    LocusBytes, LocusCall, LocusHost, LocusMethod, LocusObjective, LocusPlugin, LocusReply, LocusStamp, LocusStr,
    LocusTensors, Table,
};
use core::mem::offset_of;

macro_rules! layout {
    ($table:ty, $size:literal: $($field:ident $offset:literal),* $(,)?) => {
        $(const _: () = assert!(offset_of!($table, $field) == $offset);)*
        const _: () = assert!(size_of::<$table>() == $size);
    };
}

layout!(LocusStamp, 256:
    magic 0, struct_size 8, interface_major 12, interface_minor 14, flags 16, reserved 20, torch 24,
    target 32, author_package 72, compiler 96, plugin 160, reserved_end 224);

#[cfg(target_pointer_width = "64")]
const _: () = {
    layout!(LocusStr, 16: data 0, length 8);
    layout!(LocusBytes, 32: data 0, length 8, capacity 16, release 24);
    layout!(LocusTensors, 32: data 0, count 8, capacity 16, release 24);
    layout!(LocusReply, 72: struct_size 0, json 8, tensors 40);
    layout!(LocusCall, 56: struct_size 0, host 8, context 16, json 24, tensors 40, count 48);
    layout!(LocusHost, 112:
        struct_size 0, interface_major 8, interface_minor 10, reserved 12, call 16, cancelled 24, log 32,
        tensor_from_f32 40, tensor_sizes 48, tensor_copy_f32 56, tensor_clone 64, tensor_free 72, tensors_new 80,
        bytes_new 88, json_f64 96, json_str 104);
    layout!(LocusPlugin, 40: struct_size 0, methods 8, method_count 16, objectives 24, objective_count 32);
    layout!(LocusMethod, 32: struct_size 0, describe 8, edit 16, plan 24);
    layout!(LocusObjective, 48: struct_size 0, describe 8, create 16, destroy 24, goal 32, loss 40);
};

macro_rules! tables {
    ($($table:ident to $last:ident: $type:ty),* $(,)?) => {
        $(
            // SAFETY: `repr(C)`, and `struct_size` lies at 0, as the layout above says.
            unsafe impl Table for $table {
                const LEAST_SIZE: usize = offset_of!($table, $last) + size_of::<$type>();
            }
        )*
    };
}

// what version 2.0 needs; a table may end before what is behind
tables! {
    LocusHost to json_str: usize,
    LocusCall to count: usize,
    LocusReply to tensors: LocusTensors,
    LocusPlugin to objective_count: usize,
    LocusMethod to edit: usize,
    LocusObjective to loss: usize,
}
