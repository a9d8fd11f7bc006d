//! What is judged of a mailbox, settings, and servers of ill will. Real servers are asked in the tests of the program.

mod hostile;
mod judged;
mod server;
mod settings;
mod vacuity;
