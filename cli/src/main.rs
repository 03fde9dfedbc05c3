//! The program `pricetime`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pricetime_cli::main()
}
