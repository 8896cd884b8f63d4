//! Engine and session ask libtorch by the calls that return its exceptions (`f_matmul(..)?`), never by those that panic
//! (`matmul(..)`, operators on tensors). Held by reading their sources; which calls there are is read from tch's own.
//!
//! Names that other types have as well (`get`, `sum`) count where the receiver is known to be a tensor: a parameter, a
//! field or a variable of that type, or the result of another call.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Pat, Token, Type};

/// Calls that may stand. `kind` reads what a tensor knows of itself and panics on formats that tch does not know only:
/// none is made here, and what plugins and files bring is checked where it comes in. `clone` of a tensor takes a second
/// one, so that what is called so without arguments is of another type. (`size`, `dim`, `device`, `numel` and
/// `shallow_clone` have no fallible form; they allocate nothing that counts.)
const ALLOWED: [&str; 2] = ["clone", "kind"];
/// Calls that panic and have no fallible form.
const WITHOUT_FORM: [&str; 9] = [
    "accuracy_for_logits",
    "copy",
    "cross_entropy_for_logits",
    "flat_view",
    "from",
    "from_slice2",
    "onehot",
    "random_batch",
    "zero_grad",
];
/// Names that types of the standard library and our own have too.
const SHARED: [&str; 39] = [
    "abs",
    "add",
    "all",
    "any",
    "ceil",
    "clamp",
    "concat",
    "cos",
    "data",
    "equal",
    "exp",
    "flatten",
    "floor",
    "get",
    "inner",
    "log",
    "log2",
    "max",
    "mean",
    "min",
    "norm",
    "positive",
    "range",
    "repeat",
    "resize",
    "round",
    "set",
    "sin",
    "sort",
    "split",
    "sqrt",
    "sum",
    "take",
    "tan",
    "tanh",
    "transpose",
    "trunc",
    "uniform",
    "values",
];
/// Fallible calls that give something other than one tensor.
const NO_TENSOR: [&str; 12] = [
    "f_chunk",
    "f_copy_",
    "f_copy_data",
    "f_copy_data_u8",
    "f_double_value",
    "f_equal",
    "f_int64_value",
    "f_kind",
    "f_linalg_cholesky_ex",
    "f_run_backward",
    "f_svd",
    "f_topk",
];
/// Macros that panic.
const MACROS: [&str; 7] = ["assert", "assert_eq", "assert_ne", "panic", "todo", "unimplemented", "unreachable"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("root")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|end| end == "rs") {
            files.push(entry);
        }
    }
    files
}

/// Names of tch's calls that have a fallible form: `matmul` where there is `f_matmul`.
fn names() -> BTreeSet<String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root()).output().expect(program);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let about = said("rustc", &["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let metadata = said(env!("CARGO"), &["metadata", "--format-version", "1", "--offline", "--filter-platform", host]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let tch = packages.iter().find(|package| package["name"] == "tch").expect("tch");
    let source = Path::new(tch["manifest_path"].as_str().expect("a path")).with_file_name("src");
    let mut names = BTreeSet::new();
    for file in rust_files(&source) {
        let text = std::fs::read_to_string(file).expect("a source");
        let name = |rest: &str| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().map(str::to_owned);
        names.extend(text.split("fn f_").skip(1).filter_map(name));
    }
    assert!(names.len() > 2000 && names.contains("matmul") && names.contains("from_slice"), "{}", names.len());
    names
}

/// What fields of structs hold: whether one name is a tensor, or an option of one, wherever it stands.
#[derive(Default)]
struct Fields {
    tensors: BTreeSet<String>,
    options: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl<'a> Visit<'a> for Fields {
    fn visit_field(&mut self, field: &'a syn::Field) {
        let Some(name) = field.ident.as_ref().map(ToString::to_string) else { return };
        let slot = match () {
            () if is_tensor_type(&field.ty) => &mut self.tensors,
            () if is_option_of_tensor(&field.ty) => &mut self.options,
            () => &mut self.others,
        };
        slot.insert(name);
    }
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Reference(reference) => last_segment(&reference.elem),
        _ => None,
    }
}

fn is_tensor_type(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "Tensor")
}

fn is_option_of_tensor(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) if segment.ident == "Option" => {
            matches!(arguments.args.first(), Some(syn::GenericArgument::Type(ty)) if is_tensor_type(ty))
        }
        _ => false,
    })
}

/// Looks through one source.
struct Scan<'a> {
    names: &'a BTreeSet<String>,
    fields: &'a Fields,
    /// By variable, the innermost scope last: whether it is a tensor.
    scopes: Vec<HashMap<String, bool>>,
    /// Line and what is wrong there.
    found: Vec<(usize, String)>,
}

impl Scan<'_> {
    fn of(names: &BTreeSet<String>, fields: &Fields, file: &syn::File) -> Vec<(usize, String)> {
        let mut scan = Scan { names, fields, scopes: vec![HashMap::new()], found: Vec::new() };
        scan.visit_file(file);
        scan.found
    }

    fn tell(&mut self, span: proc_macro2::Span, text: String) {
        self.found.push((span.start().line, text));
    }

    fn panics(&self, name: &str) -> bool {
        let listed = self.names.contains(name) || WITHOUT_FORM.contains(&name) || name.starts_with("g_");
        listed && !name.starts_with("f_") && !ALLOWED.contains(&name)
    }

    fn field_is(&self, expression: &Expr, set: &BTreeSet<String>) -> bool {
        let Expr::Field(field) = peeled(expression) else { return false };
        let syn::Member::Named(name) = &field.member else { return false };
        let name = name.to_string();
        set.contains(&name) && !self.fields.others.contains(&name)
    }

    fn is_tensor(&self, expression: &Expr) -> bool {
        match peeled(expression) {
            Expr::Try(tried) => match peeled(&tried.expr) {
                Expr::MethodCall(call) => gives_tensor(&call.method.to_string()),
                Expr::Call(call) => tensor_function(&call.func).is_some_and(|name| gives_tensor(&name)),
                _ => false,
            },
            Expr::MethodCall(call) => call.method == "shallow_clone",
            Expr::Path(path) => path.path.get_ident().is_some_and(|name| self.known(&name.to_string())),
            field @ Expr::Field(_) => self.field_is(field, &self.fields.tensors),
            Expr::If(branches) => {
                let other = branches.else_branch.as_ref().is_some_and(|(_, other)| self.is_tensor(other));
                other || last_of(&branches.then_branch).is_some_and(|last| self.is_tensor(last))
            }
            Expr::Block(block) => last_of(&block.block).is_some_and(|last| self.is_tensor(last)),
            Expr::Match(cases) => cases.arms.iter().any(|arm| self.is_tensor(&arm.body)),
            _ => false,
        }
    }

    fn known(&self, name: &str) -> bool {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied().unwrap_or(false)
    }

    fn learn(&mut self, name: String, is_tensor: bool) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, is_tensor);
        }
    }

    /// Learns what a pattern binds, where it is known what it is matched with.
    fn bind(&mut self, pattern: &Pat, value: Option<&Expr>) {
        match (pattern, value) {
            (Pat::Type(typed), _) => {
                if let Pat::Ident(name) = &*typed.pat {
                    self.learn(name.ident.to_string(), is_tensor_type(&typed.ty));
                }
            }
            (Pat::Ident(name), value) => {
                let is_tensor = value.is_some_and(|value| self.is_tensor(value));
                self.learn(name.ident.to_string(), is_tensor);
            }
            (Pat::Tuple(patterns), Some(Expr::Tuple(values))) => {
                for (pattern, value) in patterns.elems.iter().zip(&values.elems) {
                    self.bind(pattern, Some(value));
                }
            }
            (Pat::Tuple(patterns), _) => patterns.elems.iter().for_each(|pattern| self.bind(pattern, None)),
            (Pat::TupleStruct(some), Some(value)) if some.path.is_ident("Some") => {
                let is_tensor = self.field_is(value, &self.fields.options);
                if let Some(Pat::Ident(name)) = some.elems.first() {
                    self.learn(name.ident.to_string(), is_tensor);
                }
            }
            _ => {}
        }
    }

    fn within(&mut self, look: impl FnOnce(&mut Self)) {
        self.scopes.push(HashMap::new());
        look(self);
        self.scopes.pop();
    }
}

/// Without parentheses, references and dereferences around it.
fn peeled(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(inner) => peeled(&inner.expr),
        Expr::Group(inner) => peeled(&inner.expr),
        Expr::Reference(inner) => peeled(&inner.expr),
        Expr::Unary(inner) if matches!(inner.op, syn::UnOp::Deref(_)) => peeled(&inner.expr),
        other => other,
    }
}

fn gives_tensor(name: &str) -> bool {
    name.starts_with("f_") && !NO_TENSOR.contains(&name)
}

/// The name of a function of `Tensor`.
fn tensor_function(function: &Expr) -> Option<String> {
    let Expr::Path(path) = function else { return None };
    let mut segments = path.path.segments.iter().rev();
    let name = segments.next()?.ident.to_string();
    (segments.next()?.ident == "Tensor").then_some(name)
}

fn last_of(block: &syn::Block) -> Option<&Expr> {
    match block.stmts.last()? {
        syn::Stmt::Expr(last, None) => Some(last),
        _ => None,
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Scan<'_> {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs[..],
            syn::Item::Fn(item) => &item.attrs[..],
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        for input in &signature.inputs {
            if let syn::FnArg::Typed(typed) = input {
                self.bind(&Pat::Type(typed.clone()), None);
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.within(|scan| visit::visit_item_fn(scan, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.within(|scan| visit::visit_impl_item_fn(scan, item));
    }

    fn visit_expr_closure(&mut self, closure: &'a syn::ExprClosure) {
        self.within(|scan| {
            closure.inputs.iter().for_each(|input| scan.bind(input, None));
            scan.visit_expr(&closure.body);
        });
    }

    fn visit_block(&mut self, block: &'a syn::Block) {
        self.within(|scan| visit::visit_block(scan, block));
    }

    fn visit_local(&mut self, local: &'a syn::Local) {
        visit::visit_local(self, local);
        self.bind(&local.pat, local.init.as_ref().map(|init| &*init.expr));
    }

    fn visit_expr_let(&mut self, condition: &'a syn::ExprLet) {
        visit::visit_expr_let(self, condition);
        self.bind(&condition.pat, Some(&condition.expr));
    }

    fn visit_expr_match(&mut self, cases: &'a syn::ExprMatch) {
        self.visit_expr(&cases.expr);
        for arm in &cases.arms {
            self.within(|scan| {
                scan.bind(&arm.pat, Some(&cases.expr));
                visit::visit_arm(scan, arm);
            });
        }
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let name = call.method.to_string();
        if name == "unwrap" || name == "expect" {
            self.tell(call.method.span(), format!("`.{name}()` panics; return an error"));
        }
        let shared = SHARED.contains(&name.as_str()) || name == "from";
        if self.panics(&name) && (!shared || self.is_tensor(&call.receiver)) {
            self.tell(
                call.method.span(),
                format!("`.{name}()` panics on an exception of libtorch; use `.f_{name}()?`"),
            );
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        if let Some(name) = tensor_function(&Expr::Path(path.clone())).filter(|name| self.panics(name)) {
            let span = path.path.segments[0].ident.span();
            self.tell(span, format!("`Tensor::{name}` panics on an exception of libtorch; use `Tensor::f_{name}`"));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_binary(&mut self, operation: &'a syn::ExprBinary) {
        use syn::BinOp::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Sub, SubAssign};
        let is_arithmetic = matches!(
            operation.op,
            Add(_) | AddAssign(_) | Div(_) | DivAssign(_) | Mul(_) | MulAssign(_) | Sub(_) | SubAssign(_)
        );
        if is_arithmetic && (self.is_tensor(&operation.left) || self.is_tensor(&operation.right)) {
            let text =
                "an operator on tensors panics on an exception of libtorch; use `f_add`, `f_mul_scalar` and so on";
            self.tell(syn::spanned::Spanned::span(&operation.op), text.to_owned());
        }
        visit::visit_expr_binary(self, operation);
    }

    fn visit_expr_unary(&mut self, operation: &'a syn::ExprUnary) {
        if matches!(operation.op, syn::UnOp::Neg(_)) && self.is_tensor(&operation.expr) {
            self.tell(syn::spanned::Spanned::span(&operation.op), "`-` on a tensor panics; use `f_neg`".to_owned());
        }
        visit::visit_expr_unary(self, operation);
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        let name = called.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if MACROS.contains(&name.as_str()) {
            self.tell(called.path.segments[0].ident.span(), format!("`{name}!` panics; return an error"));
        }
        if let Ok(arguments) = called.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            // they live as long as the scan of them
            arguments.iter().for_each(|argument| self.visit_argument(argument));
        }
    }
}

impl Scan<'_> {
    fn visit_argument(&mut self, argument: &Expr) {
        self.visit_expr(argument);
    }
}

/// Files beside a source that are compiled for tests only: `#[cfg(test)] mod name;`.
fn test_modules(file: &Path, source: &syn::File) -> Vec<PathBuf> {
    let is_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    let module = |item: &syn::Item| match item {
        syn::Item::Mod(module) if module.content.is_none() && module.attrs.iter().any(is_test) => {
            Some(file.with_file_name(format!("{}.rs", module.ident)))
        }
        _ => None,
    };
    source.items.iter().filter_map(module).collect()
}

#[test]
fn engine_and_session_call_what_returns_its_exceptions() {
    let names = names();
    let mut sources = Vec::new();
    for folder in ["app/engine/src", "app/session/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).expect("a source");
            sources.push((file, syn::parse_file(&text).expect("Rust")));
        }
    }
    let tests: Vec<PathBuf> = sources.iter().flat_map(|(file, source)| test_modules(file, source)).collect();
    assert!(!tests.is_empty(), "the session's failures are tested in a file of their own");
    sources.retain(|(file, _)| !tests.contains(file));
    let mut fields = Fields::default();
    sources.iter().for_each(|(_, source)| fields.visit_file(source));
    assert!(fields.tensors.len() > 10 && !fields.options.is_empty(), "{:?}", fields.tensors);
    let mut found = Vec::new();
    for (file, source) in &sources {
        let place = file.strip_prefix(root()).expect("below the root").display().to_string();
        let here = Scan::of(&names, &fields, source);
        found.extend(here.into_iter().map(|(line, text)| format!("{place}:{line}: {text}")));
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_panics_is_found_and_what_returns_its_exceptions_is_not() {
    let names = names();
    let scan = |body: &str| {
        let text = format!(
            "struct S {{ weight: Tensor, bias: Option<Tensor>, count: i64 }}
             impl S {{ fn f(&self, a: &Tensor, b: Tensor, n: i64, list: &[i64]) -> Result<Tensor> {{ {body} }} }}"
        );
        let source = syn::parse_file(&text).expect(body);
        let mut fields = Fields::default();
        fields.visit_file(&source);
        Scan::of(&names, &fields, &source)
    };
    for bad in [
        "Ok(a.matmul(&b))",
        "Ok(a.f_matmul(&b)?.tr())",
        "Ok(a + &b)",
        "Ok(&b * 2.0)",
        "Ok(1.0 - a)",
        "Ok(-a)",
        "let mut c = a.f_tr()?; c += &b; Ok(c)",
        "let c = if n > 0 { a.f_tr()? } else { b }; Ok(c / 2.0)",
        "Ok(&self.weight + 1.0)",
        "Ok(match &self.bias { Some(bias) => bias * 2.0, None => b })",
        "if let Some(bias) = &self.bias { return Ok(bias * 2.0); } Ok(b)",
        "Tensor::cat(&[a], 0); Ok(b)",
        "Ok(list.iter().map(|n| Tensor::from(*n)).next())",
        "list.iter().map(Tensor::from); Ok(b)",
        "[a].map(Tensor::detach); Ok(b)",
        "Ok(a.get(0))",
        "Ok(self.weight.sum(Kind::Float))",
        "let all = |t: &Tensor| t.max(); Ok(b)",
        "let x = format!(\"{}\", a.double_value(&[])); Ok(b)",
        "Ok(a.copy())",
        "Ok(a.g_add(&b))",
        "Ok(a.f_tr().unwrap())",
        "Ok(a.f_tr().expect(\"t\"))",
        "panic!(\"no\")",
        "assert!(n > 0); Ok(b)",
    ] {
        assert!(!scan(bad).is_empty(), "{bad}");
    }
    for good in [
        "Ok(a.f_matmul(&b)?.f_add(&self.weight)?)",
        "let n = n + self.count * 2; Ok(b)",
        "let n = list.get(0); let s: i64 = list.iter().sum(); Ok(b)",
        "let value = a.f_double_value(&[])? * 2.0 - 1.0; Ok(b)",
        "let columns = a.size()[0] + 1; Ok(a.shallow_clone())",
        "let a = a.size()[0]; let twice = a * 2; Ok(b)",
        "if a.kind() == Kind::Float { return Ok(b); } Ok(a.f_get(0)?)",
    ] {
        assert_eq!(scan(good), [], "{good}");
    }
}
