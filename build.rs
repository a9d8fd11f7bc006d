//! Links the compiler's unwinder into the program, where that is possible.
//!
//! As a library of its own it is looked for, mapped and set up at each start, and cron starts the program each minute. Its
//! set-up asks the processor many questions, which a virtual machine answers slowly: a tenth of a pass with nothing due.
//! Where it is not found, all works as well.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    let native = std::env::var("HOST") == std::env::var("TARGET");
    if !(is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && native)
    {
        return;
    }
    let Ok(told) = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else { return };
    let told = String::from_utf8_lossy(&told.stdout);
    if let Some(folder) = Path::new(told.trim()).parent().filter(|folder| folder.is_absolute()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static=gcc_eh");
    }
}
