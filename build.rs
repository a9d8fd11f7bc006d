//! How the program is linked, for release builds on Linux. Where something of it is not possible, all works as well.
//!
//! Cron starts the program each minute, and the daemon beside it lives for months: what is looked for, mapped and set up at
//! a start is most of what a small pass costs, and nearly all memory of both.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={OFTEN}");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    let native = std::env::var("HOST") == std::env::var("TARGET");
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && native {
        link_unwinder();
        lay_together();
    }
}

/// Links the compiler's unwinder into the program.
///
/// As a library of its own it is looked for, mapped and set up at each start. Its set-up asks the processor many questions,
/// which a virtual machine answers slowly: a tenth of a pass with nothing due.
fn link_unwinder() {
    let Ok(told) = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else { return };
    let told = String::from_utf8_lossy(&told.stdout);
    if let Some(folder) = Path::new(told.trim()).parent().filter(|folder| folder.is_absolute()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static=gcc_eh");
    }
}

/// The symbols of what runs in every pass and in an idle daemon, made by `build/often`.
const OFTEN: &str = "build/often.txt";
/// Set, it leaves the order to the compiler: to compare, and for `build/often`.
const UNLAID: &str = "CHECKER_UNLAID";

/// Has what often runs laid together in the program file.
///
/// Where a page of the file is touched, the kernel maps the 64 KiB around it. The compiler lays functions in the order of
/// its modules, so the fifth of the code that ever runs touched nearly all of it. Symbols are matched without
/// their hashes, which differ from one compiler to the next.
///
/// The script only adds to what the linker does by itself. GNU ld and lld, which the compiler brings along, know how; if
/// another linker is asked for, or the one that `cc` calls refuses, the order stays as it was.
fn lay_together() {
    for name in ["RUSTC_LINKER", "CARGO_ENCODED_RUSTFLAGS", UNLAID] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let asked = std::env::var_os("RUSTC_LINKER").is_some()
        || std::env::var_os(UNLAID).is_some()
        || std::env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    let (Ok(often), Some(out)) = (std::fs::read_to_string(OFTEN), std::env::var_os("OUT_DIR").map(PathBuf::from))
    else {
        return;
    };
    let script = out.join("often.ld");
    if !asked && std::fs::write(&script, order(&often)).is_ok() && links_with(&script, &out) {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}

/// The linker's script for a list of symbols.
fn order(often: &str) -> String {
    let lines = often.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sections: Vec<_> = lines.map(|symbol| format!("    *(.text.{symbol})\n")).collect();
    format!("SECTIONS\n{{\n  .text.often : {{\n{}  }}\n}}\nINSERT BEFORE .text;\n", sections.concat())
}

/// Whether a program can be linked with it.
fn links_with(script: &Path, out: &Path) -> bool {
    let source = out.join("probe.c");
    if std::fs::write(&source, "int main(void) { return 0; }\n").is_err() {
        return false;
    }
    let mut cc = Command::new("cc");
    cc.arg(&source).arg("-o").arg(out.join("probe")).arg(format!("-Wl,-T,{}", script.display()));
    cc.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
