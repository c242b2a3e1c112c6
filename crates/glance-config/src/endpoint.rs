//! The URLs under which callers see the service.

use crate::value::OptionValue;

options! {
    /// The URLs under which callers see the service.
    pub struct EndpointConfig in "DEFAULT" {
        /// The URL to show in answers instead of the one the request was sent to, as a proxy in
        /// front of glance-api has it.
        public_endpoint: Option<PublicEndpoint> = unset, restart;
        /// The header by which a proxy that ends TLS tells the caller's protocol, as Glance
        /// spells it: HTTP_X_FORWARDED_PROTO is X-Forwarded-Proto. Only for a proxy that sets it
        /// in every request.
        secure_proxy_ssl_header: Option<String> = unset, restart;
    }
}

impl EndpointConfig {
    /// The name of the header that `secure_proxy_ssl_header` speaks of, in lower case.
    pub fn proxy_protocol_header(&self) -> Option<String> {
        let variable = self.secure_proxy_ssl_header.as_deref()?;
        let name = variable.to_ascii_lowercase().replace('_', "-");
        Some(name.strip_prefix("http-").unwrap_or(&name).to_owned())
    }
}

/// An http or https URL, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicEndpoint(String);

impl PublicEndpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OptionValue for PublicEndpoint {
    const ACCEPTS: &'static str = "a URL that begins with http:// or https://";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let host = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match host {
            Some(host) if plain && !host.trim_matches('/').is_empty() => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.clone()]
    }
}

options! {
    /// What requests pass through on their way in.
    pub struct MiddlewareConfig in "oslo_middleware" {
        /// Whether X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix of a request say
        /// which URL the caller used. Only for a proxy that sets them in every request.
        enable_proxy_headers_parsing: bool = "false", restart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_urls_as_public_endpoint() {
        let text = |text| PublicEndpoint::parse(text).map(|url| url.0).ok();
        assert_eq!(
            text("https://images.example/glance/").as_deref(),
            Some("https://images.example/glance")
        );
        assert_eq!(text("images.example"), None);
        assert_eq!(text("http:///"), None);
        assert_eq!(text("http://a b"), None);
    }

    #[test]
    fn names_the_header_behind_a_wsgi_variable() {
        let config = EndpointConfig {
            secure_proxy_ssl_header: Some("HTTP_X_FORWARDED_PROTO".to_owned()),
            ..Default::default()
        };
        assert_eq!(
            config.proxy_protocol_header().as_deref(),
            Some("x-forwarded-proto")
        );
    }
}
