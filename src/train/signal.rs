//! Ctrl-C and the termination signal: the first asks the run to end, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A process that was interrupted ends with this.
pub const STATUS: i32 = 130;

/// Watches for signals from now on and gives the flag that they set.
pub fn watch() -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&flag);
        let handler = move || {
            if raised.swap(true, Ordering::SeqCst) {
                std::process::exit(STATUS);
            }
        };
        // Where a handler cannot be set, the signal ends the process as it always did.
        let _ = ctrlc::set_handler(handler);
        flag
    });
    Arc::clone(flag)
}
