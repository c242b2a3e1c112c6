//! Every option of every program, typed.
