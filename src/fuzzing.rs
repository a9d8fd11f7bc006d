//! What fuzzers run: for each kind of bytes that strangers can send, the real code that reads them, and what must hold of
//! its answer. No part of the program's interface: `fuzz/` calls this, and the tests replay `fuzz/seeds/` through it.
//!
//! Each body takes any bytes. It panics if something does not hold. The first byte, or the first few, choose what is done
//! with the rest; they are letters, so that seeds can be written by hand. `docs/fuzzing.md` lists what each one asserts.

mod control;
mod http_request;
mod look;
mod mailbox;
mod peer_answer;
mod plugin_output;
mod settings;
mod smtp;
mod status;

pub use control::control;
pub use http_request::http_request;
pub use look::look;
pub use mailbox::imap;
pub use peer_answer::peer_answer;
pub use plugin_output::{json_condition, plugin_output};
pub use settings::{first_settings, settings};
pub use smtp::smtp;
pub use status::status;

use crate::peer::{Instance, NodeKey, Nonce};
use hyper::header::HeaderMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Whoever reads this little in this time has lost its way.
const PATIENCE: Duration = Duration::from_secs(8);

/// Makes a panic in our own code end the process at once, also where somebody would catch it. What a library does is its
/// callers' affair: they catch it, or the fuzzer sees it.
pub fn set_up() {
    static OTHERS: AtomicU32 = AtomicU32::new(0);
    std::panic::set_hook(Box::new(|panic| {
        let of_library =
            panic.location().is_some_and(|at| ["/registry/src/", "/rustc/"].iter().any(|p| at.file().contains(p)));
        if !of_library {
            tell(&format!("{panic}"));
            std::process::abort();
        }
        if OTHERS.fetch_add(1, Ordering::Relaxed) < 5 {
            tell(&format!("a library panics: {panic}"));
        }
    }));
}

#[expect(clippy::print_stderr, reason = "a fuzzer's log")]
fn tell(words: &str) {
    eprintln!("{words}");
}

/// The letter that chooses, and the rest.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// Runs `what`, and fails if that takes too long.
fn in_time<T>(what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = what();
    assert!(begun.elapsed() < PATIENCE, "it takes {:?}", begun.elapsed());
    done
}

/// Whether text of strangers can do harm where it is shown: in a line of a message, a log, a terminal.
fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|w| w == part)
}

/// The keys of this node, of its peer, and of a stranger; the same each time, so that seeds stay good.
struct Keys {
    me: NodeKey,
    peer: NodeKey,
    stranger: NodeKey,
    nonce: Nonce,
    instance: Instance,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = |seed: u8| NodeKey::from_seed(&[seed; 32]).unwrap_or_else(|why| unreachable!("{why}"));
        let nonce = Nonce::parse("000102030405060708090a0b0c0d0e0f").unwrap_or_else(|| unreachable!());
        let instance = Instance::parse("machine-1").unwrap_or_else(|| unreachable!());
        Keys { me: key(1), peer: key(2), stranger: key(3), nonce, instance }
    })
}

/// A message of HTTP from its first lines on: headers and body.
fn complete(out: &mut Vec<u8>, headers: &HeaderMap, body: &[u8]) {
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// Puts other bytes into `bytes`: three bytes for each, a place and what stands there from now on.
fn changed(mut bytes: Vec<u8>, edits: &[u8]) -> Vec<u8> {
    for edit in edits.chunks_exact(3) {
        let [high, low, new] = edit else { continue };
        let at = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *new;
        }
    }
    bytes
}

/// Runs `work` to its end on this thread. Nothing in it may wait for a clock.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap_or_else(|why| unreachable!("{why}"));
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

#[cfg(test)]
mod tests;
