//! Which version of the API a request is for, and the list of versions.
//!
//! Glance decides this before it asks who the caller is.

use std::borrow::Cow;

use glance_config::VersionsConfig;
use glance_core::json;
use serde::Serialize;

/// The media type by which a request can choose a version without its path.
const MEDIA_TYPE: &str = "application/vnd.openstack.images-";

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// Version 1: the path behind the version, with single slashes. It begins with `/`; a bare `/`
    /// is the list of images, whatever the method.
    V1(Cow<'a, str>),
    /// Version 2, likewise. Glance has it; it is not served here.
    V2(Cow<'a, str>),
    /// A version without a slash: 302 to this path, once the caller is authenticated.
    Redirect(&'static str),
    /// The list of versions, for anybody.
    List(Listing),
}

/// Why the list of versions is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Somebody asked for it: 200.
    AskedFor,
    /// No version, or an unknown one: 300.
    Choices,
}

impl Listing {
    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::AskedFor => 200,
            Self::Choices => 300,
        }
    }
}

/// Finds out what `path` (without query) and `accept`, the request's `Accept`, ask for.
pub fn negotiate<'a>(path: &'a str, accept: Option<&str>, enabled: &VersionsConfig) -> Route<'a> {
    let (first, rest) = split(path);
    if first == "versions" {
        return Route::List(Listing::AskedFor);
    }
    // Chosen by media type, the path stays whole: /v1/images then is no path that there is.
    if let Some(version) = accept.and_then(|accept| accept.trim().strip_prefix(MEDIA_TYPE)) {
        return route(version, path, enabled);
    }
    // The documents of the Image API leave the version out; Glance 15 itself answers 300 here.
    if enabled.enable_v1_api && matches!(first, "images" | "shared-images") {
        return Route::V1(single_slashes(path));
    }
    route(first, rest, enabled)
}

fn route<'a>(version: &str, path: &'a str, enabled: &VersionsConfig) -> Route<'a> {
    let path = single_slashes(path);
    match version {
        "v1" | "v1.0" | "v1.1" if enabled.enable_v1_api => match path.as_ref() {
            "" => Route::Redirect("/v1/"),
            _ => Route::V1(path),
        },
        "v2" | "v2.0" | "v2.1" | "v2.2" | "v2.3" | "v2.4" | "v2.5" if enabled.enable_v2_api => {
            match path.as_ref() {
                "" => Route::Redirect("/v2/"),
                _ => Route::V2(path),
            }
        }
        _ => Route::List(Listing::Choices),
    }
}

/// The first segment, and what is behind it with its slash.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.split_at(path.find('/').unwrap_or(path.len()))
}

fn single_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut single = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    Cow::Owned(single)
}

/// The list of versions as JSON, with links below `base_url`, which has no slash at its end.
pub fn body(base_url: &str, enabled: &VersionsConfig) -> Vec<u8> {
    let second = [
        ("v2.5", "CURRENT"),
        ("v2.4", "SUPPORTED"),
        ("v2.3", "SUPPORTED"),
        ("v2.2", "SUPPORTED"),
        ("v2.1", "SUPPORTED"),
        ("v2.0", "SUPPORTED"),
    ];
    let first = [("v1.1", "DEPRECATED"), ("v1.0", "DEPRECATED")];
    let second = second.iter().filter(|_| enabled.enable_v2_api);
    let all = second.chain(first.iter().filter(|_| enabled.enable_v1_api));
    let version = |(id, status): &(&'static str, &'static str)| {
        let href = format!("{base_url}/{}/", &id[..2]);
        Version {
            status,
            id,
            links: [Link { href, rel: "self" }],
        }
    };
    // Strings and arrays alone: nothing in them can fail to be written.
    json::to_vec(&Versions {
        versions: all.map(version).collect(),
    })
    .unwrap_or_default()
}

#[derive(Serialize)]
struct Versions {
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Version {
    status: &'static str,
    id: &'static str,
    links: [Link; 1],
}

#[derive(Serialize)]
struct Link {
    href: String,
    rel: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: Route<'_> = Route::List(Listing::Choices);
    const ASKED_FOR: Route<'_> = Route::List(Listing::AskedFor);

    fn v1(path: &str) -> Route<'_> {
        Route::V1(Cow::Borrowed(path))
    }

    fn enabled(first: bool, second: bool) -> VersionsConfig {
        VersionsConfig {
            enable_v1_api: first,
            enable_v2_api: second,
            ..VersionsConfig::default()
        }
    }

    #[test]
    fn negotiates_as_recorded() {
        let cases = [
            ("/", CHOICES),
            ("/versions", ASKED_FOR),
            ("/versions/", ASKED_FOR),
            ("/versions/x", ASKED_FOR),
            ("//versions", ASKED_FOR),
            ("/v1", Route::Redirect("/v1/")),
            ("/v1.1", Route::Redirect("/v1/")),
            ("/v1/", v1("/")),
            ("/v1/images", v1("/images")),
            ("/v1.0/images", v1("/images")),
            ("/v1.1/images", v1("/images")),
            ("/v1/images/x/members", v1("/images/x/members")),
            ("/v1.2/images", CHOICES),
            ("/v3/images", CHOICES),
            ("/V1/images", CHOICES),
            ("/v1x", CHOICES),
            ("/foo", CHOICES),
            ("", CHOICES),
            ("*", CHOICES),
            ("http://host/v1/images", CHOICES),
            ("//v1/images", v1("/images")),
            ("/v1//images", v1("/images")),
            ("/v1/images//x", v1("/images/x")),
            ("/v1/images/", v1("/images/")),
            ("/v2", Route::Redirect("/v2/")),
            ("/v2.5/images", Route::V2("/images".into())),
            ("/v2.6/images", CHOICES),
        ];
        for (path, expected) in cases {
            assert_eq!(
                negotiate(path, None, &enabled(true, true)),
                expected,
                "{path}"
            );
            let same = negotiate(path, Some("application/json"), &enabled(true, true));
            assert_eq!(same, expected, "{path}");
        }
    }

    #[test]
    fn serves_paths_without_version_as_version_1() {
        let cases = [
            ("/images", v1("/images")),
            ("/images/detail", v1("/images/detail")),
            ("//images//x", v1("/images/x")),
            ("/shared-images/t1", v1("/shared-images/t1")),
            ("/imagesx", CHOICES),
            ("/Images", CHOICES),
        ];
        for (path, expected) in cases {
            assert_eq!(
                negotiate(path, None, &enabled(true, true)),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn takes_the_version_from_the_media_type() {
        let accept = |version: &str| format!("application/vnd.openstack.images-{version}");
        let cases = [
            ("/images", "v1", v1("/images")),
            ("/images", "v1.1", v1("/images")),
            ("/", "v1", v1("/")),
            ("/v1/images", "v1", v1("/v1/images")),
            ("/images", "v7", CHOICES),
            ("/v1/images", "v7", CHOICES),
            ("/images", "v1, text/plain", CHOICES),
            ("/images", "v2", Route::V2("/images".into())),
            ("/versions", "v1", ASKED_FOR),
        ];
        for (path, version, expected) in cases {
            let accept = accept(version);
            let found = negotiate(path, Some(&accept), &enabled(true, true));
            assert_eq!(found, expected, "{path} {version}");
        }
    }

    #[test]
    fn a_version_that_is_off_is_unknown() {
        let accept = Some("application/vnd.openstack.images-v1");
        for path in ["/v1", "/v1/", "/v1/images", "/images", "/shared-images/t1"] {
            assert_eq!(
                negotiate(path, None, &enabled(false, true)),
                CHOICES,
                "{path}"
            );
            assert_eq!(
                negotiate(path, accept, &enabled(false, true)),
                CHOICES,
                "{path}"
            );
        }
        assert_eq!(negotiate("/v2", None, &enabled(true, false)), CHOICES);
        assert_eq!(
            negotiate("/v2/images", None, &enabled(true, false)),
            CHOICES
        );
    }

    #[test]
    fn lists_versions_as_recorded() {
        let list = |first, second| body("http://127.0.0.1:19292", &enabled(first, second));
        let text = String::from_utf8(list(true, true)).unwrap();
        assert!(text.starts_with(
            "{\"versions\": [{\"status\": \"CURRENT\", \"id\": \"v2.5\", \"links\": \
             [{\"href\": \"http://127.0.0.1:19292/v2/\", \"rel\": \"self\"}]}, "
        ));
        assert!(text.ends_with(
            "{\"status\": \"DEPRECATED\", \"id\": \"v1.0\", \"links\": \
             [{\"href\": \"http://127.0.0.1:19292/v1/\", \"rel\": \"self\"}]}]}"
        ));
        // The recording's Content-Length: its host was as long as this one.
        assert_eq!(text.len(), 854);
        assert_eq!(list(false, true).len(), 642);
        assert_eq!(list(false, false), b"{\"versions\": []}");
        assert_eq!(
            body("https://images.example.com/glance", &enabled(true, true)).len(),
            942
        );
        assert_eq!(
            (Listing::Choices.status(), Listing::AskedFor.status()),
            (300, 200)
        );
    }
}
