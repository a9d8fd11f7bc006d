//! The library `moments.c`: kills a program at a chosen write of the state or send, or slows it by chance.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// What the library is to do, as its variables say it; see `moments.c`.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    variables: Vec<(&'static str, String)>,
}

impl Moments {
    /// Each moment becomes a line of `file`.
    pub fn logged(file: &Path) -> Self {
        Self::default().and("MOMENTS_LOG", file.display().to_string())
    }

    /// Killed at moment `number`, counted from 1: before it, or once it is done.
    pub fn killed(number: usize, after: bool) -> Self {
        let killed = Self::default().and("MOMENTS_KILL", number.to_string());
        if after { killed.and("MOMENTS_AFTER", "1".to_owned()) } else { killed }
    }

    /// Up to `micros` of sleep before each moment and each thread, by chance from `seed`.
    pub fn slowed(micros: u64, seed: u64) -> Self {
        Self::default().and("MOMENTS_SLOW", micros.to_string()).and("MOMENTS_SEED", seed.to_string())
    }

    fn and(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Sets `command` up. What it preloads already stays.
    pub fn set_up(&self, command: &mut Command) {
        let others = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD").and_then(|(_, value)| value);
        let others = others.map(|value| format!(":{}", value.to_string_lossy())).unwrap_or_default();
        command.env("LD_PRELOAD", format!("{}{others}", library().display()));
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
    }
}

/// The library, compiled once.
fn library() -> &'static Path {
    static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/moments.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moments.so");
        // Another test process may use the old one: it is replaced in one step.
        let fresh = library.with_extension(std::process::id().to_string());
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]).arg(&fresh).arg(source);
        let made = gcc.output().expect("gcc starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::rename(&fresh, &library).expect("the library");
        library
    });
    &LIBRARY
}
