//! What requests of version 1 can ask for: every route in one table.

use crate::actions::actions;

actions! {
    /// A call of version 1.
    pub enum Action below "";

    /// Any method means the list of images here, as in Glance.
    Root = "*" "/";
    /// The list of images, short.
    Index = "GET" "/images";
    /// A new image.
    Create = "POST" "/images";
    /// A change of the image that `x-image-meta-id` names (the API reference's tables).
    UpdateNamed = "PUT" "/images";
    /// The list of images, with all that is known of them.
    Detail = "GET" "/images/detail";
    /// The data of an image.
    Show = "GET" "/images/{id}";
    /// What is known of an image.
    Meta = "HEAD" "/images/{id}";
    /// A change of an image, with data or without.
    Update = "PUT" "/images/{id}";
    /// The end of an image.
    Delete = "DELETE" "/images/{id}";
    /// With whom an image is shared.
    Members = "GET" "/images/{id}/members";
    /// A new list of those.
    ReplaceMembers = "PUT" "/images/{id}/members";
    /// One more, or another right to share.
    PutMember = "PUT" "/images/{id}/members/{tenant}";
    /// One less.
    DeleteMember = "DELETE" "/images/{id}/members/{tenant}";
    /// What a tenant has been given; every method is GET, as in Glance.
    SharedImages = "*" "/shared-images/{tenant}";
}

/// What a method and a path ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// An action, with what stands in its path's braces.
    For(Action, &'a str, &'a str),
    /// A path that there is, by a method that it has not; these it has, if Glance names any.
    NotAllowed(Option<&'static str>),
    /// A path that there is not.
    Nothing,
}

impl<'a> Asked<'a> {
    /// `path` begins with a slash and is decoded.
    pub(super) fn of(method: &str, path: &'a str) -> Self {
        let mut segments = path.split('/').skip(1);
        let mut next = || segments.next();
        let segments = [next(), next(), next(), next(), next()];
        let not = |allowed| Self::NotAllowed(Some(allowed));
        let one = |action, id| Self::For(action, id, "");
        match (segments, method) {
            ([Some(""), None, ..], _) => one(Action::Root, ""),

            ([Some("images"), None, ..], "GET") => one(Action::Index, ""),
            ([Some("images"), None, ..], "POST") => one(Action::Create, ""),
            ([Some("images"), None, ..], "PUT") => one(Action::UpdateNamed, ""),
            ([Some("images"), None, ..], _) => not("GET, POST"),

            ([Some("images"), Some("detail"), None, ..], "GET") => one(Action::Detail, ""),
            ([Some("images"), Some("detail"), None, ..], "HEAD") => not("GET"),
            ([Some("images"), Some("detail"), None, ..], _) => not("GET, HEAD"),

            ([Some("images"), Some(""), ..], _) => Self::Nothing,
            ([Some("images"), Some(id), None, ..], _) => match method {
                "GET" => one(Action::Show, id),
                "HEAD" => one(Action::Meta, id),
                "PUT" => one(Action::Update, id),
                "DELETE" => one(Action::Delete, id),
                _ => not("GET, HEAD, PUT, DELETE"),
            },

            ([Some("images"), Some(id), Some("members"), None, _], _) => match method {
                "GET" => one(Action::Members, id),
                "PUT" => one(Action::ReplaceMembers, id),
                _ => not("GET, PUT"),
            },

            ([Some("images"), _, Some("members"), Some(""), _], _) => Self::Nothing,
            (
                [
                    Some("images"),
                    Some(id),
                    Some("members"),
                    Some(tenant),
                    None,
                ],
                _,
            ) => match method {
                "PUT" => Self::For(Action::PutMember, id, tenant),
                "DELETE" => Self::For(Action::DeleteMember, id, tenant),
                // Glance names no method here, and says of the others that GET is one.
                "GET" => Self::NotAllowed(None),
                _ => not("GET, PUT, DELETE"),
            },

            ([Some("shared-images"), Some(tenant), None, ..], _) if !tenant.is_empty() => {
                one(Action::SharedImages, tenant)
            }

            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_found_by_its_method_and_path() {
        for action in Action::ALL {
            let path = action.path().replace("{id}", "a").replace("{tenant}", "b");
            let method = action.method().replace('*', "PATCH");
            let Asked::For(found, ..) = Asked::of(&method, &path) else {
                panic!("{method} {path}");
            };
            assert_eq!(found, *action);
        }
    }

    #[test]
    fn gives_what_stands_in_the_braces() {
        assert_eq!(
            Asked::of("PUT", "/images/a/members/b"),
            Asked::For(Action::PutMember, "a", "b")
        );
        assert_eq!(
            Asked::of("GET", "/shared-images/b"),
            Asked::For(Action::SharedImages, "b", "")
        );
    }

    #[test]
    fn nothing_is_where_a_part_is_empty_or_one_too_many() {
        for path in [
            "//",
            "/images/",
            "/images//members",
            "/images//members/b",
            "/images/a/members/",
            "/images/a/members/b/",
            "/images/a/members/b/c",
            "/images/a/x",
            "/shared-images",
            "/shared-images/",
            "/shared-images/a/b",
            "/x",
            "/images/detail/",
        ] {
            assert_eq!(Asked::of("GET", path), Asked::Nothing, "{path}");
        }
    }

    #[test]
    fn other_methods_are_told_what_is_allowed() {
        let cases = [
            ("DELETE", "/images", Some("GET, POST")),
            ("HEAD", "/images/detail", Some("GET")),
            ("POST", "/images/a", Some("GET, HEAD, PUT, DELETE")),
            ("POST", "/images/a/members", Some("GET, PUT")),
            ("GET", "/images/a/members/b", None),
            ("POST", "/images/a/members/b", Some("GET, PUT, DELETE")),
        ];
        for (method, path, allowed) in cases {
            assert_eq!(Asked::of(method, path), Asked::NotAllowed(allowed));
        }
    }
}
