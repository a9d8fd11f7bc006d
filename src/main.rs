//! The program `checker`. All it says stands in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    checker::run(checker::bundled())
}
