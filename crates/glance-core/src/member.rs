//! With whom an image is shared.

use serde::{Deserialize, Serialize};

/// A tenant that an image is shared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The tenant.
    pub member_id: String,
    /// Whether the tenant may share the image further.
    pub can_share: bool,
}

/// An image that a tenant has been given: an item of `GET /shared-images/MEMBER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedImage {
    /// The image.
    pub image_id: String,
    /// Whether the tenant may share it further.
    pub can_share: bool,
}
