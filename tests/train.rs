//! Runs of programs that are built by hand: the schedule's meaning, the log, files, messages of
//! values that go bad, and that no program can tell how its calls are queued.

#![allow(clippy::result_large_err)]

#[path = "train/build.rs"]
mod build;
#[path = "train/faults.rs"]
mod faults;
#[path = "train/files.rs"]
mod files;
#[path = "train/formats.rs"]
mod formats;
#[path = "train/schedule.rs"]
mod schedule;
#[path = "train/setup.rs"]
mod setup;
