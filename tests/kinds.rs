//! Job kinds against real servers, by the real program.

mod smtp;
mod tls;
