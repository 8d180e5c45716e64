//! Declarations.

use std::sync::Arc;

use super::{Builder, Node, child};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

impl Builder<'_> {
    pub(super) fn use_(&mut self, pair: Node<'_>) -> Use {
        let mut line = Use { path: vec![], names: vec![], span: self.span(&pair) };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::path => {
                    let mut at = part.as_span().start();
                    for word in part.as_str().split('.') {
                        let span = Span::new(self.source.id, at, at + word.len());
                        line.path.push(Ident { name: Arc::from(word), span });
                        at += word.len() + 1;
                    }
                }
                Rule::ident => line.names.push(self.ident(&part)),
                _ => {}
            }
        }
        line
    }

    /// A declaration of a file or layer.
    pub(super) fn item(&mut self, pair: Node<'_>) -> Option<Item> {
        let span = self.span(&pair);
        Some(match pair.as_rule() {
            Rule::hyper => {
                let is_dim = child(&pair, Rule::k_dim).is_some();
                let ty = child(&pair, Rule::type_).and_then(|t| self.type_(t));
                let (name, value) = (self.name_in(&pair), self.expr_in(&pair));
                Item::Hyper(Hyper { is_dim, name, ty, value, doc: self.doc(span, false), span })
            }
            Rule::dim => {
                let (name, value) = (self.name_in(&pair), self.expr_in(&pair));
                Item::Dim(Dim { name, value, doc: self.doc(span, false), span })
            }
            Rule::data => Item::Data(self.data(pair)),
            Rule::stream => {
                let name = self.name_in(&pair);
                let seed = child(&pair, Rule::expr).map(|e| self.expr(e));
                Item::Stream(Stream { name, seed, doc: self.doc(span, false), span })
            }
            Rule::layer => Item::Layer(self.layer(pair)),
            Rule::function => Item::Fn(self.function(pair)),
            Rule::step => {
                let (name, params, body) = self.signature(&pair);
                let doc = self.doc(span, true);
                Item::Step(Arc::new(Step { name, params, header: self.header(span, &body), body, doc, span }))
            }
            Rule::schedule => {
                let (name, params, body) = self.signature(&pair);
                let (doc, header) = (self.doc(span, true), self.header(span, &body));
                Item::Schedule(Arc::new(Schedule { name, params, header, body, doc, span }))
            }
            Rule::run => {
                let body = self.block_in(&pair);
                Item::Run(Arc::new(Run { body, doc: self.doc(span, true), span }))
            }
            Rule::param | Rule::state => {
                let is_param = pair.as_rule() == Rule::param;
                let mut slot = self.slot(child(&pair, Rule::slot)?);
                slot.span = span;
                slot.doc = self.doc(span, false);
                if is_param { Item::Param(slot) } else { Item::State(slot) }
            }
            Rule::assertion => Item::Assert(self.assertion(pair)),
            Rule::simple => self.simple_item(pair)?,
            _ => return None,
        })
    }

    fn simple_item(&mut self, pair: Node<'_>) -> Option<Item> {
        let span = self.span(&pair);
        match self.simple(pair) {
            StmtKind::Draw(draw) => Some(Item::Draw(draw)),
            StmtKind::Define(define) => Some(Item::Define(Define { doc: self.doc(span, false), ..define })),
            StmtKind::Update(_) => {
                self.problem(
                    Diagnostic::error(codes::SYNTAX, "nothing changes outside a step or the run")
                        .label(span, "a `<-` among the declarations")
                        .help("define it with `=`, or move the change into a `step` or into `run { … }`"),
                );
                None
            }
            StmtKind::Call(_) => {
                self.problem(
                    Diagnostic::error(codes::SYNTAX, "only declarations stand here")
                        .label(span, "a call, whose result nobody gets")
                        .help("name the result, `x = …`, or move the call into `run { … }`"),
                );
                None
            }
            _ => None,
        }
    }

    fn data(&mut self, pair: Node<'_>) -> Arc<Data> {
        let span = self.span(&pair);
        let name = self.name_in(&pair);
        let mut members = Vec::new();
        for member in pair.into_inner().filter(|p| p.as_rule() == Rule::member) {
            for part in member.into_inner() {
                match part.as_rule() {
                    Rule::data => members.push(Member::Data(self.data(part))),
                    Rule::assertion => members.push(Member::Assert(self.assertion(part))),
                    Rule::slot => members.push(Member::Slot(self.slot(part))),
                    _ => {}
                }
            }
        }
        Arc::new(Data { name, members, doc: self.doc(span, true), span })
    }

    fn slot(&mut self, pair: Node<'_>) -> Slot {
        let span = self.span(&pair);
        let mut slot = Slot {
            name: self.name_in(&pair),
            shape: None,
            ty: None,
            init: SlotInit::Value(self.no_expr(span)),
            doc: self.doc(span, false),
            span,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::shape => slot.shape = Some(self.shape(part)),
                Rule::type_ => slot.ty = self.type_(part),
                Rule::source => slot.init = SlotInit::Draw(self.source(part)),
                Rule::expr => slot.init = SlotInit::Value(self.expr(part)),
                _ => {}
            }
        }
        slot
    }

    fn layer(&mut self, pair: Node<'_>) -> Arc<Layer> {
        let span = self.span(&pair);
        let name = self.name_in(&pair);
        if !name.name.starts_with(|c: char| c.is_ascii_uppercase()) {
            let mut better = name.name.trim_start_matches('_').to_owned();
            let first = better.len().min(1);
            better[..first].make_ascii_uppercase();
            self.problem(
                Diagnostic::error(codes::SYNTAX, "a layer's name begins with a capital")
                    .label(name.span, format!("`{}` looks like a value", name.name))
                    .help(format!("layer {better}")),
            );
        }
        let (mut sizes, mut params, mut body) = (None, vec![], vec![]);
        let mut header = span;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::shape => sizes = Some(self.shape(part)),
                Rule::params => params = self.params(part),
                Rule::parts => {
                    header = self.before(span, part.as_span().start());
                    for item in part.into_inner().filter(|p| p.as_rule() == Rule::part) {
                        body.extend(item.into_inner().filter_map(|p| self.item(p)));
                    }
                }
                _ => {}
            }
        }
        Arc::new(Layer { name, sizes, params, body, doc: self.doc(span, true), header, span })
    }

    pub(super) fn function(&mut self, pair: Node<'_>) -> Arc<Function> {
        let span = self.span(&pair);
        let name = self.name_in(&pair);
        let (mut params, mut result) = (vec![], vec![]);
        let mut body = Body::Expr(self.no_expr(span));
        let mut header = span;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::params => params = self.params(part),
                Rule::result => result = self.result(part),
                Rule::equals => header = self.before(span, part.as_span().start()),
                Rule::expr => body = Body::Expr(self.expr(part)),
                Rule::block => {
                    header = self.before(span, part.as_span().start());
                    body = Body::Block(self.block(part));
                }
                _ => {}
            }
        }
        let doc = self.doc(span, true);
        Arc::new(Function { name, params, result, body, doc, header, span })
    }

    fn result(&mut self, pair: Node<'_>) -> Vec<ResultType> {
        let mut types: Vec<ResultType> = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::shape => types.push(ResultType { shape: self.shape(part), ty: None }),
                Rule::type_ => {
                    let ty = self.type_(part);
                    types.last_mut().into_iter().for_each(|t| t.ty = ty.clone());
                }
                _ => {}
            }
        }
        types
    }

    fn signature(&mut self, pair: &Node<'_>) -> (Ident, Vec<Formal>, Block) {
        let params = child(pair, Rule::params).map(|p| self.params(p)).unwrap_or_default();
        (self.name_in(pair), params, self.block_in(pair))
    }

    fn params(&mut self, pair: Node<'_>) -> Vec<Formal> {
        let formals: Vec<Node<'_>> = pair.into_inner().filter(|p| p.as_rule() == Rule::formal).collect();
        formals.into_iter().map(|f| self.formal(f)).collect()
    }

    fn formal(&mut self, pair: Node<'_>) -> Formal {
        let span = self.span(&pair);
        let mut formal = Formal { name: self.name_in(&pair), shape: None, ty: None, default: None, span };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::shape => formal.shape = Some(self.shape(part)),
                Rule::type_ => formal.ty = self.type_(part),
                Rule::expr => formal.default = Some(self.expr(part)),
                _ => {}
            }
        }
        formal
    }

    pub(super) fn shape(&mut self, pair: Node<'_>) -> Shape {
        let span = self.span(&pair);
        let parts: Vec<Node<'_>> = pair.into_inner().filter(|p| p.as_rule() == Rule::extent).collect();
        Shape { extents: parts.into_iter().map(|e| self.extent(e)).collect(), span }
    }

    pub(super) fn extent(&mut self, pair: Node<'_>) -> Extent {
        let span = self.span(&pair);
        match pair.into_inner().next() {
            Some(part) if part.as_rule() == Rule::expr => Extent::Expr(self.expr(part)),
            Some(part) => Extent::Rest {
                name: child(&part, Rule::ident).map(|i| self.ident(&i)),
                span: self.span(&part),
            },
            None => Extent::Expr(self.no_expr(span)),
        }
    }

    pub(super) fn type_(&mut self, pair: Node<'_>) -> Option<Ident> {
        child(&pair, Rule::ident).map(|i| self.ident(&i))
    }

    pub(super) fn doc(&self, span: Span, block: bool) -> Option<String> {
        self.docs.of(span.start as usize, block)
    }

    /// What stands in `span` before the byte `end`.
    fn before(&self, span: Span, end: usize) -> Span {
        let text = self.source.text.get(span.start as usize..end).unwrap_or("");
        Span { end: span.start + text.trim_end().len() as u32, ..span }
    }

    fn header(&self, span: Span, body: &Block) -> Span {
        self.before(span, body.span.start as usize)
    }

    pub(super) fn name_in(&self, pair: &Node<'_>) -> Ident {
        match child(pair, Rule::ident) {
            Some(ident) => self.ident(&ident),
            None => self.no_name(self.span(pair)),
        }
    }

    pub(super) fn expr_in(&mut self, pair: &Node<'_>) -> Expr {
        match child(pair, Rule::expr) {
            Some(e) => self.expr(e),
            None => self.no_expr(self.span(pair)),
        }
    }

    pub(super) fn block_in(&mut self, pair: &Node<'_>) -> Block {
        match child(pair, Rule::block) {
            Some(b) => self.block(b),
            None => Block { stmts: vec![], span: self.span(pair) },
        }
    }
}
