//! Where image data is kept: the ImageStore trait and its back-ends.

pub mod data;
pub mod error;
pub mod store;
