//! Which dialects are served, and how Synnefo's Plankton speaks.

use crate::value::OptionValue;

options! {
    /// Which dialects are served.
    pub struct DialectsConfig in "DEFAULT" {
        /// The public APIs that glance-api serves: glance is OpenStack's Images API, plankton
        /// Synnefo's image service, see section plankton. Both work on the same images.
        dialects: Dialects = "glance", restart;
    }
}

options! {
    /// How the dialect plankton speaks.
    pub struct PlanktonConfig in "plankton" {
        /// What counts where Synnefo's guide to the API and its server disagree: guide, or synnefo
        /// for what release 0.20 does. docs/COMPATIBILITY.md lists these points.
        level: PlanktonLevel = "guide", restart;
        /// What the dialect's addresses begin with.
        prefix: Prefix = "/image/v1.0", restart;
        /// Whether GET of an image gives its data, from Pithos. Synnefo answers 501.
        proxy_data: bool = "false", restart;
    }
}

/// The dialects that are served; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialects {
    /// OpenStack's Images API.
    pub glance: bool,
    /// Synnefo's image service.
    pub plankton: bool,
}

impl OptionValue for Dialects {
    const ACCEPTS: &'static str = "glance, plankton, or both, separated by a comma";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut dialects = Self {
            glance: false,
            plankton: false,
        };
        for name in text.split(',').map(str::trim) {
            match name {
                "glance" => dialects.glance = true,
                "plankton" => dialects.plankton = true,
                _ => return Err(None),
            }
        }
        Ok(dialects)
    }

    fn shown(&self) -> Vec<String> {
        let names = [(self.glance, "glance"), (self.plankton, "plankton")];
        let names = names.into_iter().filter(|(served, _)| *served);
        vec![names.map(|(_, name)| name).collect::<Vec<_>>().join(",")]
    }
}

/// What counts where Synnefo's guide and its server disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanktonLevel {
    /// The guide.
    Guide,
    /// The server, release 0.20.
    Synnefo,
}

impl OptionValue for PlanktonLevel {
    const ACCEPTS: &'static str = "guide or synnefo";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "guide" => Ok(Self::Guide),
            "synnefo" => Ok(Self::Synnefo),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let name = match self {
            Self::Guide => "guide",
            Self::Synnefo => "synnefo",
        };
        vec![name.to_owned()]
    }
}

/// The beginning of a path: with a slash before each of its segments, at least one, and none after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// As in `/image/v1.0`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OptionValue for Prefix {
    const ACCEPTS: &'static str = "a path such as /image/v1.0, of letters, digits, and -._~";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let path = text.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let segment =
            |name: &str| !name.is_empty() && name.bytes().all(plain) && name != "." && name != "..";
        match path.strip_prefix('/') {
            Some(segments) if segments.split('/').all(segment) => Ok(Self(path.to_owned())),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_are_one_or_both() {
        let of = |text| Dialects::parse(text).map(|d| (d.glance, d.plankton)).ok();
        assert_eq!(of("glance"), Some((true, false)));
        assert_eq!(of("plankton"), Some((false, true)));
        assert_eq!(of("plankton, glance"), Some((true, true)));
        for text in ["", "cinder", "glance,,plankton"] {
            assert_eq!(of(text), None, "{text}");
        }
        let both = Dialects::parse("plankton, glance").unwrap();
        assert_eq!(both.shown(), ["glance,plankton"]);
    }

    #[test]
    fn a_prefix_is_a_plain_path() {
        assert_eq!(
            Prefix::parse("/image/v1.0/").unwrap().as_str(),
            "/image/v1.0"
        );
        for text in [
            "", "/", "image", "//image", "/a//b", "/a/../b", "/a b", "/%41",
        ] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
    }
}
