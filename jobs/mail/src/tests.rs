//! What is judged of a trip, settings, letters, and servers of ill will. Real servers carry mail in the tests of the program.

mod hostile;
mod judged;
mod letters;
mod settings;
