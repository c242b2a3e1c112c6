//! The public daemon: dialects and the image service.

pub mod connection;
