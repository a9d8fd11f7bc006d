//! The first line of a server (RFC 4253, 4.2).

use crate::end::End;
use crate::wire::{GREETING_MAX, Wire};
use checker_parts::quoted::quoted;
use std::io::ErrorKind;
use tokio::io::{AsyncRead, AsyncWrite};

/// How we identify ourselves.
pub(crate) const OURS: &[u8] = b"SSH-2.0-Checker";

/// The longest identification, without its end.
const LENGTH_MAX: usize = 253;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identification {
    /// As it came, without its end: it goes into the exchange hash.
    pub(crate) line: Vec<u8>,
    /// `2.0`, or `1.99`: that and version 1 as well.
    pub(crate) version: String,
    /// The software and what it adds, such as `OpenSSH_9.2p1 Debian-2+deb12u3`.
    pub(crate) software: String,
}

impl Identification {
    /// # Errors
    /// The end of a sentence that begins with the server.
    pub(crate) fn of(line: &[u8]) -> Result<Self, String> {
        let shown = quoted(line);
        let text: String =
            String::from_utf8_lossy(line).chars().map(|c| if c.is_control() { '.' } else { c }).collect();
        if line.len() > LENGTH_MAX {
            return Err(format!("identifies itself with more than {LENGTH_MAX} bytes: {shown}"));
        }
        let parts = text.strip_prefix("SSH-").and_then(|rest| rest.split_once('-'));
        let Some((version, software)) = parts else {
            return Err(format!("identifies itself as no SSH server does: {shown}"));
        };
        if version != "2.0" && version != "1.99" {
            return Err(format!("speaks SSH {version} only, which is broken, and not 2.0 (it says {shown})"));
        }
        Ok(Self { line: line.to_vec(), version: version.to_owned(), software: software.to_owned() })
    }
}

/// Waits for the identification. `before` gets the beginning of what comes before it.
pub(crate) async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    before: &mut Vec<u8>,
) -> Result<Identification, End> {
    let mut size = 0;
    loop {
        let line = match wire.line().await {
            Ok(line) => line,
            Err(end) => {
                let said = [before.as_slice(), wire.unread()].concat();
                // Who turns us away mostly does not read what we have said, and that cuts the connection off.
                let is_reset = matches!(&end, End::Broken(e) if e.kind() == ErrorKind::ConnectionReset);
                let is_over = matches!(end, End::Closed) || (is_reset && !said.is_empty());
                return Err(if is_over { End::Said(closed(&said)) } else { end });
            }
        };
        if line.starts_with(b"SSH-") {
            return Identification::of(&line).map_err(End::Said);
        }
        size += line.len() + 1;
        if before.is_empty() {
            *before = line;
        }
        if size > GREETING_MAX {
            let (most, head) = (GREETING_MAX / 1024, quoted(before));
            return Err(End::Said(format!(
                "is no SSH server: it says {most} KiB and no SSH identification, beginning with {head}"
            )));
        }
    }
}

/// A server that has closed the connection without an identification, after it said this.
fn closed(said: &[u8]) -> String {
    // OpenSSH from 9.8 on, and before.
    let turned_away = [&b"Not allowed at this time"[..], b"Exceeded MaxStartups"];
    if turned_away.iter().any(|words| said.starts_with(words)) {
        return format!(
            "turns connections away: it says {}. Too many at once have not logged in (MaxStartups), or it punishes this \
             host's address (PerSourcePenalties)",
            quoted(said)
        );
    }
    if said.is_empty() {
        return "closed the connection before it said anything: a ban of this host's address (fail2ban, hosts.deny), too \
                many connections (MaxStartups), or no SSH server"
            .to_owned();
    }
    format!("is no SSH server: it says {} and closed the connection", quoted(said))
}
