//! How much a request, an image or a tenant may ask for.

use std::num::NonZeroU64;

use crate::quota::{Quota, StorageQuota};

options! {
    /// How much a request, an image or a tenant may ask for.
    pub struct LimitsConfig in "DEFAULT" {
        /// The most images that one answer lists. glance-registry's value decides.
        api_limit_max: NonZeroU64 = "1000", restart;
        /// How many images an answer lists when the request does not say. glance-registry's value
        /// decides.
        limit_param_default: NonZeroU64 = "25", restart;
        /// The most bytes that one image may have.
        image_size_cap: NonZeroU64 = "1099511627776", live;
        /// The most bytes that the images of one tenant may have together, with an optional unit.
        /// 0: no limit.
        user_storage_quota: StorageQuota = "0", live;
        /// The most properties that one image may have. Negative: no limit.
        image_property_quota: Quota = "128", live;
        /// The most members that one image may be shared with. Negative: no limit.
        image_member_quota: Quota = "128", live;
        /// The most locations that one image may have. Negative: no limit. (Version 1 of the API
        /// knows one location for an image.)
        image_location_quota: Quota = "10", restart;
        /// The most tags that one image may have. Negative: no limit. (Version 1 of the API has no
        /// tags.)
        image_tag_quota: Quota = "128", restart;
        /// The longest request id that a caller may choose, in bytes; a longer one is cut off.
        max_request_id_length: usize = "64", restart;
    }
}
