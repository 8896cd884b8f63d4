//! A plugin in the hands of a host of another minor version: tables that are shorter or longer than its own are read and
//! written as far as they say.
#![allow(unsafe_code)]

use locus_plugin::glue::abi::{
    INTERFACE_MAJOR, INTERFACE_MINOR, LocusBytes, LocusCall, LocusContext, LocusHost, LocusPlugin, LocusReply,
    LocusStr, LocusTensor, STATUS_OK, STATUS_REQUEST, STATUS_UNSUPPORTED, Table,
};
use locus_plugin::glue::{MethodEntries, collect, enter, plugin};
use locus_plugin::{EditMethod, EditRequest, Edited, Error, Host, Info, Level, Result};
use std::ptr::{null, null_mut};

/// Asks the host for a text, logs it, and gives it back as a note.
#[derive(Default)]
struct Asks;

impl EditMethod for Asks {
    type Parameters = ();

    fn info() -> Info {
        Info::new("asks", "Asks")
    }

    fn edit(&mut self, _request: &EditRequest, _parameters: &(), host: &dyn Host) -> Result<Edited> {
        let text = host.detokenize(&[1, 2])?;
        host.log(Level::Info, &text);
        host.checkpoint()?;
        Ok(Edited::new().note(text))
    }
}

unsafe extern "C" fn call(
    _context: *mut LocusContext,
    _service: LocusStr,
    _json: LocusStr,
    _tensors: *const *mut LocusTensor,
    _count: usize,
    reply: *mut LocusReply,
    _error: *mut LocusBytes,
) -> i32 {
    // SAFETY: `Asks` hands over a reply of its own, which has room for the JSON.
    unsafe { (&raw mut (*reply).json).write(locus_plugin::glue::give_bytes(r#"{"text": "well"}"#.to_owned())) };
    STATUS_OK
}

/// A host's table as words of memory, without its helpers, which a plugin in Rust needs none of.
fn host() -> Vec<usize> {
    let versions = usize::from(INTERFACE_MAJOR) | usize::from(INTERFACE_MINOR) << 16;
    let mut words = vec![0; size_of::<LocusHost>() / size_of::<usize>()];
    (words[0], words[1], words[2]) = (size_of::<LocusHost>(), versions, call as *const () as usize);
    words
}

/// A table that says that it has `words` words, and has no more.
fn of_size(mut table: Vec<usize>, words: usize) -> Box<[usize]> {
    table.resize(words, usize::MAX);
    table[0] = words * size_of::<usize>();
    table.into()
}

/// Edits with the host's table, and with a call and a reply of so many words.
fn edit(
    host: &[usize],
    call_words: usize,
    reply_words: usize,
) -> (i32, Result<locus_plugin::call::Answer>, Box<[usize]>) {
    let json = r#"{"request": {"edits": []}, "settings": {}}"#;
    let text = LocusStr::new(json);
    let call = [0, host.as_ptr() as usize, 0, text.data as usize, text.length, 0, 0];
    let call = of_size(call.to_vec(), call_words);
    let mut reply = of_size(vec![0; size_of::<LocusReply>() / size_of::<usize>()], reply_words);
    let mut error = LocusBytes::empty();
    let run = MethodEntries::<Asks>::TABLE.edit.expect("a function");
    // SAFETY: call and reply have as much memory as they say, and all they point to outlives this call.
    let status = unsafe { run(call.as_ptr().cast::<LocusCall>(), reply.as_mut_ptr().cast(), &raw mut error) };
    let mut whole = LocusReply::empty();
    if status == STATUS_OK {
        // SAFETY: it was filled, and so has all fields of a reply, which are taken out of it once.
        whole = unsafe { reply.as_ptr().cast::<LocusReply>().read() };
    }
    // SAFETY: both were empty before the call, and what the plugin put there it gave away.
    (status, unsafe { collect(status, whole, error) }, reply)
}

const CALL: usize = size_of::<LocusCall>() / size_of::<usize>();
const REPLY: usize = size_of::<LocusReply>() / size_of::<usize>();

#[test]
fn longer_tables_serve_as_well() {
    for more in [0, 1, 5] {
        let host = of_size(host(), host().len() + more);
        let (status, answer, reply) = edit(&host, CALL + more, REPLY + more);
        assert_eq!(status, STATUS_OK, "{answer:?}");
        assert!(answer.expect("an answer").json.contains(r#""notes":["well"]"#));
        assert!(reply[REPLY..].iter().all(|word| *word == usize::MAX), "it wrote behind the reply that it knows");
    }
}

#[test]
fn tables_that_are_too_short_are_refused_and_left_alone() {
    let whole = of_size(host(), host().len());
    let refused = |(status, answer, reply): (i32, Result<_>, Box<[usize]>)| {
        assert!(reply[1..].iter().all(|word| *word == 0), "it wrote into the reply");
        (status, answer.expect_err("too short").to_string())
    };
    let (status, said) = refused(edit(&whole, CALL, REPLY - 1));
    assert_eq!((status, said.as_str()), (STATUS_REQUEST, "a reply of 64 bytes is too small"));
    let (status, said) = refused(edit(&whole, CALL - 1, REPLY));
    assert_eq!(
        (status, said.as_str()),
        (STATUS_REQUEST, "called with arguments whose table has 48 bytes instead of 56")
    );
    let short = of_size(host(), host().len() - 1);
    let (status, said) = refused(edit(&short, CALL, REPLY));
    assert_eq!((status, said.as_str()), (STATUS_REQUEST, "called by a host whose table has 104 bytes instead of 112"));
}

#[test]
fn a_function_that_is_null_is_one_that_is_not_there() {
    let mut host = host();
    host[2] = 0;
    let (status, answer, _) = edit(&host, CALL, REPLY);
    assert_eq!(status, STATUS_UNSUPPORTED);
    assert!(matches!(answer, Err(Error::Unsupported(text)) if text.contains("`call`")));
}

#[test]
fn the_entry_takes_every_minor_version_of_its_own_major_one() {
    static PLUGIN: LocusPlugin = plugin(&[], &[]);
    let enter = |host: &[usize]| {
        let (mut out, mut error) = (null::<LocusPlugin>(), LocusBytes::empty());
        // SAFETY: the table has as much memory as it says, and the places are this function's own.
        let status = unsafe { enter(host.as_ptr().cast(), &PLUGIN, &raw mut out, &raw mut error) };
        // SAFETY: the error was empty, and what the plugin put there it gave away.
        let told = unsafe { collect(status, LocusReply::empty(), error) };
        (told.map_err(|error| error.to_string()).err(), out.is_null())
    };
    let mut newer = of_size(host(), host().len() + 2);
    newer[1] |= 7 << 16;
    assert_eq!(enter(&newer), (None, false));
    let short = of_size(host(), LocusHost::LEAST_SIZE / size_of::<usize>() - 1);
    let said = "not supported: a host whose table has 104 bytes instead of 112";
    assert_eq!(enter(&short), (Some(said.to_owned()), true));
    let mut other = host();
    other[1] = 1;
    assert_eq!(enter(&other), (Some("not supported: a host of plugin interface 1.0".to_owned()), true));
    // SAFETY: nulls are refused.
    let status = unsafe { locus_plugin::glue::enter(null(), &PLUGIN, null_mut(), null_mut()) };
    assert_eq!(status, STATUS_UNSUPPORTED);
}
