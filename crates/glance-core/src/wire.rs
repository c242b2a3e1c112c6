//! The protocol between the two daemons on one page: paths, header names, envelopes.
//!
//! Everything but leases, recovery and registrations is Glance's own v1 registry protocol, so that either of our
//! daemons works with Glance's other one. There is no version prefix.
//!
//! | call | request | answer |
//! |---|---|---|
//! | `GET /images`, `/images/detail` | filters and page in the query, [`LEAVE_OUT`] | [`Images`] |
//! | `POST /images` | [`NewImage`] | [`OneImage`] |
//! | `GET /images/ID` | [`LEAVE_OUT`] | [`OneImage`] |
//! | `PUT /images/ID` | [`UpdateImage`], [`PURGE_PROPS`] | [`OneImage`] |
//! | `DELETE /images/ID` | | [`OneImage`] without `is_public` |
//! | `GET /images/ID/members` | | [`Members`] |
//! | `PUT /images/ID/members` | [`Memberships`] | 204 |
//! | `PUT /images/ID/members/M` | nothing or [`OneMember`] | 204 |
//! | `DELETE /images/ID/members/M` | | 204 |
//! | `GET /shared-images/M` | | [`SharedImages`] |
//! | `PUT /leases/ID` (ours) | [`AcquireLease`] | 204; 409 not ours to take; 413 over quota |
//! | `PUT /leases` (ours) | [`RenewLeases`] | [`LostLeases`] |
//! | `DELETE /leases/ID?holder=H` (ours) | | 204, also when there is none |
//! | `POST /recovery` (ours) | [`TakeOver`] | [`Recovery`] |
//! | `PUT /registrations/ID` (ours) | [`Registration`] | [`OneImage`]; 404; 409 an image of another kind; 413 too many properties |
//! | `DELETE /registrations/ID` (ours) | | 204; 404 |
//!
//! The calls about a holder's own leases (`/leases`) say the same however often they are made, one right
//! after the other; no other call that changes something does.
//!
//! A lease says which API daemon works on an image that is not in a steady state. Its holder renews
//! it; when it runs out, another daemon takes over and brings the image to a definite state.
//!
//! A registration is the record of an image whose data is somebody's object in Pithos. It is the
//! object's, so to speak: its id is the object's UUID, it comes and goes and comes again, and nobody
//! here ever touches the object's data. Both calls are the service's own: whoever may do what is
//! decided by Pithos, which the API daemon asks first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::image::{Image, ImageFields, ImageStatus};
use crate::json::Text;
use crate::location::{LocationData, LocationUrl};
use crate::member::{Member, SharedImage};
use crate::timestamp::Timestamp;

/// Purges the properties that an update does not name, when its value is exactly `true`.
pub const PURGE_PROPS: &str = "x-glance-registry-purge-props";
/// Identifies a request through both daemons.
pub const REQUEST_ID: &str = "x-openstack-request-id";
/// The caller's token (`use_user_token`).
pub const AUTH_TOKEN: &str = "x-auth-token";
/// A service's token, which vouches for the caller's.
pub const SERVICE_TOKEN: &str = "x-service-token";
/// `Confirmed`, or the identity is not to be believed.
pub const IDENTITY_STATUS: &str = "x-identity-status";
/// The caller's user.
pub const USER_ID: &str = "x-user-id";
/// The caller's tenant.
pub const TENANT_ID: &str = "x-tenant-id";
/// The caller's roles, comma separated.
pub const ROLES: &str = "x-roles";
/// The caller's service catalogue, JSON.
pub const SERVICE_CATALOG: &str = "x-service-catalog";
/// Ours: how many members an image may have. The registry checks it in the transaction that adds
/// the member and answers 413; Glance's registry does not know it.
pub const MEMBER_QUOTA: &str = "x-glance-member-quota";
/// Ours: how many properties an image may have; likewise.
pub const PROPERTY_QUOTA: &str = "x-glance-property-quota";
/// Ours: what only our daemons know (`registry_secret`). A registry that wants it answers 401 with
/// [`SECRET_CHALLENGE`] to whoever does not send it.
pub const REGISTRY_SECRET: &str = "x-glance-registry-secret";
/// Ours: the `WWW-Authenticate` of that answer.
pub const SECRET_CHALLENGE: &str = "Registry-Secret";
/// Ours: what a list in detail, or an image, need not tell, when its value is [`LOCATIONS`]. Glance's
/// registry tells it all the same.
pub const LEAVE_OUT: &str = "x-glance-leave-out";
/// See [`LEAVE_OUT`].
pub const LOCATIONS: &str = "locations";

/// `{"image": {…}}` in answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneImage {
    /// The image.
    pub image: Image,
}

/// `{"images": […]}` of `/images`, of [`ImageSummary`], and of `/images/detail`, of [`Image`] or
/// [`ImageDetail`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Images<T> {
    /// One page.
    pub images: Vec<T>,
}

/// An item of `GET /images`, which is also what v1 shows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImageSummary<'a> {
    /// Identifier.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Bytes.
    pub size: Option<i64>,
    /// Format of the disk.
    #[serde(borrow)]
    pub disk_format: Option<Text<'a>>,
    /// Format of the container.
    #[serde(borrow)]
    pub container_format: Option<Text<'a>>,
    /// MD5, hexadecimal.
    #[serde(borrow)]
    pub checksum: Option<Text<'a>>,
}

/// An item of `GET /images/detail` without locations: what v1 shows of it, in v1's order. The fields
/// are [`Image`]'s.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "said of Image's fields")]
pub struct ImageDetail<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    pub status: ImageStatus,
    pub size: Option<i64>,
    #[serde(borrow)]
    pub checksum: Option<Text<'a>>,
    #[serde(borrow)]
    pub disk_format: Option<Text<'a>>,
    #[serde(borrow)]
    pub container_format: Option<Text<'a>>,
    pub min_disk: i64,
    pub min_ram: i64,
    pub is_public: bool,
    #[serde(borrow)]
    pub owner: Option<Text<'a>>,
    pub protected: bool,
    pub virtual_size: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub deleted: bool,
    #[serde(borrow, default)]
    pub properties: BTreeMap<Text<'a>, Option<Text<'a>>>,
}

/// `{"image": {…}}` of `POST /images`.
#[derive(Clone, Debug, Serialize)]
pub struct NewImage<'a> {
    /// What is known of it.
    pub image: &'a ImageFields,
}

/// Body of `PUT /images/ID`.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateImage<'a> {
    /// What changes.
    pub image: &'a ImageFields,
    /// The status the image must have for the change to happen; 409 otherwise.
    pub from_state: Option<&'a str>,
}

/// `{"members": […]}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Members {
    /// In the order they were added.
    pub members: Vec<Member>,
}

/// A member as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The tenant.
    pub member_id: String,
    /// May it share? Absent: as it was, or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_share: Option<bool>,
}

/// `{"memberships": […]}` of `PUT /images/ID/members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memberships {
    /// The new list.
    pub memberships: Vec<Membership>,
}

/// What `PUT /images/ID/members/M` says about the member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberFields {
    /// May it share?
    pub can_share: bool,
}

/// `{"member": {…}}` of `PUT /images/ID/members/M`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneMember {
    /// What changes.
    pub member: MemberFields,
}

/// `{"shared_images": […]}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedImages {
    /// Images that the member has been given.
    pub shared_images: Vec<SharedImage>,
}

/// Body of `PUT /leases/ID`: takes the lease of a `saving` image, or renews it and changes what it
/// reserves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcquireLease {
    /// The API daemon that works on the image: a random text, new at each start.
    pub holder: String,
    /// How long the lease holds without renewal.
    pub seconds: u32,
    /// The store the data goes to, by name.
    pub store: String,
    /// Bytes that count against the owner's quota while the upload runs.
    pub bytes: u64,
    /// The owner's quota in bytes; absent: none. The sum of the sizes of the owner's images and of
    /// the bytes of all leases on the owner's images must not pass it.
    pub quota: Option<u64>,
}

/// Body of `PUT /leases`: renews all leases of one holder at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewLeases {
    /// The API daemon.
    pub holder: String,
    /// How long they hold from now on.
    pub seconds: u32,
    /// The images it believes to hold.
    pub images: Vec<String>,
}

/// Answer to [`RenewLeases`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LostLeases {
    /// Images whose lease another daemon took, or that are not `saving` any more: their uploads are
    /// to be cancelled.
    pub lost: Vec<String>,
}

/// Body of `POST /recovery`: asks for images that need someone to finish what was interrupted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakeOver {
    /// The API daemon that will do the work; it holds the leases from now on.
    pub holder: String,
    /// How long it has for each image.
    pub seconds: u32,
    /// Seconds that a `pending_delete` image keeps its data (`scrub_time`).
    pub scrub_seconds: u64,
    /// At most so many images.
    pub limit: u32,
}

/// Why an image needs work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryReason {
    /// Its upload's lease ran out. The registry has made it `killed`; what the upload left in the
    /// store is to be discarded.
    ExpiredLease,
    /// It is `deleted` but its row is not: the daemon that deleted it stopped half-way.
    InterruptedDelete,
    /// It is `pending_delete` and its time is over.
    Scrub,
}

/// One image to be brought to a definite state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveryItem {
    /// The image.
    pub image_id: String,
    /// What is to be done.
    pub reason: RecoveryReason,
    /// The store that an interrupted upload wrote to, by name.
    pub store: Option<String>,
    /// Where there is data to delete.
    pub location_data: Vec<LocationData>,
}

/// Answer to [`TakeOver`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recovery {
    /// What is now the caller's to finish; `DELETE /leases/ID` when it is done.
    pub items: Vec<RecoveryItem>,
}

/// The member of a location's metadata that marks a registration: the UUID of its object.
pub const REGISTERED: &str = "pithos_uuid";

/// Body of `PUT /registrations/ID`, done in one transaction. What is absent stays as it is, or is
/// the default where the image is new.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Registration {
    /// Make the image if there is none, also where one was unregistered: it comes back as a new one.
    /// Otherwise 404. An image that is no registration is 409.
    pub register: bool,
    /// Name; of any length and of any characters but NUL.
    pub name: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Pithos' hash of the data.
    pub checksum: Option<String>,
    /// Format of the disk, in Glance's word.
    pub disk_format: Option<String>,
    /// Format of the container.
    pub container_format: Option<String>,
    /// Whether everybody may use it.
    pub is_public: Option<bool>,
    /// The account it belongs to; required where the image is new.
    pub owner: Option<String>,
    /// Where the object is; its metadata has [`REGISTERED`]. Required where the image is new.
    pub place: Option<RegisteredPlace>,
    /// When it changed last, if that is later than what is known; absent: now.
    pub updated_at: Option<Timestamp>,
    /// Properties to set.
    pub properties: BTreeMap<String, String>,
    /// Properties to forget.
    pub forget: Vec<String>,
    /// Forget all properties that are not named.
    pub purge_properties: bool,
    /// How many properties it may have afterwards.
    pub property_quota: Option<u64>,
    /// The new list of members.
    pub members: Option<Vec<String>>,
}

/// Where the object of a registration is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegisteredPlace {
    /// Its location, perhaps encrypted.
    pub url: LocationUrl,
    /// What is known of it.
    pub metadata: Map<String, Value>,
}
