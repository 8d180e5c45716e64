//! The `dlc` command. What it does is in [`dlc::cli`].

fn main() -> std::process::ExitCode {
    dlc::cli::main()
}
