//! How callers prove who they are.

use std::path::PathBuf;

use crate::value::OptionValue;

options! {
    /// How callers prove who they are.
    pub struct PasteDeploy in "paste_deploy" {
        /// The flavor of authentication. Unset or none: everybody is the administrator, as in
        /// Glance without Keystone. keystone: tokens are validated with Keystone, see
        /// section keystone_authtoken. astakos: tokens are validated with Synnefo's Astakos, see
        /// section astakos. trusted-auth: a proxy in front says who calls, in
        /// X-Identity-Status, X-User-Id, X-Tenant-Id and X-Roles. fakeauth: the token is
        /// user:tenant:role; for tests, and only on a loopback address. Glance's +caching and
        /// +cachemanagement may follow, without effect.
        flavor: PasteFlavor = "", restart;
        /// Accepted for Glance's sake: there is no paste pipeline here.
        config_file: Option<PasteFile> = unset, restart;
    }
}

/// A strategy of authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthFlavor {
    /// Everybody is the administrator.
    #[default]
    None,
    /// The token says who calls: `user:tenant:role`.
    FakeAuth,
    /// The headers say who calls.
    TrustedAuth,
    /// Keystone knows whose the token is.
    Keystone,
    /// Astakos knows whose the token is.
    Astakos,
}

impl AuthFlavor {
    /// Its name in a configuration file; the empty text for none.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::FakeAuth => "fakeauth",
            Self::TrustedAuth => "trusted-auth",
            Self::Keystone => "keystone",
            Self::Astakos => "astakos",
        }
    }
}

/// A paste flavor of Glance: a strategy of authentication, with or without an image cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasteFlavor {
    /// The strategy.
    pub auth: AuthFlavor,
    /// The parts that were asked for and are not to be had here: `caching`, `cachemanagement`.
    pub ignored: Vec<String>,
}

impl OptionValue for PasteFlavor {
    const ACCEPTS: &'static str = "none (or empty), keystone, astakos, trusted-auth or fakeauth";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let mut flavor = Self::default();
        // Glance joins the parts by a plus sign: trusted-auth+cachemanagement.
        for part in text.split('+').map(str::trim) {
            match part {
                "" | "none" | "None" | "<None>" => {}
                "fakeauth" => flavor.auth = AuthFlavor::FakeAuth,
                "trusted-auth" => flavor.auth = AuthFlavor::TrustedAuth,
                "keystone" => flavor.auth = AuthFlavor::Keystone,
                "astakos" => flavor.auth = AuthFlavor::Astakos,
                "caching" | "cachemanagement" => flavor.ignored.push(part.to_owned()),
                _ => return Err(None),
            }
        }
        Ok(flavor)
    }

    fn shown(&self) -> Vec<String> {
        let auth = Some(self.auth.name()).filter(|name| !name.is_empty());
        let parts: Vec<&str> = auth
            .into_iter()
            .chain(self.ignored.iter().map(String::as_str))
            .collect();
        if parts.is_empty() {
            Vec::new()
        } else {
            vec![parts.join("+")]
        }
    }

    fn remark(&self) -> Option<String> {
        let parts = self.ignored.join(", ");
        (!parts.is_empty()).then(|| format!("{parts} is not supported, ignored"))
    }
}

/// The name of a paste configuration file, which is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasteFile(pub PathBuf);

impl OptionValue for PasteFile {
    const ACCEPTS: &'static str = "a path";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        PathBuf::parse(text).map(Self)
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }

    fn remark(&self) -> Option<String> {
        Some("there is no paste pipeline here, the file is not read; see flavor".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_flavors() {
        let auth = |text| PasteFlavor::parse(text).map(|flavor| flavor.auth).ok();
        assert_eq!(auth(""), Some(AuthFlavor::None));
        assert_eq!(auth("none"), Some(AuthFlavor::None));
        assert_eq!(auth("trusted-auth"), Some(AuthFlavor::TrustedAuth));
        assert_eq!(auth("fakeauth"), Some(AuthFlavor::FakeAuth));
        assert_eq!(auth("keystone"), Some(AuthFlavor::Keystone));
        assert_eq!(auth("keystone+cachemanagement"), Some(AuthFlavor::Keystone));
        assert_eq!(auth("astakos"), Some(AuthFlavor::Astakos));
        assert_eq!(auth("basic"), None);
    }

    #[test]
    fn says_that_caching_is_ignored() {
        let flavor = PasteFlavor::parse("trusted-auth+cachemanagement").unwrap();
        assert_eq!(flavor.auth, AuthFlavor::TrustedAuth);
        assert_eq!(
            flavor.remark().unwrap(),
            "cachemanagement is not supported, ignored"
        );
        assert_eq!(flavor.shown(), ["trusted-auth+cachemanagement"]);
    }
}
