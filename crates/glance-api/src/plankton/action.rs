//! What requests of the dialect can ask for: every route in one table.

use crate::actions::actions;

actions! {
    /// A call of the dialect.
    pub(crate) enum Action below "(plankton)";

    /// The list of images, short.
    Index = "GET" "/images";
    /// An object becomes an image, or becomes it again.
    Register = "POST" "/images";
    /// The list of images, with all that is known of them.
    Detail = "GET" "/images/detail";
    /// The data of an image, if it is passed on.
    Show = "GET" "/images/{id}";
    /// What is known of an image.
    Meta = "HEAD" "/images/{id}";
    /// A change of what is said of an image.
    Update = "PUT" "/images/{id}";
    /// An image becomes a mere object again.
    Unregister = "DELETE" "/images/{id}";
    /// With whom an image is shared.
    Members = "GET" "/images/{id}/members";
    /// A new list of those.
    ReplaceMembers = "PUT" "/images/{id}/members";
    /// One more.
    AddMember = "PUT" "/images/{id}/members/{member}";
    /// One less.
    RemoveMember = "DELETE" "/images/{id}/members/{member}";
    /// What is shared with respect to a user.
    SharedImages = "GET" "/shared-images/{member}";
}

/// What a method and a path ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// An action, with what stands in its path's braces; by these methods the path is asked for.
    For(Action, &'a str, &'a str, &'static str),
    /// A path that there is, by a method that it has not.
    NotAllowed {
        /// These it has.
        allow: &'static str,
        /// Whether Synnefo's framework answers, and not Synnefo.
        by_framework: bool,
    },
    /// A path that there is not.
    Nothing,
}

impl<'a> Asked<'a> {
    /// `path` begins with a slash, is decoded and is what comes behind the prefix. A slash at the
    /// end is part of one path only.
    pub(super) fn of(method: &str, path: &'a str) -> Self {
        let mut segments = path.split('/').skip(1);
        let mut next = || segments.next();
        let segments = [next(), next(), next(), next(), next()];
        let (actions, id, member, allow, by_framework): (&[Action], _, _, _, _) = match segments {
            [Some("images"), None | Some(""), None, ..] => (
                &[Action::Index, Action::Register],
                "",
                "",
                "GET, POST",
                true,
            ),
            [Some("images"), Some("detail"), None, ..] => (&[Action::Detail], "", "", "GET", false),
            [Some("images"), Some(id), None, ..] if is_id(id) => {
                let actions = &[
                    Action::Show,
                    Action::Meta,
                    Action::Update,
                    Action::Unregister,
                ];
                (actions, id, "", "DELETE, GET, HEAD, PUT", true)
            }
            [Some("images"), Some(id), Some("members"), None, _] if is_id(id) => {
                let actions = &[Action::Members, Action::ReplaceMembers];
                (actions, id, "", "GET, PUT", true)
            }
            [
                Some("images"),
                Some(id),
                Some("members"),
                Some(member),
                None,
            ] if is_id(id) && is_member(member) => {
                let actions = &[Action::AddMember, Action::RemoveMember];
                (actions, id, member, "DELETE, PUT", true)
            }
            [Some("shared-images"), Some(member), None, ..] if is_member(member) => {
                (&[Action::SharedImages], "", member, "GET", false)
            }
            _ => return Self::Nothing,
        };
        match actions.iter().find(|action| action.method() == method) {
            Some(action) => Self::For(*action, id, member, allow),
            None => Self::NotAllowed {
                allow,
                by_framework,
            },
        }
    }
}

/// The action that `method` and `path`, which is what comes behind the prefix, ask for, if there is
/// one.
pub(crate) fn action(method: &str, path: &str) -> Option<Action> {
    match Asked::of(method, path) {
        Asked::For(action, ..) => Some(action),
        Asked::NotAllowed { .. } | Asked::Nothing => None,
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// `*` and `:` are members too, but cannot be named so.
fn is_member(text: &str) -> bool {
    let named = |c: char| c.is_alphanumeric() || "@._-".contains(c);
    !text.is_empty() && text.chars().all(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_as_recorded() {
        let one = |method, path| match Asked::of(method, path) {
            Asked::For(action, id, member, _) => Some((action, id, member)),
            _ => None,
        };
        for (method, path, found) in [
            ("GET", "/images", (Action::Index, "", "")),
            ("GET", "/images/", (Action::Index, "", "")),
            ("POST", "/images", (Action::Register, "", "")),
            ("POST", "/images/", (Action::Register, "", "")),
            ("GET", "/images/detail", (Action::Detail, "", "")),
            ("HEAD", "/images/a-1_B", (Action::Meta, "a-1_B", "")),
            ("GET", "/images/x/members", (Action::Members, "x", "")),
            (
                "PUT",
                "/images/x/members",
                (Action::ReplaceMembers, "x", ""),
            ),
            (
                "PUT",
                "/images/x/members/b@c.d",
                (Action::AddMember, "x", "b@c.d"),
            ),
            (
                "DELETE",
                "/images/x/members/bé",
                (Action::RemoveMember, "x", "bé"),
            ),
            (
                "GET",
                "/shared-images/u-1",
                (Action::SharedImages, "", "u-1"),
            ),
        ] {
            assert_eq!(one(method, path), Some(found), "{method} {path}");
        }
        for path in [
            "",
            "/",
            "/x",
            "/images//",
            "/images/detail/",
            "/images/x/",
            "/images/a.b",
            "/images/x/members/",
            "/images/x/members/*",
            "/images/x/members/a:b",
            "/images/x/members/y/",
            "/images/x/y",
            "/shared-images",
            "/shared-images/",
            "/shared-images/x/",
            "/images/../x",
            "/images.json",
            "/Images",
        ] {
            assert_eq!(Asked::of("GET", path), Asked::Nothing, "{path}");
        }
    }

    #[test]
    fn refuses_wrong_methods_in_two_forms() {
        for (method, path, allow, by_framework) in [
            ("PUT", "/images/", "GET, POST", true),
            ("HEAD", "/images/", "GET, POST", true),
            ("POST", "/images/detail", "GET", false),
            ("POST", "/images/x", "DELETE, GET, HEAD, PUT", true),
            ("HEAD", "/images/x/members", "GET, PUT", true),
            ("GET", "/images/x/members/y", "DELETE, PUT", true),
            ("DELETE", "/shared-images/x", "GET", false),
        ] {
            let refused = Asked::NotAllowed {
                allow,
                by_framework,
            };
            assert_eq!(Asked::of(method, path), refused, "{method} {path}");
        }
    }
}
