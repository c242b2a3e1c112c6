//! What an image is, who may touch it, and what can go wrong: no I/O.
