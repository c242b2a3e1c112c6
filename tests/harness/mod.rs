//! Starts the real daemons in a directory of their own and stops them cleanly.
