//! What job kinds and Checker itself share. No job kind lives here.
//!
//! * [`amount`]: sizes and shares as people write them, and limits of two degrees made of them.
//! * [`child`]: run a program that may hang, flood, fork or be missing, and get an answer in time.
//! * [`handles`]: how many files and sockets this process may have open, and that children do not inherit our way.
//! * [`hidden`]: passwords from files that others cannot read, and that are never shown.
//! * [`lines`]: protocols that talk in lines.
//! * [`mailbox`]: greet a mail server, see what a folder holds, find our own mail and take it away again. The only place that
//!   knows IMAP.
//! * [`login`]: log in by a password, or by an access token that a program prints.
//! * [`mailbox`]: find our own mail in a mailbox, and take it away again. The only place that knows IMAP.
//! * [`net`]: read `"host:port"`, resolve it, and tell whose fault it is that a connection failed.
//! * [`one_or_many`]: settings keys that take one value or a list.
//! * [`paths`]: paths that mean the same wherever a pass is started.
//! * [`probe`]: ask every address of a target, and make one outcome of what they say.
//! * [`procfs`]: what the kernel tells in `/proc`, and who is running.
//! * [`quoted`]: what a server said, for a sentence.
//! * [`shown`]: names that others have chosen, made fit to be shown.
//! * [`starttls`]: go over to TLS in the middle of SMTP, IMAP, POP3, FTP, `PostgreSQL` and LDAP.
//! * [`submission`]: hand mail to a server: addresses, login, the end of a talk, and words.
//! * [`tls`]: whom we trust, and what went wrong in words.

pub mod amount;
pub mod child;
pub mod handles;
pub mod hidden;
pub mod lines;
pub mod login;
pub mod mailbox;
pub mod net;
pub mod one_or_many;
pub mod paths;
pub mod probe;
pub mod procfs;
pub mod quoted;
pub mod shown;
pub mod starttls;
pub mod submission;
pub mod tls;
