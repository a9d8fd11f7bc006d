//! What is judged of a trip and remembered, settings, letters, and servers of ill will. Real servers carry mail in the tests of the program.

mod hostile;
mod judged;
mod letters;
mod remembered;
mod settings;
mod stub;
mod trips;
mod vacuity;
