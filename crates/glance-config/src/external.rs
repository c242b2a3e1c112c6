//! Outside sources of image data: which URLs users may give, and how they are fetched.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::network::{AllowList, Ports, Schemes};
use crate::value::OptionValue;

options! {
    /// Outside sources of image data.
    pub struct ExternalConfig in "glance_store" {
        /// A file of certificates in PEM form that https sources are checked against, instead of
        /// the system's.
        https_ca_certificates_file: Option<PathBuf> = unset, restart,
            was ["DEFAULT/https_ca_certificates_file"];
        /// Accept https sources without checking their certificates. In Glance this was the
        /// default. Ignored if https_ca_certificates_file is set.
        https_insecure: Unverified = "false", restart, was ["DEFAULT/https_insecure"];
        /// Proxies for outside sources. Not supported: sources are connected to directly.
        http_proxy_information: ProxyInformation = unset, restart,
            was ["DEFAULT/http_proxy_information"];
        /// The schemes of the URLs that users may give as location or copy-from, of http and
        /// https; empty: none. It takes http among the stores, too. Not Glance's.
        external_schemes: Schemes = "http,https", restart;
        /// Hosts and networks that users' URLs may lead to although they are not public, each as a
        /// name, an address or a network: images.example.org, 10.1.2.3, 10.1.0.0/16. Everything
        /// else that is loopback, private, link-local, multicast or reserved is refused. On hosts
        /// that are named here, every port is allowed. Not Glance's.
        external_allow: AllowList = unset, restart;
        /// The ports that users' URLs may name. Not Glance's.
        external_ports: Ports = "80,443,1024-65535", restart;
        /// Seconds in which an outside source must accept a connection, begin to answer, and send
        /// more. Not Glance's.
        external_timeout: NonZeroU32 = "30", restart;
        /// Bytes that an outside source must send in a second, over half a minute; 0: any rate.
        /// Only time spent waiting for the source counts. Not Glance's.
        external_minimum_rate: u64 = "1024", restart;
        /// How many images are copied from outside sources at the same time; others wait. Not
        /// Glance's.
        copy_from_parallel: NonZeroUsize = "4", restart;
    }
}

impl ExternalConfig {
    /// The time in which a source must do its next step.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.external_timeout.get().into())
    }
}

/// Whether certificates of sources go unchecked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unverified(pub bool);

impl OptionValue for Unverified {
    const ACCEPTS: &'static str = bool::ACCEPTS;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        bool::parse(text).map(Self)
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }

    fn remark(&self) -> Option<String> {
        let remark = "certificates of https sources are not checked: whoever sits on the way can \
                      change the images";
        self.0.then(|| remark.to_owned())
    }
}

/// What Glance's option names; it has no effect here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyInformation(String);

impl OptionValue for ProxyInformation {
    const ACCEPTS: &'static str = "text, which has no effect";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let nothing = matches!(text, "<None>" | "None" | "{}");
        Ok(Self(if nothing {
            String::new()
        } else {
            text.to_owned()
        }))
    }

    fn shown(&self) -> Vec<String> {
        Some(self.0.clone())
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect()
    }

    fn remark(&self) -> Option<String> {
        let remark = "proxies are not supported; outside sources are connected to directly";
        (!self.0.is_empty()).then(|| remark.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_what_is_not_safe_or_not_done() {
        assert!(Unverified::parse("true").unwrap().remark().is_some());
        assert!(Unverified::parse("false").unwrap().remark().is_none());
        assert!(
            ProxyInformation::parse("http:10.0.0.1:3128")
                .unwrap()
                .remark()
                .is_some()
        );
        assert!(ProxyInformation::parse("").unwrap().remark().is_none());
    }

    #[test]
    fn sources_are_public_and_checked_by_default() {
        let config = ExternalConfig::default();
        assert!(!config.https_insecure.0);
        assert!(config.external_allow.0.is_empty());
        assert!(!config.external_ports.contains(22));
    }
}
