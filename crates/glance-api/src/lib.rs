//! The public daemon: dialects and the image service.

pub mod base_url;
pub mod connection;
pub mod cors;
mod rules;
pub mod service;
pub mod versions;
