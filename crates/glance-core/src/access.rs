//! The whole permission model: who may see, change and share an image.
//!
//! Policies (who may use which call at all) come on top of this and are the API daemon's business.

use crate::identity::Identity;
use crate::image::Visibility;
use crate::member::Member;

/// Whether `caller` may see the image. `is_member`: the caller's owner is a member of it.
///
/// An image without an owner is visible to everybody by id, as in Glance.
pub fn is_visible(
    caller: &Identity,
    owner: Option<&str>,
    visibility: Visibility,
    is_member: bool,
) -> bool {
    caller.is_admin
        || owner.is_none()
        || matches!(visibility, Visibility::Public | Visibility::Community)
        || (owner == caller.owner())
        || (visibility == Visibility::Shared && is_member)
}

/// Whether `caller` may change or delete the image: its owner and the administrator.
pub fn is_mutable(caller: &Identity, owner: Option<&str>) -> bool {
    caller.is_admin || (owner.is_some() && owner == caller.owner())
}

/// Whether `caller` may share the image: who may change it, and members that may share.
/// `membership` is the caller's own, if any.
pub fn is_sharable(caller: &Identity, owner: Option<&str>, membership: Option<&Member>) -> bool {
    is_mutable(caller, owner) || membership.is_some_and(|member| member.can_share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Identity {
        Identity {
            tenant: Some(name.into()),
            ..Identity::default()
        }
    }

    #[test]
    fn private_images_are_seen_by_owner_and_admin_only() {
        let admin = Identity {
            is_admin: true,
            ..Identity::default()
        };
        assert!(is_visible(
            &tenant("t1"),
            Some("t1"),
            Visibility::Private,
            false
        ));
        assert!(is_visible(&admin, Some("t1"), Visibility::Private, false));
        assert!(!is_visible(
            &tenant("t2"),
            Some("t1"),
            Visibility::Private,
            true
        ));
        assert!(!is_visible(
            &Identity::default(),
            Some("t1"),
            Visibility::Shared,
            false
        ));
    }

    #[test]
    fn members_see_shared_images_but_do_not_change_them() {
        assert!(is_visible(
            &tenant("t2"),
            Some("t1"),
            Visibility::Shared,
            true
        ));
        assert!(!is_visible(
            &tenant("t2"),
            Some("t1"),
            Visibility::Shared,
            false
        ));
        assert!(!is_mutable(&tenant("t2"), Some("t1")));
    }

    #[test]
    fn images_without_owner_are_readable_by_all_and_changed_by_admin() {
        assert!(is_visible(&tenant("t2"), None, Visibility::Shared, false));
        assert!(!is_mutable(&tenant("t2"), None));
        assert!(!is_mutable(&Identity::default(), None));
    }

    #[test]
    fn members_share_only_when_allowed_to() {
        let member = |can_share| Member {
            member_id: "t2".into(),
            can_share,
        };
        assert!(is_sharable(&tenant("t2"), Some("t1"), Some(&member(true))));
        assert!(!is_sharable(
            &tenant("t2"),
            Some("t1"),
            Some(&member(false))
        ));
        assert!(!is_sharable(&tenant("t2"), Some("t1"), None));
        assert!(is_sharable(&tenant("t1"), Some("t1"), None));
    }
}
