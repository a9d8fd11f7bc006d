//! What this host itself has: files, programs, processes.
