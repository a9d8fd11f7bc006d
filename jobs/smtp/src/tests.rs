//! Scripted servers: what servers say, and what servers of ill will say. Real ones are asked in the tests of the program.

mod hostile;
mod replies;
mod secured;
mod settings;
mod stub;
mod vacuity;
