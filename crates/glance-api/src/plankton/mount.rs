//! Where the dialect is among the paths of the daemon.

/// The addresses that follow from `[plankton] prefix`.
#[derive(Debug)]
pub(crate) struct Mount {
    /// What calls begin with, and the other spelling of the version.
    bases: Vec<String>,
    /// What the list of versions is at: the prefix without its version.
    root: String,
}

/// What a path of the dialect is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// A call, by the path behind the prefix; it begins with a slash.
    Call(&'a str),
    /// The list of versions.
    Versions,
    /// Nothing, or nothing that has a name.
    Nowhere,
}

impl Mount {
    /// `prefix` begins with a slash and does not end with one.
    pub(crate) fn new(prefix: &str) -> Self {
        let bases = vec![prefix.to_owned()];
        match prefix.rsplit_once('/') {
            // Synnefo serves v1 and v1.0 alike.
            Some((root, version @ ("v1" | "v1.0"))) => {
                let other = if version == "v1" { "v1.0" } else { "v1" };
                let root = root.to_owned();
                let bases = vec![bases[0].clone(), format!("{root}/{other}")];
                Self { bases, root }
            }
            _ => Self {
                root: prefix.to_owned(),
                bases,
            },
        }
    }

    /// What `path`, which is decoded, is for; none if it is not of this dialect.
    ///
    /// `alone` is whether no other dialect is served: then every path is of this one.
    pub(crate) fn place<'a>(&self, path: &'a str, alone: bool) -> Option<Place<'a>> {
        let behind = |base: &str| {
            let rest = path.strip_prefix(base)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        if let Some(rest) = self.versions(path, alone) {
            return Some(rest);
        }
        if let Some(call) = self.bases.iter().find_map(|base| behind(base)) {
            return Some(match call {
                "" | "/" => Place::Nowhere,
                call => Place::Call(call),
            });
        }
        let below = !self.root.is_empty() && behind(&self.root).is_some();
        (below || alone).then_some(Place::Nowhere)
    }

    /// The list of versions belongs to Glance at the root of a daemon that serves both.
    fn versions<'a>(&self, path: &str, alone: bool) -> Option<Place<'a>> {
        let of = |root: &str| {
            let rest = path.strip_prefix(root)?;
            matches!(rest, "" | "/" | "/versions" | "/versions/").then_some(Place::Versions)
        };
        let own = of(&self.root).filter(|_| alone || !self.root.is_empty());
        own.or_else(|| of("").filter(|_| alone))
    }

    /// The address of the calls below that of the daemon.
    pub(super) fn base(&self) -> &str {
        &self.bases[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_below_the_prefix() {
        let mount = Mount::new("/image/v1.0");
        let both = |path| mount.place(path, false);
        assert_eq!(both("/image/v1.0/images"), Some(Place::Call("/images")));
        assert_eq!(both("/image/v1/images/"), Some(Place::Call("/images/")));
        for path in ["/image", "/image/", "/image/versions"] {
            assert_eq!(both(path), Some(Place::Versions), "{path}");
        }
        for path in [
            "/image/v1.0",
            "/image/v1.0/",
            "/image/v2/images",
            "/image/x",
        ] {
            assert_eq!(both(path), Some(Place::Nowhere), "{path}");
        }
        for path in [
            "/",
            "/versions",
            "/v1/images",
            "/images",
            "/imagex",
            "/imag",
        ] {
            assert_eq!(both(path), None, "{path}");
        }
    }

    #[test]
    fn alone_it_has_every_path() {
        let mount = Mount::new("/image/v1.0");
        let alone = |path| mount.place(path, true);
        assert_eq!(alone("/"), Some(Place::Versions));
        assert_eq!(alone("/versions"), Some(Place::Versions));
        assert_eq!(alone("/v1/images"), Some(Place::Nowhere));
        assert_eq!(alone("/image/v1.0/images"), Some(Place::Call("/images")));
    }

    #[test]
    fn a_prefix_needs_no_version() {
        let mount = Mount::new("/plankton");
        let place = |path| mount.place(path, false);
        assert_eq!(place("/plankton/images"), Some(Place::Call("/images")));
        assert_eq!(place("/plankton/"), Some(Place::Versions));
        assert_eq!(place("/plankton/versions"), Some(Place::Versions));
        assert_eq!(place("/"), None);
        let mount = Mount::new("/v1.0");
        assert_eq!(
            mount.place("/v1.0/images", false),
            Some(Place::Call("/images"))
        );
        assert_eq!(mount.place("/", false), None);
    }
}
