//! Postfix and Dovecot.
