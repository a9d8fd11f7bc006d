//! Job kinds against real servers, by the real program.

mod dns;
mod imap;
mod mail;
mod own;
mod smtp;
mod tls;
mod vacuity;
