//! Faults of the compiler itself: told as such, and never with the status of a panic.

use std::io::Write;
use std::panic::PanicHookInfo;

/// The status of a process that met a fault of the compiler.
pub const STATUS: u8 = 70;

/// From now on a panic tells what to report and ends the process.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let _ = std::io::stderr().write_all(report(info).as_bytes());
        std::process::exit(i32::from(STATUS));
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
    format!(
        "\nThis is a bug in dlc and no fault of your program.\n\n  dlc {} on {} {}\n  {place}\n  {}\n\n\
         Please report these lines with the command line and the program, as small as it will go.\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        what.replace('\n', "\n  "),
    )
}
