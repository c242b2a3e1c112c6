//! What `[astakos]` means, worked out once.

use std::path::PathBuf;
use std::time::Duration;

use glance_config::AstakosConfig;
use glance_core::identity::Token;
use thiserror::Error;

use crate::link::is_base;

/// A shorter one could be found out by trying.
const SHORTEST_SERVICE_TOKEN: usize = 32;

/// Why `[astakos]` cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("[astakos] {0}")]
pub struct AstakosSettingsError(&'static str);

/// Everything that the strategy needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where Astakos' identity service is, without a slash at its end.
    pub(super) base: String,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) insecure: bool,
    /// The longest that one attempt may take.
    pub(super) attempt: Duration,
    /// How often it is repeated.
    pub(super) retries: u32,
    /// How long a validated token is believed.
    pub(super) cache_time: Option<Duration>,
}

impl TryFrom<&AstakosConfig> for Settings {
    type Error = AstakosSettingsError;

    fn try_from(config: &AstakosConfig) -> Result<Self, AstakosSettingsError> {
        let Some(url) = &config.auth_url else {
            return Err(AstakosSettingsError(
                "auth_url is missing: it says where Astakos is",
            ));
        };
        if !is_base(url) {
            return Err(AstakosSettingsError(
                "auth_url must be http(s)://HOST[:PORT]/PATH",
            ));
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            ca_file: config.cafile.clone(),
            insecure: config.insecure,
            attempt: Duration::from_secs(config.timeout.get().into()),
            retries: config.retries,
            cache_time: config.token_cache_time.0,
        })
    }
}

/// The token that the daemons share, if there is one.
pub(super) fn service_token(config: &AstakosConfig) -> Result<Option<Token>, AstakosSettingsError> {
    let Some(secret) = &config.service_token else {
        return Ok(None);
    };
    let text = secret.reveal();
    if text.len() < SHORTEST_SERVICE_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AstakosSettingsError(
            "service_token must be at least 32 characters of ASCII without blanks",
        ));
    }
    Ok(Some(Token::new(text)))
}

#[cfg(test)]
mod tests {
    use glance_config::Secret;

    use super::*;

    #[test]
    fn says_what_is_wrong() {
        let with = |url: Option<&str>| {
            Settings::try_from(&AstakosConfig {
                auth_url: url.map(str::to_owned),
                ..AstakosConfig::default()
            })
        };
        for url in [
            None,
            Some("ftp://a"),
            Some("http://"),
            Some("http://u@a/"),
            Some("http://a?b"),
        ] {
            assert!(with(url).is_err(), "{url:?}");
        }
        let settings = with(Some("https://a:1/identity/v2.0/")).unwrap();
        assert_eq!(settings.base, "https://a:1/identity/v2.0");
    }

    #[test]
    fn takes_no_token_that_can_be_guessed() {
        let with = |text: &str| {
            service_token(&AstakosConfig {
                service_token: Some(Secret::new(text)),
                ..AstakosConfig::default()
            })
        };
        for text in ["", "secret", &" ".repeat(40), &"ж".repeat(40)] {
            assert!(with(text).is_err(), "{text:?}");
        }
        assert!(with(&"x".repeat(32)).unwrap().is_some());
    }
}
