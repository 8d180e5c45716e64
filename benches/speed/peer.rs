//! Other libraries' programs of the models, each library in a process of its own.
//!
//! Their side of the protocol, a line a request, is in `benches/peers/common.py`. A library may have several forms
//! of a program (generators, back ends); each is measured by itself.

use crate::models::Row;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// How they are installed. PyTorch and PyTensor compile with the C++ compiler that they find.
pub const INSTALL: &str =
    "python3 -m venv target/peers && target/peers/bin/pip install -r benches/peers/requirements.txt";

const SCRIPTS: [&str; 3] = ["jax_peer.py", "torch_peer.py", "pytensor_peer.py"];

/// A library at work.
pub struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its name and version.
    pub name: String,
    /// The program that it has compiled, and its forms.
    program: &'static str,
    forms: Vec<Form>,
}

/// A form of a program, compiled.
#[derive(Clone)]
pub struct Form {
    /// Its name.
    pub name: String,
    /// Seconds that compiling took.
    pub compiled: f64,
}

/// The Python that the libraries are installed for.
pub fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/python");
    std::env::var_os("DLC_PEER_PYTHON").map(PathBuf::from).or_else(|| own.exists().then_some(own))
}

/// Starts every library that is there; says of each that is not.
pub fn start(python: &Path, data: &Path, threads: usize) -> Vec<Peer> {
    let started: Vec<Option<Peer>> = SCRIPTS.iter().map(|s| Peer::spawn(python, s, data, threads)).collect();
    started.into_iter().zip(SCRIPTS).filter_map(|(peer, script)| peer?.greeted(script)).collect()
}

impl Peer {
    fn spawn(python: &Path, script: &str, data: &Path, threads: usize) -> Option<Peer> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(python);
        command.arg(folder.join("benches/peers").join(script)).arg(data).arg(threads.to_string());
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                println!("{} cannot be started: {error}", python.display());
                return None;
            }
        };
        let ask = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Peer { child, ask, answers, name: String::new(), program: "", forms: Vec::new() })
    }

    /// Waits until the library has been loaded.
    fn greeted(mut self, script: &str) -> Option<Peer> {
        let lines = self.answer();
        match lines.iter().find_map(|line| line.strip_prefix("ready ")) {
            Some(name) => {
                self.name = name.to_owned();
                Some(self)
            }
            None => {
                println!("{script}: left out. {}", lines.join("; "));
                None
            }
        }
    }

    /// Asks for the row's program to be compiled, unless it is there from the row before; [`Peer::built`] waits.
    pub fn build(&mut self, row: &'static Row, start: &Path) {
        if self.program != row.peer {
            self.ask(&format!("build {} {} {} {}", row.peer, row.batch, row.chunk, start.display()));
        }
    }

    /// The forms there are; those that there are not are said to be left out.
    pub fn built(&mut self, row: &'static Row) -> Vec<Form> {
        if self.program == row.peer {
            return self.forms.clone();
        }
        self.program = row.peer;
        self.forms.clear();
        for line in self.answer() {
            match line.split_once(' ') {
                Some(("form", rest)) => {
                    let (name, seconds) = rest.rsplit_once(' ').expect("a form and its seconds");
                    let compiled = seconds.parse().expect("a number");
                    self.forms.push(Form { name: name.to_owned(), compiled });
                }
                _ => println!("{}, {}: left out. {line}", row.name, self.name),
            }
        }
        self.forms.clone()
    }

    /// Trains for a chunk from a minibatch on: microseconds a minibatch, and the mean figure.
    pub fn run(&mut self, row: &Row, form: &Form, first: usize) -> (f64, f64) {
        self.ask(&format!("run {} {} {first}", row.peer, form.name));
        let lines = self.answer();
        let both = |line: &String| {
            let (us, figure) = line.split_once(' ')?;
            Some((us.parse().ok()?, figure.parse().ok()?))
        };
        lines.first().and_then(both).unwrap_or_else(|| panic!("{} answers {lines:?}", self.name))
    }

    fn ask(&mut self, request: &str) {
        // Who has ended answers nothing, which is seen there.
        let _ = writeln!(self.ask, "{request}");
    }

    /// The lines up to `done`, or up to the end.
    fn answer(&mut self) -> Vec<String> {
        let lines = (&mut self.answers).lines().map_while(Result::ok);
        lines.take_while(|line| line != "done").collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
