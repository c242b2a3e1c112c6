//! Where a store keeps images, and how its locations name them.

use glance_core::id::ImageId;
use glance_core::location::LocationUrl;
use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::StoreError;

/// What lies here is not published yet.
const UNFINISHED: &str = "unfinished";

/// Written as it is in locations; everything else percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A bucket, or what is below a prefix in it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The first is written, all are read.
    pub(super) schemes: &'static [&'static str],
    bucket: String,
    prefix: Path,
}

/// What a name in the place stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The data of an image, or what looks like it.
    Whole(Option<ImageId>),
    /// Data that is not published yet.
    Unfinished(Option<ImageId>),
}

impl Place {
    /// The place `bucket`/`prefix`. None if no object can be kept there.
    pub(super) fn new(
        schemes: &'static [&'static str],
        bucket: &str,
        prefix: &str,
    ) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(plain) {
            return None;
        }
        Some(Self {
            schemes,
            bucket: bucket.to_owned(),
            prefix: Path::parse(prefix).ok()?,
        })
    }

    /// Everything in the place is below this.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The object that has the data of `id`.
    pub(super) fn object(&self, id: &ImageId) -> Path {
        self.prefix.clone().join(id.as_str())
    }

    /// Everything that is not published yet is below this.
    pub(super) fn unfinished(&self) -> Path {
        self.prefix.clone().join(UNFINISHED)
    }

    /// The same for one image.
    pub(super) fn unfinished_of(&self, id: &ImageId) -> Path {
        self.unfinished().join(id.as_str())
    }

    /// What `object`, which is in the place, stands for.
    pub(super) fn named(&self, object: &Path) -> Named {
        let mut names = object.prefix_match(&self.prefix).into_iter().flatten();
        let first = names.next();
        let second = names.next();
        let id = |name: Option<object_store::path::PathPart<'_>>| name?.as_ref().parse().ok();
        match (&first, second) {
            (Some(name), Some(below)) if name.as_ref() == UNFINISHED => {
                Named::Unfinished(id(Some(below)))
            }
            (_, Some(_)) => Named::Whole(None),
            (_, None) => Named::Whole(id(first)),
        }
    }

    /// How a location names `object`.
    pub(super) fn location(&self, object: &Path) -> LocationUrl {
        let mut text = format!("{}://{}", self.schemes[0], self.bucket);
        for name in object.as_ref().split('/') {
            text.push('/');
            text.extend(utf8_percent_encode(name, ENCODED));
        }
        LocationUrl::new(text)
    }

    /// The object that `location` names, which is in the place and published.
    pub(super) fn parse(&self, location: &LocationUrl) -> Result<Path, StoreError> {
        self.object_of(location.expose())
            .filter(|object| matches!(self.named(object), Named::Whole(_)))
            .ok_or(StoreError::BadLocation)
    }

    fn object_of(&self, text: &str) -> Option<Path> {
        let (scheme, rest) = text.split_once("://")?;
        if !self.schemes.contains(&scheme) || rest.contains(['?', '#']) {
            return None;
        }
        let (bucket, name) = rest.split_once('/')?;
        if bucket != self.bucket || name.is_empty() || name.ends_with('/') {
            return None;
        }
        let object = Path::from_url_path(name).ok()?;
        let within = object.prefix_match(&self.prefix)?.next().is_some();
        within.then_some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

    fn place(prefix: &str) -> Place {
        Place::new(&["azure", "az"], "bucket", prefix).unwrap()
    }

    #[test]
    fn writes_locations_that_it_reads() {
        for (prefix, expected) in [
            ("", format!("azure://bucket/{ID}")),
            ("a/b", format!("azure://bucket/a/b/{ID}")),
            ("ä b", format!("azure://bucket/%C3%A4%20b/{ID}")),
        ] {
            let place = place(prefix);
            let object = place.object(&ID.parse().unwrap());
            let location = place.location(&object);
            assert_eq!(location.expose(), expected);
            assert_eq!(place.parse(&location).unwrap(), object);
            assert_eq!(place.named(&object), Named::Whole(ID.parse().ok()));
        }
        let other = LocationUrl::new(format!("az://bucket/{ID}"));
        assert!(place("").parse(&other).is_ok());
    }

    #[test]
    fn reads_nothing_outside() {
        let place = place("images");
        for text in [
            "",
            "azure://",
            "azure://bucket",
            "azure://bucket/",
            "azure://bucket/images",
            "azure://bucket/images/",
            "azure://bucket/x",
            "azure://bucket/images2/x",
            "azure://bucket/images/../x",
            "azure://bucket/images/%2e%2e/x",
            "azure://bucket/images//x",
            "azure://bucket/images/x/",
            "azure://bucket/images/x?sig=1",
            "azure://bucket/images/unfinished/x",
            "azure://bucket2/images/x",
            "azure://user:key@bucket/images/x",
            "gs://bucket/images/x",
        ] {
            let parsed = place.parse(&LocationUrl::new(text));
            assert!(matches!(parsed, Err(StoreError::BadLocation)), "{text}");
        }
    }

    #[test]
    fn tells_whole_data_from_unfinished() {
        let place = place("images");
        let id: ImageId = ID.parse().unwrap();
        let below = |name: &str| place.prefix().clone().join(name);
        assert_eq!(place.named(&below("x")), Named::Whole(None));
        assert_eq!(place.named(&below(ID).join("y")), Named::Whole(None));
        let unfinished = place.unfinished_of(&id).join("1");
        assert_eq!(place.named(&unfinished), Named::Unfinished(Some(id)));
        let stray = place.unfinished().join("x");
        assert_eq!(place.named(&stray), Named::Unfinished(None));
    }

    #[test]
    fn refuses_buckets_and_prefixes_that_cannot_be() {
        for (bucket, prefix) in [
            ("", ""),
            ("a/b", ""),
            ("a@b", ""),
            ("b", "x//y"),
            ("b", ".."),
        ] {
            assert!(
                Place::new(&["gs"], bucket, prefix).is_none(),
                "{bucket} {prefix}"
            );
        }
    }
}
