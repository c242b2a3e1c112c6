//! Where Synnefo's guide to its image API and its server disagree, and what we do at either level:
//! each point is one question here, and nowhere else is the level looked at.
//!
//! The guide is the Cyclades/Image API guide and, for what it leaves open, the older Plankton API
//! guide and release 0.13, which that was written for. The server is release 0.20 as it was recorded.

use std::borrow::Cow;

use glance_config::PlanktonLevel;
use glance_core::plankton::AVAILABLE;

/// Which of the two counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The guide.
    Guide,
    /// The server.
    Synnefo,
}

impl From<PlanktonLevel> for Level {
    fn from(level: PlanktonLevel) -> Self {
        match level {
            PlanktonLevel::Guide => Self::Guide,
            PlanktonLevel::Synnefo => Self::Synnefo,
        }
    }
}

impl Level {
    fn is_guide(self) -> bool {
        self == Self::Guide
    }

    /// The status in a list. Guide, "List Available Images": `available`; server: `AVAILABLE`. A
    /// status that an update has set is shown as it was set.
    pub(super) fn listed_status(self, set: Option<&str>) -> &str {
        match (set, self) {
            (Some(set), _) => set,
            (None, Self::Guide) => AVAILABLE,
            (None, Self::Synnefo) => "AVAILABLE",
        }
    }

    /// The status in a header. Guide, "Retrieve Image Metadata": as in the list; server: one of its
    /// five words.
    pub(super) fn status_header(self, set: Option<&str>) -> Cow<'_, str> {
        let Some(set) = set.filter(|_| !self.is_guide()) else {
            return self.listed_status(set).to_owned().into();
        };
        let word = match set.to_uppercase().as_str() {
            "AVAILABLE" => "AVAILABLE",
            "UNAVAILABLE" => "SAVING",
            "ERROR" => "ERROR",
            "DELETED" => "DELETED",
            _ => "UNKNOWN",
        };
        word.into()
    }

    /// The status of the answer to somebody who may not. Guide, return codes of every call about an
    /// image: 405; server: 403.
    pub(super) fn no_access(self) -> u16 {
        match self {
            Self::Guide => 405,
            Self::Synnefo => 403,
        }
    }

    /// The status of the answer to a registration without a location, or with an empty one. Guide,
    /// return codes of POST `/images`: 501; server: 400.
    pub(super) fn missing_location(self) -> u16 {
        match self {
            Self::Guide => 501,
            Self::Synnefo => 400,
        }
    }

    /// The status of the answer where there is no such address. Release 0.13: 404, which the guide
    /// says nothing against; server: 400.
    pub(super) fn nowhere(self) -> u16 {
        match self {
            Self::Guide => 404,
            Self::Synnefo => 400,
        }
    }

    /// The status of the answer to an id that is no UUID. Guide, return codes: an image that is not
    /// found is 404; server: 400.
    pub(super) fn no_uuid(self) -> u16 {
        match self {
            Self::Guide => 404,
            Self::Synnefo => 400,
        }
    }

    /// The status of the answer to an update that takes the name away. Guide, return codes of PUT:
    /// 400, an illegal header value; server: 404, for what has no name is no image any more.
    pub(super) fn nameless(self) -> u16 {
        match self {
            Self::Guide => 400,
            Self::Synnefo => 404,
        }
    }

    /// Whether registering again keeps the properties that are not named. Guide, the hint at "Update
    /// an Image": POST resets everything; server: it merges.
    pub(super) fn registration_merges(self) -> bool {
        !self.is_guide()
    }

    /// Whether an update may name size and checksum, which then must be the object's. Guide, "Update
    /// an Image": size is optional but should match; server: no such header.
    pub(super) fn update_compares_data(self) -> bool {
        self.is_guide()
    }

    /// Whether an `X-Image-Meta-` header that does not exist is refused. Release 0.13: 400, the
    /// guide's "illegal header value"; server: it is as if it were not there.
    pub(super) fn refuses_unknown_headers(self) -> bool {
        self.is_guide()
    }

    /// Whether `is_snapshot` and `description` are shown. The guide's tables have neither; the
    /// server always sends both as headers, and `is_snapshot` in detailed lists.
    pub(super) fn shows_snapshots(self) -> bool {
        !self.is_guide()
    }

    /// Whether the images shared with respect to a user are the caller's that this user can read.
    /// Guide, "List Shared Images": the images shared with that user; server: the user's own that
    /// the caller can read.
    pub(super) fn shared_means_with(self) -> bool {
        self.is_guide()
    }

    /// Whether each fault says in words what is wrong. Release 0.13 does where it answers in words
    /// at all; the server leaves the message of some faults empty.
    pub(super) fn always_explains(self) -> bool {
        self.is_guide()
    }

    /// Whether a wrong method at an address of images or members is answered by an empty page. The
    /// server does, because there its framework answers; the guide knows faults only.
    pub(super) fn wrong_method_is_a_page(self) -> bool {
        !self.is_guide()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_five_words_for_a_status() {
        let header = |set| Level::Synnefo.status_header(set).into_owned();
        assert_eq!(header(None), "AVAILABLE");
        assert_eq!(header(Some("available")), "AVAILABLE");
        assert_eq!(header(Some("unavailable")), "SAVING");
        assert_eq!(header(Some("Error")), "ERROR");
        assert_eq!(header(Some("deleted")), "DELETED");
        assert_eq!(header(Some("foo")), "UNKNOWN");
        assert_eq!(Level::Synnefo.listed_status(Some("foo")), "foo");
    }

    #[test]
    fn the_guide_shows_a_status_as_it_is() {
        assert_eq!(Level::Guide.status_header(None), "available");
        assert_eq!(Level::Guide.status_header(Some("foo")), "foo");
        assert_eq!(Level::Guide.listed_status(None), "available");
    }
}
