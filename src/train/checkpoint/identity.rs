//! What a run is: program, settings and data, so that a checkpoint goes on only with its own.

use super::bytes::{Bytes, In, Out};
use crate::diag::{Diagnostic, codes};
use crate::ir::{Buffer, Tensor};
use crate::program::{Precision, Program, print};
use crate::train::Failure;
use crate::train::host::Host;
use std::path::Path;

/// What a run is.
#[derive(Debug, PartialEq)]
pub struct Identity {
    version: String,
    name: String,
    precision: String,
    seed: u64,
    /// Hyper-parameters and their values.
    hypers: Vec<(String, String)>,
    /// Resident arrays and a hash of each.
    data: Vec<(String, u64)>,
    /// The checked program.
    text: String,
}

impl Identity {
    /// That of a host's run.
    pub fn of(host: &Host<'_>, seed: u64) -> Identity {
        let program = host.program;
        let precision = match host.module.precision {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        };
        let named =
            |(at, resident): (usize, &crate::program::Resident)| (resident.name.to_string(), hash(host, at));
        Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: program.name.clone(),
            precision: precision.to_owned(),
            seed,
            hypers: program.hypers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
            data: program.setup.residents.iter().enumerate().map(named).collect(),
            text: text(program),
        }
    }

    /// An error that names what another run has otherwise.
    pub fn same_as(&self, other: &Identity, path: &Path) -> Result<(), Failure> {
        let refuse = |what: &str| {
            let title = format!("{} is of {what}", path.display());
            Diagnostic::error(codes::OTHER_RUN, title)
        };
        if self.version != other.version {
            return Err(refuse("another version of dlc")
                .note(format!("it was written by {}, this is {}", self.version, other.version))
                .into());
        }
        let mut settings = vec![("--precision".to_owned(), &self.precision, &other.precision)];
        let (kept_seed, own_seed) = (self.seed.to_string(), other.seed.to_string());
        settings.push(("--seed".to_owned(), &kept_seed, &own_seed));
        for (name, kept) in &self.hypers {
            if let Some((_, own)) = other.hypers.iter().find(|(n, _)| n == name) {
                settings.push((format!("--set {name}="), kept, own));
            }
        }
        let differ: Vec<_> = settings.into_iter().filter(|(_, kept, own)| kept != own).collect();
        if self.name == other.name && !differ.is_empty() {
            let mut refused = refuse("a run with other settings");
            let mut again = String::new();
            for (option, kept, own) in &differ {
                let name = option.trim_start_matches("--set ").trim_start_matches("--").trim_end_matches('=');
                refused = refused.note(format!("{name} is {own} here, and was {kept}"));
                let between = if option.ends_with('=') { "" } else { " " };
                again += &format!("{option}{between}{kept} ");
            }
            return Err(refused.help(format!("{again}  goes on with the run as it was")).into());
        }
        if self.text != other.text {
            if self.name != other.name {
                let refused = refuse(&format!("another program, {}", self.name));
                return Err(refused.note(format!("this is {}", other.name)).into());
            }
            return Err(self.first_change(other, refuse("another form of the program")).into());
        }
        if let Some(((name, _), _)) = self.data.iter().zip(&other.data).find(|(a, b)| a != b) {
            return Err(refuse("a run with other data")
                .note(format!("{name} does not hold what it held"))
                .into());
        }
        Ok(())
    }

    /// Shows the first line that differs.
    fn first_change(&self, other: &Identity, refused: Diagnostic) -> Diagnostic {
        let (kept, own): (Vec<&str>, Vec<&str>) = (self.text.lines().collect(), other.text.lines().collect());
        let at = kept.iter().zip(&own).position(|(a, b)| a != b).unwrap_or(kept.len().min(own.len()));
        let line = |lines: &[&str]| lines.get(at).map_or("nothing", |line| line.trim()).to_owned();
        refused
            .note(format!("where it had   {}", line(&kept)))
            .note(format!("this has       {}", line(&own)))
            .help("the folder of the run holds the text that it ran with")
    }
}

/// The program as it is printed, without what does not matter or is told apart.
fn text(program: &Program) -> String {
    let bare = Program { name: String::new(), doc: None, hypers: Vec::new(), ..program.clone() };
    print::print(&bare)
}

/// Rows of which a copy is looked at at a time.
const ROWS: usize = 256;

/// A hash of the elements' bits of a resident array, to notice other data; not against malice.
fn hash(host: &Host<'_>, resident: usize) -> u64 {
    let shape = &host.module.residents[resident].ty.shape;
    let start = shape.iter().fold(0, |h, extent| step(h, *extent as u64));
    let Some(extent) = shape.first() else { return hashed(start, &host.queue.resident(resident)) };
    let rows: Vec<usize> = (0..*extent).collect();
    rows.chunks(ROWS).fold(start, |hash, rows| hashed(hash, &host.queue.rows(resident, rows)))
}

fn hashed(start: u64, tensor: &Tensor) -> u64 {
    match &*tensor.data {
        Buffer::F32(v) => v.iter().fold(start, |h, v| step(h, u64::from(v.to_bits()))),
        Buffer::F64(v) => v.iter().fold(start, |h, v| step(h, v.to_bits())),
        Buffer::I32(v) => v.iter().fold(start, |h, v| step(h, *v as u64)),
        Buffer::Bool(v) => v.iter().fold(start, |h, v| step(h, u64::from(*v))),
    }
}

fn step(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

impl Bytes for Identity {
    fn put(&self, out: &mut Out<'_>) {
        (self.version.clone(), self.name.clone()).put(out);
        (self.precision.clone(), self.seed).put(out);
        (self.hypers.clone(), self.data.clone()).put(out);
        self.text.put(out);
    }

    fn get(from: &mut In<'_>) -> Option<Self> {
        let (version, name) = Bytes::get(from)?;
        let (precision, seed) = Bytes::get(from)?;
        let (hypers, data) = Bytes::get(from)?;
        Some(Identity { version, name, precision, seed, hypers, data, text: Bytes::get(from)? })
    }
}
