//! Job kinds against real servers, by the real program.

mod imap;
mod smtp;
mod own;
mod tls;
