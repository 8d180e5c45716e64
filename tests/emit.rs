//! Machine code against the interpreter of the kernel IR, bit for bit, on every instruction set that
//! there is and on several threads.

#[path = "emit/build.rs"]
mod build;
#[path = "emit/device.rs"]
mod device;
#[path = "emit/random_kernel.rs"]
mod random_kernel;
#[path = "emit/run.rs"]
mod run;
#[path = "emit/steps.rs"]
mod steps;
