//! Modules: the program's file, the files beside it, and the embedded library.
//!
//! A module's declarations are evaluated when something needs them, the program's own in order of
//! the text. A name is visible below its declaration only, so there is no recursion.

use super::nearest::nearest;
use super::state::{Checker, Fail, FrameKind, Outcome};
use super::value::FrameId;
use crate::diag::{Diagnostic, codes};
use crate::library;
use crate::source::{Source, Span, near};
use crate::syntax::{self, ast};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A module.
pub(super) struct Module {
    /// `std.layers`, `helpers`, or the program's name.
    pub name: String,
    pub file: Arc<ast::File>,
    pub frame: FrameId,
    /// Which declarations were evaluated.
    pub done: Vec<bool>,
    /// What is taken from other modules: the name, the module, the place of the name in `use`.
    pub imports: Vec<(ast::Ident, usize)>,
}

/// A module that is being read.
pub(super) struct UnderWay {
    /// Its name, for the message.
    pub name: String,
    /// The `use` that led to it.
    pub by: Span,
    /// Its file, however it was reached; the name of an embedded one.
    pub file: PathBuf,
}

/// The one path of a file that several lead to, as links do.
pub(super) fn one_name(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The name a declaration binds, if one.
pub(super) fn item_names(item: &ast::Item) -> Vec<ast::Ident> {
    fn pattern(p: &ast::Pattern, out: &mut Vec<ast::Ident>) {
        match &p.kind {
            ast::PatternKind::Name(ident, _) => out.push(ident.clone()),
            ast::PatternKind::Tuple(parts) => parts.iter().for_each(|p| pattern(p, out)),
        }
    }
    let one = |ident: &ast::Ident| vec![ident.clone()];
    match item {
        ast::Item::Hyper(n) => one(&n.name),
        ast::Item::Dim(n) => one(&n.name),
        ast::Item::Data(n) => one(&n.name),
        ast::Item::Stream(n) => one(&n.name),
        ast::Item::Layer(n) => one(&n.name),
        ast::Item::Param(n) | ast::Item::State(n) => one(&n.name),
        ast::Item::Fn(n) => one(&n.name),
        ast::Item::Step(n) => one(&n.name),
        ast::Item::Schedule(n) => one(&n.name),
        ast::Item::Draw(n) => one(&n.name),
        ast::Item::Define(n) => {
            let mut names = Vec::new();
            pattern(&n.pattern, &mut names);
            names
        }
        ast::Item::Run(_) | ast::Item::Assert(_) => Vec::new(),
    }
}

impl Checker<'_> {
    /// Reads a module and those it uses; `chain` holds those under way.
    pub fn load(
        &mut self,
        name: String,
        source: Arc<Source>,
        folder: PathBuf,
        chain: &mut Vec<UnderWay>,
    ) -> Outcome<usize> {
        let (file, problems) = syntax::parse(&source);
        let broken = problems.iter().any(|p| p.severity == crate::diag::Severity::Error);
        self.problems.extend(problems);
        if broken {
            return Err(Fail::Reported);
        }
        let file = Arc::new(file);
        let mut imports = Vec::new();
        for taken in &file.uses {
            let module = self.used(taken, &folder, chain)?;
            for ident in &taken.names {
                let known: Vec<Arc<str>> =
                    self.modules[module].file.items.iter().flat_map(item_names).map(|i| i.name).collect();
                if !known.contains(&ident.name) {
                    let mut d = Diagnostic::error(
                        codes::UNKNOWN_MODULE,
                        format!("{} does not define {}", taken.module(), ident.name),
                    )
                    .label(ident.span, "taken here");
                    if let Some(near) = nearest(&ident.name, known.iter().map(|k| &**k)) {
                        d = d.help(near.to_string());
                    } else if !known.is_empty() {
                        d = d.note(format!("it defines {}", known.join(", ")));
                    }
                    return Err(d.into());
                }
                imports.push((ident.clone(), module));
            }
        }
        let unknown = super::resolve::unknown_names(&file);
        if !unknown.is_empty() {
            self.problems.extend(unknown);
            return Err(Fail::Reported);
        }
        let id = self.modules.len();
        let frame = self.push_frame(None, FrameKind::Module(id));
        self.module_of_file.insert(source.id, id);
        let done = vec![false; file.items.len()];
        self.modules.push(Module { name, file, frame, done, imports });
        Ok(id)
    }

    /// The module of a `use`.
    fn used(&mut self, taken: &ast::Use, folder: &Path, chain: &mut Vec<UnderWay>) -> Outcome<usize> {
        let name = taken.module();
        let span = taken.path_span();
        let embedded = library::text(&name);
        let inside = PathBuf::from(name.replace('.', "/")).with_extension("dl");
        let places = near(folder).map(|folder| folder.join(&inside));
        let path = match embedded {
            Some(_) => PathBuf::from(&name),
            None => places.iter().find(|p| p.exists()).unwrap_or(&places[0]).clone(),
        };
        let file = one_name(&path);
        if let Some(at) = chain.iter().position(|module| module.file == file) {
            let mut steps: Vec<&str> = chain[at..].iter().map(|module| module.name.as_str()).collect();
            steps.push(&name);
            let mut d = Diagnostic::error(
                codes::IMPORT_CYCLE,
                format!("modules use each other in a circle: {}", steps.join(" uses ")),
            )
            .label(span, format!("uses {name}, which is still being read"));
            for module in chain[at + 1..].iter().take(3) {
                d = d.label(module.by, format!("{} is used here", module.name));
            }
            return Err(d.help("move what both need into a third module").into());
        }
        if let Some(text) = embedded {
            if let Some(id) = self.modules.iter().position(|m| m.name == name) {
                return Ok(id);
            }
            let source = self.sources.add(name.clone(), None, text);
            chain.push(UnderWay { name: name.clone(), by: span, file });
            let id = self.load(name, source, PathBuf::new(), chain);
            chain.pop();
            return id;
        }
        if let Some(rest) = name.strip_prefix("std.") {
            let known = library::MODULES.iter().map(|(n, _)| *n);
            let mut d = Diagnostic::error(
                codes::UNKNOWN_MODULE,
                format!("the standard library has no module {rest}"),
            )
            .label(span, "used here");
            d = match nearest(&name, known.clone()) {
                Some(near) => d.help(near.to_string()),
                None => d.note(format!("it has {}", known.collect::<Vec<_>>().join(", "))),
            };
            return Err(d.into());
        }
        let key = path.display().to_string();
        let same = |path: &PathBuf| one_name(path) == file;
        let read = |m: &Module| self.sources.get(m.file.id).path.as_ref().is_some_and(same);
        if let Some(id) = self.modules.iter().position(read) {
            return Ok(id);
        }
        let text = match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                let d = Diagnostic::error(codes::UNREADABLE, format!("{key} is not UTF-8 text"))
                    .label(span, "used here");
                return Err(d.into());
            }
            Err(e) => {
                let d = Diagnostic::error(codes::UNKNOWN_MODULE, format!("there is no module {name}"))
                    .label(span, "used here")
                    .note(format!("looked for {key}: {e}"))
                    .note(format!("and for {}", places[1].display()))
                    .help("`use std.…` for the library, or a file of that name beside this one or in the folder above");
                return Err(d.into());
            }
        };
        let source = self.sources.add(key.clone(), Some(path.clone()), text);
        chain.push(UnderWay { name: name.clone(), by: span, file });
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let id = self.load(name, source, folder, chain);
        chain.pop();
        id
    }
}
