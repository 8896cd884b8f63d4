//! Reads what PyTorch pickles of a dictionary of tensors, and runs nothing: a name of Python that is called makes a tensor, a
//! dictionary, or a value of which nothing more is known. The instructions are those of Python's `pickletools`.

use std::rc::Rc;

/// Values on the stack, or kept, at most.
const MOST: usize = 1 << 20;
/// Bytes that are copied in all, at most: what is kept under a number and changed afterwards, and texts that several
/// tensors share. A file of weights has some letters of that for each tensor.
const MOST_COPIED: usize = 1 << 26;
/// Dimensions of a tensor, at most: libtorch itself has no more.
const MOST_DIMENSIONS: usize = 64;
/// Lists and dictionaries within each other, at most: a file of weights has a handful.
const DEEPEST: u8 = 64;

/// A tensor as it is pickled: a view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Name of the storage's class, `FloatStorage`.
    pub class: String,
    /// Name of the storage's file.
    pub key: String,
    /// Entries of the storage before the first one.
    pub first: i64,
    pub shape: Vec<i64>,
    /// By dimension: entries of the storage from one row to the next.
    pub strides: Vec<i64>,
}

/// A value on the stack. What is shared between places is not copied.
#[derive(Clone, Debug)]
enum Value {
    Mark,
    Integer(i64),
    Text(String),
    /// A list, and how deep it goes.
    Several(Vec<Rc<Self>>, u8),
    /// Names and values in turn, and how deep they go.
    Dictionary(Vec<Rc<Self>>, u8),
    /// A name of Python.
    Name(String, String),
    /// A class and a file.
    Storage(String, String),
    Tensor(View),
    Other,
}

/// The tensors of a pickled dictionary by name, in its order; what else it holds is left out.
///
/// # Errors
/// It is no such dictionary: a few words.
pub fn tensors(bytes: &[u8]) -> Result<Vec<(String, View)>, String> {
    let mut machine = Machine { bytes, stack: Vec::new(), kept: Vec::new(), copied: 0 };
    let whole = machine.run()?;
    let Value::Dictionary(entries, _) = whole.as_ref() else {
        return Err("it contains no dictionary of tensors".to_owned());
    };
    let mut found = Vec::new();
    for pair in entries.chunks_exact(2) {
        if let (Value::Text(name), Value::Tensor(view)) = (pair[0].as_ref(), pair[1].as_ref()) {
            machine.copies(name.len() + view.size())?;
            found.push((name.clone(), view.clone()));
        }
    }
    Ok(found)
}

impl View {
    /// Bytes of what it says.
    fn size(&self) -> usize {
        self.class.len() + self.key.len() + size_of::<i64>() * (self.shape.len() + self.strides.len())
    }
}

impl Value {
    fn depth(&self) -> u8 {
        match self {
            Self::Several(_, depth) | Self::Dictionary(_, depth) => *depth,
            _ => 0,
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    stack: Vec<Rc<Value>>,
    /// What is kept under a number for later.
    kept: Vec<Option<Rc<Value>>>,
    /// Bytes that were copied so far.
    copied: usize,
}

impl Machine<'_> {
    /// The value that is left when the instructions end.
    fn run(&mut self) -> Result<Rc<Value>, String> {
        loop {
            let instruction = self.take(1)?[0];
            match instruction {
                b'.' => return self.pop(),
                // the version, and how much comes now
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'(' => self.push(Value::Mark)?,
                b'0' => drop(self.pop()?),
                b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other)?;
                }
                b'J' => self.integer(4)?,
                b'K' => self.unsigned(1)?,
                b'M' => self.unsigned(2)?,
                0x8a => {
                    let length = self.take(1)?[0];
                    self.integer(usize::from(length))?;
                }
                b'X' => self.text(4)?,
                0x8c => self.text(1)?,
                0x8d => self.text(8)?,
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Name(module, name))?;
                }
                0x93 => self.name()?,
                b'}' => self.push(Value::Dictionary(Vec::new(), 1))?,
                b')' | b']' | 0x8f => self.push(Value::Several(Vec::new(), 1))?,
                b't' => {
                    let several = self.above_mark()?;
                    self.several(several)?;
                }
                0x85..=0x87 => self.tuple(usize::from(instruction - 0x84))?,
                b'a' => {
                    let one = self.pop()?;
                    self.add(vec![one])?;
                }
                b's' => {
                    let (value, name) = (self.pop()?, self.pop()?);
                    self.add(vec![name, value])?;
                }
                b'e' | b'u' | 0x90 => {
                    let several = self.above_mark()?;
                    self.add(several)?;
                }
                b'q' => {
                    let number = usize::from(self.take(1)?[0]);
                    self.keep(number)?;
                }
                b'r' => {
                    let number = self.number(4)?;
                    self.keep(number)?;
                }
                0x94 => self.keep(self.kept.len())?,
                b'h' => {
                    let number = usize::from(self.take(1)?[0]);
                    self.again(number)?;
                }
                b'j' => {
                    let number = self.number(4)?;
                    self.again(number)?;
                }
                b'Q' => self.storage()?,
                b'R' | 0x81 => self.called()?,
                // what an object is given besides: the versions of modules, of which nothing is needed
                b'b' => drop(self.pop()?),
                other => {
                    return Err(format!("it has the pickled instruction {other:#04x}, which no file of weights needs"));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("its instructions end too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    /// A number of so many bytes that counts something.
    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(whole)).map_err(|_| "it counts further than this machine".to_owned())
    }

    fn unsigned(&mut self, bytes: usize) -> Result<(), String> {
        let number = self.number(bytes)?;
        self.push(Value::Integer(number as i64))
    }

    /// A signed number of up to eight bytes.
    fn integer(&mut self, count: usize) -> Result<(), String> {
        let bytes = self.take(count)?;
        if count > 8 {
            return self.push(Value::Other);
        }
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole[..count].copy_from_slice(bytes);
        self.push(Value::Integer(i64::from_le_bytes(whole)))
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let length = self.number(width)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.bytes.iter().position(|byte| *byte == b'\n').ok_or("its instructions end too early")?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        self.push_shared(Rc::new(value))
    }

    fn push_shared(&mut self, value: Rc<Value>) -> Result<(), String> {
        if self.stack.len() >= MOST {
            return Err("it holds more than any model".to_owned());
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Rc<Value>, String> {
        self.stack.pop().ok_or_else(|| "its instructions do not fit each other".to_owned())
    }

    fn above_mark(&mut self) -> Result<Vec<Rc<Value>>, String> {
        let is_mark = |value: &Rc<Value>| matches!(value.as_ref(), Value::Mark);
        let mark = self.stack.iter().rposition(is_mark).ok_or("its instructions do not fit each other")?;
        let above = self.stack.split_off(mark + 1);
        self.stack.truncate(mark);
        Ok(above)
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let from = self.stack.len().checked_sub(count).ok_or("its instructions do not fit each other")?;
        let several = self.stack.split_off(from);
        self.several(several)
    }

    fn several(&mut self, list: Vec<Rc<Value>>) -> Result<(), String> {
        self.push(Value::Several(Vec::new(), 1))?;
        self.add(list)
    }

    /// Adds to the list or dictionary on top.
    fn add(&mut self, more: Vec<Rc<Value>>) -> Result<(), String> {
        let below = more.iter().map(|value| value.depth()).max().unwrap_or(0);
        if below >= DEEPEST {
            return Err("its lists are nested too deeply".to_owned());
        }
        // one that is kept as well is copied first
        let shared = self.stack.last().filter(|top| Rc::strong_count(top) > 1).map_or(0, |top| match top.as_ref() {
            Value::Several(list, _) | Value::Dictionary(list, _) => list.len(),
            _ => 0,
        });
        self.copies(shared * size_of::<Rc<Value>>())?;
        match self.stack.last_mut().map(Rc::make_mut) {
            Some(Value::Several(list, depth) | Value::Dictionary(list, depth)) => {
                list.extend(more);
                *depth = (*depth).max(below + 1);
            }
            Some(Value::Other) => {}
            _ => return Err("it adds to something that is not a container".to_owned()),
        }
        Ok(())
    }

    /// Notes that so many bytes are copied.
    fn copies(&mut self, bytes: usize) -> Result<(), String> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MOST_COPIED {
            return Err("it copies more than any model".to_owned());
        }
        Ok(())
    }

    fn keep(&mut self, number: usize) -> Result<(), String> {
        if number >= MOST {
            return Err("it holds more than any model".to_owned());
        }
        let top = self.stack.last().cloned();
        if number >= self.kept.len() {
            self.kept.resize(number + 1, None);
        }
        self.kept[number] = top;
        Ok(())
    }

    fn again(&mut self, number: usize) -> Result<(), String> {
        let kept = self.kept.get(number).cloned().flatten().ok_or("its instructions do not fit each other")?;
        self.push_shared(kept)
    }

    /// A name of Python from two texts.
    fn name(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (module.as_ref(), name.as_ref()) {
            (Value::Text(module), Value::Text(name)) => {
                self.copies(module.len() + name.len())?;
                self.push(Value::Name(module.clone(), name.clone()))
            }
            _ => self.push(Value::Other),
        }
    }

    /// A storage by what stands for it: `("storage", class, key, device, entries)`.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let parts: Vec<&Value> = match id.as_ref() {
            Value::Several(parts, _) => parts.iter().map(Rc::as_ref).collect(),
            _ => Vec::new(),
        };
        match parts[..] {
            [Value::Text(kind), Value::Name(_, class), Value::Text(key), ..] if kind == "storage" => {
                self.copies(class.len() + key.len())?;
                self.push(Value::Storage(class.clone(), key.clone()))
            }
            _ => Err("it names a storage in an unknown way".to_owned()),
        }
    }

    /// What comes of calling a name of Python.
    fn called(&mut self) -> Result<(), String> {
        let (arguments, called) = (self.pop()?, self.pop()?);
        let arguments: &[Rc<Value>] = if let Value::Several(list, _) = arguments.as_ref() { list } else { &[] };
        let Value::Name(module, name) = called.as_ref() else { return self.push(Value::Other) };
        match (module.as_str(), name.as_str(), arguments) {
            ("collections", "OrderedDict", []) => self.push(Value::Dictionary(Vec::new(), 1)),
            ("torch._utils", "_rebuild_parameter", [tensor, ..]) => self.push_shared(tensor.clone()),
            ("torch._utils", "_rebuild_tensor_v2", [storage, first, shape, strides, ..]) => {
                let view = view(storage, first, shape, strides).ok_or("it makes a tensor in an unknown way")?;
                self.copies(view.size())?;
                self.push(Value::Tensor(view))
            }
            _ => self.push(Value::Other),
        }
    }
}

fn view(storage: &Value, first: &Value, shape: &Value, strides: &Value) -> Option<View> {
    let integers = |value: &Value| match value {
        Value::Several(list, _) if list.len() <= MOST_DIMENSIONS => {
            list.iter().map(|one| integer(one)).collect::<Option<Vec<i64>>>()
        }
        _ => None,
    };
    let Value::Storage(class, key) = storage else { return None };
    let (shape, strides) = (integers(shape)?, integers(strides)?);
    let fits = shape.len() == strides.len() && shape.iter().chain(&strides).all(|side| *side >= 0);
    let first = integer(first).filter(|first| *first >= 0 && fits)?;
    Some(View { class: class.clone(), key: key.clone(), first, shape, strides })
}

fn integer(value: &Value) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

#[cfg(test)]
mod tests {
    use super::tensors;

    #[test]
    fn what_is_no_dictionary_of_tensors_is_told_in_words() {
        for (bytes, said) in [
            (&b""[..], "end too early"),
            (b"\x80\x02.", "do not fit"),
            (b"\x80\x02N.", "no dictionary"),
            (b"X\xff\xff\xff\xffab.", "end too early"),
            (b"(((u.", "not a container"),
            (b"h\x07.", "do not fit"),
            (b"ios\nsystem\n.", "instruction 0x69"),
        ] {
            let error = tensors(bytes).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
        // a name that is called makes nothing of it: nothing is run
        let system = b"}X\x01\x00\x00\x00acos\nsystem\nX\x02\x00\x00\x00ls\x85Rs.";
        assert_eq!(tensors(system), Ok(Vec::new()));
        // a dictionary that is kept and grows afterwards is read, as PyTorch writes it
        let grown = b"}q\x00(X\x01\x00\x00\x00aNu(X\x01\x00\x00\x00bNu.";
        assert_eq!(tensors(grown), Ok(Vec::new()));
        let deep = [b")".to_vec(), b"\x85".repeat(100_000), b".".to_vec()].concat();
        assert!(tensors(&deep).expect_err("deep").contains("too deeply"));
    }

    #[test]
    fn a_small_file_makes_no_large_copies() {
        // a long list that is kept each time before it grows by one
        let mut list = [b"](".to_vec(), b"N".repeat(100_000), b"e".to_vec()].concat();
        for number in 0..200_u32 {
            list.extend([b"r".as_slice(), &number.to_le_bytes(), b"Na"].concat());
        }
        list.push(b'.');
        // a long text that is the module and the name of one name after the other
        let mut names = [b"X\x40\x42\x0f\x00".to_vec(), b"a".repeat(1_000_000), b"q\x00".to_vec()].concat();
        for _ in 0..100 {
            names.extend(b"h\x00h\x00\x93");
        }
        names.push(b'.');
        // a tensor of a long key that is in the dictionary under many names
        let storage = b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x40\x42\x0f\x00".to_vec();
        let mut entries = [b"}(X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((".to_vec(), storage].concat();
        entries.extend([b"a".repeat(1_000_000), b"tQK\x00))tRq\x00".to_vec()].concat());
        for _ in 0..100 {
            entries.extend(b"X\x01\x00\x00\x00bh\x00");
        }
        entries.extend(b"u.");
        for bytes in [list, names, entries] {
            let error = tensors(&bytes).expect_err("more than any model");
            assert!(error.contains("copies more"), "{error}");
        }
    }
}
