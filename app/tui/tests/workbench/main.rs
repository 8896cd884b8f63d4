//! The workbench from outside: events and keys in, screens and effects out.

mod analysis;
mod answers;
mod author;
mod commands;
mod compare;
mod edits;
mod engine;
mod following;
mod hostile;
mod keymap;
mod looks;
mod order;
mod picture;
mod properties;
mod remembered;
mod screens;
mod support;
mod sweep;
mod terminal;
mod truth;
mod updates;
mod views;
mod windows;
