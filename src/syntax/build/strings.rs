//! Strings and their holes.

use super::{Builder, Node, child};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::parser::Rule;

impl Builder<'_> {
    pub(super) fn string(&mut self, pair: Node<'_>) -> Expr {
        let span = self.span(&pair);
        let mut parts = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::text => {
                    let text = self.letters(part.as_str(), part.as_span().start());
                    parts.push(StrPart::Text(text));
                }
                Rule::hole => {
                    let at = self.span(&part);
                    let format = match child(&part, Rule::format) {
                        Some(f) => self.format(&f),
                        None => Format::default(),
                    };
                    parts.push(StrPart::Hole { expr: self.expr_in(&part), format, span: at });
                }
                _ => {}
            }
        }
        Expr { kind: ExprKind::Str(parts), span }
    }

    /// What the letters of a string mean.
    fn letters(&mut self, text: &str, start: usize) -> String {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '{' | '}' => {
                    chars.next();
                    out.push(c);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, c @ ('"' | '\\' | '{' | '}'))) => out.push(c),
                    other => {
                        let c = other.map_or(' ', |o| o.1);
                        let end = start + i + 1 + c.len_utf8();
                        let span = Span::new(self.source.id, start + i, end);
                        self.problem(
                            Diagnostic::error(codes::SYNTAX, format!("`\\{c}` means nothing in a string"))
                                .label(span, "here")
                                .help(
                                    "there are `\\n`, `\\t`, `\\\"` and `\\\\`; a backslash is written twice",
                                ),
                        );
                    }
                },
                c => out.push(c),
            }
        }
        out
    }

    fn format(&mut self, pair: &Node<'_>) -> Format {
        let text = pair.as_str().trim();
        let style = match text.chars().last() {
            Some('%') => Style::Percent,
            Some('e') => Style::Exponent,
            _ => Style::Plain,
        };
        let digits = text.trim_start_matches('.').trim_end_matches(['%', 'e']);
        let count = digits.parse::<usize>().ok();
        if text.is_empty() || (!digits.is_empty() && count.is_none_or(|n| n > 100)) {
            let span = self.span(pair);
            self.problem(
                Diagnostic::error(codes::SYNTAX, "this is no way to show a number")
                    .label(span, "after the `:`")
                    .help("`:.4` is four digits after the point, `:.2%` hundredths, `:.2e` an exponent; at most 100 digits"),
            );
        }
        Format { digits: count, style }
    }
}
