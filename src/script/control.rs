//! Which scripts are switched off, by a file or an address that many hosts may share. Launchpad's cron control
//! (`notes/seeds.md` 4.3): an INI file with a section for each script, and `[DEFAULT]`.
//!
//! **Invariant:** it fails open. Whatever is wrong with it, the script runs.

use crate::channel::call::{CallError, client, words};
use crate::settings::{Control, first};
use std::io::Read;
use std::time::Duration;

/// Reading it takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// It is no longer than this.
const SIZE_MAX: u64 = 256 * 1024;

/// What is said of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It runs.
    Enabled,
    /// It does not, by this section.
    Disabled(String),
    /// It runs, because nobody could find out.
    Unclear(String),
}

/// Asks whether `name` may run.
pub(super) async fn ask(control: &Control, name: &str) -> Word {
    // A file may lie on a disk that hangs.
    let read = match control {
        Control::File(path) => {
            let path = path.clone();
            tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || from_file(&path))).await
        }
        Control::Url(url) => tokio::time::timeout(PATIENCE, async { Ok(from_url(url).await) }).await,
    };
    match read {
        Ok(Ok(Ok(Some(text)))) => judge(&text, name),
        Ok(Ok(Ok(None))) => Word::Enabled,
        Ok(Ok(Err(why))) => Word::Unclear(why),
        Ok(Err(why)) => Word::Unclear(why.to_string()),
        Err(_) => Word::Unclear(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// `None`: there is none, which switches nothing off.
fn from_file(path: &std::path::Path) -> Result<Option<String>, String> {
    let file = match std::fs::File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| format!("{}: {e}", path.display()))?,
    };
    let mut text = String::new();
    file.take(SIZE_MAX).read_to_string(&mut text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Some(text))
}

async fn from_url(text: &str) -> Result<Option<String>, String> {
    let url = reqwest::Url::parse(text).map_err(|e| format!("{text}: {e}"))?;
    let (client, trust) = client(&url, None).map_err(sentence)?;
    let broken = |e: &reqwest::Error| format!("{text}: {}", words(e, trust.as_ref()));
    let mut answer = client.get(url).send().await.map_err(|e| broken(&e))?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !answer.status().is_success() {
        return Err(format!("{text} answered {}", answer.status()));
    }
    let mut read = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|e| broken(&e))? {
        read.extend_from_slice(&piece);
        if read.len() as u64 > SIZE_MAX {
            return Err(format!("{text} answered with more than {SIZE_MAX} bytes"));
        }
    }
    String::from_utf8(read).map(Some).map_err(|_| format!("{text} answered with something that is no text"))
}

fn sentence(error: CallError) -> String {
    let (CallError::Later(why) | CallError::Never(why)) = error;
    why
}

/// The script's own section, else `[DEFAULT]`, else it runs.
fn judge(text: &str, name: &str) -> Word {
    let ini = first::parse(text);
    if let Some(line) = ini.unread.first() {
        return Word::Unclear(format!("its line {line} is neither a section nor `key = value`"));
    }
    for section in [name, "DEFAULT"] {
        let Some(value) = ini.get(&section.to_lowercase(), "enabled") else { continue };
        return match value.to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => Word::Enabled,
            "0" | "no" | "false" | "off" => Word::Disabled(section.to_owned()),
            other => Word::Unclear(format!("`enabled` in [{section}] is {other:?}: write True or False")),
        };
    }
    Word::Enabled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_section_counts_then_the_default_and_then_it_runs() {
        let off = |section: &str| Word::Disabled(section.to_owned());
        for (text, word) in [
            ("", Word::Enabled),
            ("[DEFAULT]\nenabled: True\n", Word::Enabled),
            ("[DEFAULT]\nenabled: False\n", off("DEFAULT")),
            ("[DEFAULT]\nenabled: False\n[backup]\nenabled: True\n", Word::Enabled),
            ("[backup]\nenabled = off\n", off("backup")),
            ("[Backup]\nENABLED = 0\n", off("backup")),
            ("[backup-2]\nenabled: False\n", Word::Enabled),
            ("[backup]\nother: 1\n[default]\nenabled: no\n", off("DEFAULT")),
        ] {
            assert_eq!(judge(text, "backup"), word, "{text}");
        }
        for text in ["[backup]\nenabled: perhaps\n", "<html>\nnot found</html>\n", "[backup]\nenabled\n"] {
            assert!(matches!(judge(text, "backup"), Word::Unclear(_)), "{text}");
        }
    }

    #[test]
    fn whatever_cannot_be_read_switches_nothing_off() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = |control: Control| runtime.block_on(ask(&control, "x"));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ask(Control::File(folder.path().join("none"))), Word::Enabled);
        assert!(matches!(ask(Control::File(folder.path().to_owned())), Word::Unclear(_)));
        let file = folder.path().join("cronscripts.ini");
        std::fs::write(&file, "[x]\nenabled: False\n").unwrap();
        assert_eq!(ask(Control::File(file)), Word::Disabled("x".to_owned()));
        drop(rustls::crypto::ring::default_provider().install_default());
        assert!(matches!(ask(Control::Url("http://127.0.0.1:1/x".to_owned())), Word::Unclear(_)));
    }
}
