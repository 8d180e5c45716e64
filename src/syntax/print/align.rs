//! Neighbouring lines: `=` under `=`, comment under comment.

use super::lines::Line;

/// Prints the lines, aligned.
pub(super) fn print(mut lines: Vec<Line>) -> String {
    operators(&mut lines);
    let columns = comments(&lines);
    let mut out = String::new();
    for (line, column) in lines.iter().zip(columns) {
        out.extend(std::iter::repeat_n('\n', line.blanks));
        out.extend(std::iter::repeat_n(' ', line.indent));
        out.push_str(&line.code);
        if let Some(comment) = &line.comment {
            let written = width(line);
            out.extend(std::iter::repeat_n(' ', column.saturating_sub(written)));
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}

fn width(line: &Line) -> usize {
    line.indent + line.code.chars().count()
}

/// Whether `b` stands directly below `a`, at its indentation.
fn neighbours(a: &Line, b: &Line) -> bool {
    b.blanks == 0 && a.indent == b.indent && !a.code.is_empty() && !b.code.is_empty()
}

/// The hyper-parameters and dimensions of a run are always aligned. Other declarations are where the
/// author has aligned any of the run: all of it, unless it falls into groups that are aligned already.
fn operators(lines: &mut [Line]) {
    let mut start = 0;
    while start < lines.len() {
        let mut end = start + 1;
        let kind = lines[start].align.as_ref().map(|a| a.0.clone());
        let same = |l: &Line| kind.is_some() && l.align.as_ref().map(|a| &a.0) == kind.as_ref();
        while end < lines.len() && same(&lines[end]) && neighbours(&lines[end - 1], &lines[end]) {
            end += 1;
        }
        let run = &mut lines[start..end];
        let always = kind.as_deref().is_some_and(|k| k.starts_with("hyper") || k.starts_with("dim"));
        let grouped = || run.chunk_by(in_group).all(|g| g.iter().map(|l| l.operator_gap).min() <= Some(1));
        if !always && grouped() {
            run.chunk_by_mut(in_group).for_each(align);
        } else {
            align(run);
        }
        start = end;
    }
}

fn in_group(a: &Line, b: &Line) -> bool {
    a.operator_column == b.operator_column
}

fn align(run: &mut [Line]) {
    let column = |l: &Line| l.align.as_ref().map_or(0, |a| l.code[..a.1].chars().count());
    let widest = run.iter().map(column).max().unwrap_or(0);
    for line in run {
        let pad = widest - column(line);
        if let Some((_, at)) = &line.align {
            line.code.insert_str(*at, &" ".repeat(pad));
        }
    }
}

/// The column of each comment: one for a run of lines that have one. The author's distance stays if
/// the run was aligned.
fn comments(lines: &[Line]) -> Vec<usize> {
    let mut columns = vec![0; lines.len()];
    let has = |l: &Line| l.comment.is_some() && !l.code.is_empty();
    let mut start = 0;
    while start < lines.len() {
        let mut end = start + 1;
        if !has(&lines[start]) {
            columns[start] = lines[start].indent;
            start = end;
            continue;
        }
        while end < lines.len() && has(&lines[end]) && lines[end].blanks == 0 {
            end += 1;
        }
        let run = &lines[start..end];
        let aligned = run.iter().all(|l| l.author_column == run[0].author_column);
        let gap = run.iter().map(|l| l.author_gap).min().unwrap_or(0);
        let gap = if !aligned {
            4
        } else if gap == 0 {
            2
        } else {
            gap
        };
        let column = run.iter().map(width).max().unwrap_or(0) + gap;
        columns[start..end].fill(column);
        start = end;
    }
    columns
}
