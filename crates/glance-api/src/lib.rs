//! The public daemon: dialects and the image service.

mod rules;
pub mod service;
