//! OpenSSH's own server, what may be said of a server, and servers that mean ill.

mod hostile;
mod judged;
mod keys;
mod refusals;
mod server;
mod settings;
mod vacuity;
