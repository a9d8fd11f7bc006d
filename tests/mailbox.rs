//! Looking for our own mail: in a real Dovecot to which a real Postfix delivers, and at servers that mean no good.

mod hostile;
mod real;
mod token;
