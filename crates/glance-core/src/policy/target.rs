//! What rules can ask about: the image that a call is for, and the credentials of its caller.

use std::borrow::Cow;

use crate::identity::Identity;
use crate::image::Image;

/// What a call is for, as rules see it in `%(key)s`.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Nothing: what Glance gives to all rules but `download_image`.
    Nothing,
    /// An image: its fields, and its properties unless a field has the same name. Locations cannot
    /// be asked for.
    Image(&'a Image),
    /// The caller: what Glance gives to `context_is_admin`.
    Caller(&'a Identity),
}

impl Target<'_> {
    /// The value of `key` as Python prints it (`None`, `True`), or nothing where there is none.
    pub(super) fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Nothing => None,
            Self::Image(image) => image_value(image, key),
            Self::Caller(caller) => match key {
                "read_only" => Some(python_bool(caller.read_only)),
                "user" | "tenant" | "is_admin" => match Credential::of(caller, key)? {
                    Credential::One(value) => Some(value),
                    Credential::List(_) => None,
                },
                _ => None,
            },
        }
    }
}

fn image_value<'a>(image: &'a Image, key: &str) -> Option<Cow<'a, str>> {
    Some(match key {
        "id" => Cow::Borrowed(image.id.as_str()),
        "status" => Cow::Borrowed(image.status.as_str()),
        "name" => python_text(image.name.as_deref()),
        "checksum" => python_text(image.checksum.as_deref()),
        "disk_format" => python_text(image.disk_format.as_deref()),
        "container_format" => python_text(image.container_format.as_deref()),
        "owner" => python_text(image.owner.as_deref()),
        "size" => python_number(image.size),
        "virtual_size" => python_number(image.virtual_size),
        "min_disk" => python_number(Some(image.min_disk)),
        "min_ram" => python_number(Some(image.min_ram)),
        "is_public" => python_bool(image.is_public),
        "protected" => python_bool(image.protected),
        "deleted" => python_bool(image.deleted),
        "created_at" => Cow::Owned(image.created_at.to_string()),
        "updated_at" => Cow::Owned(image.updated_at.to_string()),
        "deleted_at" => image
            .deleted_at
            .map_or(Cow::Borrowed("None"), |at| at.to_string().into()),
        "location" | "location_data" | "properties" => return None,
        _ => python_text(image.properties.get(key)?.as_deref()),
    })
}

/// A credential of a caller.
pub(super) enum Credential<'a> {
    /// As Python prints it.
    One(Cow<'a, str>),
    /// Any of these.
    List(&'a [String]),
}

impl<'a> Credential<'a> {
    /// What Glance 15 shows its rules of a caller, and `is_admin`, which it does not show but which
    /// rules written for other services ask for. Nothing where there is no such credential.
    pub(super) fn of(caller: &'a Identity, key: &str) -> Option<Self> {
        Some(match key {
            "user" | "user_id" => Self::One(python_text(caller.user.as_deref())),
            "tenant" | "project_id" => Self::One(python_text(caller.tenant.as_deref())),
            "is_admin" => Self::One(python_bool(caller.is_admin)),
            "roles" => Self::List(&caller.roles),
            _ => return None,
        })
    }

    /// Whether callers have a credential of this name at all.
    pub(super) fn exists(key: &str) -> bool {
        matches!(
            key,
            "user" | "user_id" | "tenant" | "project_id" | "is_admin" | "roles"
        )
    }
}

fn python_text(text: Option<&str>) -> Cow<'_, str> {
    Cow::Borrowed(text.unwrap_or("None"))
}

fn python_number(number: Option<i64>) -> Cow<'static, str> {
    number.map_or(Cow::Borrowed("None"), |number| number.to_string().into())
}

fn python_bool(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "True" } else { "False" })
}
