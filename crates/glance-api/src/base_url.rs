//! Under which URL a caller sees the service: scheme and host in `Location` and in version links.

use actix_web::http::header::{FORWARDED, HOST, HeaderMap, HeaderName};
use glance_config::{EndpointConfig, MiddlewareConfig};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What a URL is made from where no header says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    /// Whether the connection is TLS.
    pub tls: bool,
    /// `host:port` of the local end of the connection, for requests without `Host`.
    pub address: &'a str,
}

/// Which headers of a request are believed about its URL.
#[derive(Clone, Debug, Default)]
pub struct BaseUrls {
    public_endpoint: Option<String>,
    scheme_header: Option<HeaderName>,
    trusts_proxy: bool,
}

impl BaseUrls {
    /// The rules of the configuration.
    pub fn new(endpoint: &EndpointConfig, middleware: &MiddlewareConfig) -> Self {
        let scheme_header = endpoint.proxy_protocol_header();
        Self {
            public_endpoint: endpoint
                .public_endpoint
                .as_ref()
                .map(|url| url.as_str().to_owned()),
            scheme_header: scheme_header.and_then(|name| HeaderName::try_from(name).ok()),
            trusts_proxy: middleware.enable_proxy_headers_parsing,
        }
    }

    /// `scheme://host[:port]` for the `Location` of a new image. `public_endpoint` and
    /// `X-Forwarded-Prefix` have no say here, as in Glance.
    pub fn location(&self, listener: Listener<'_>, headers: &HeaderMap) -> String {
        let scheme = self
            .scheme_header
            .as_ref()
            .and_then(|name| scheme(text(headers, name)?));
        self.url(scheme, listener, headers)
    }

    /// The base of the `Location` that sends `/v1` to `/v1/`: with the proxy's prefix.
    pub fn redirect(&self, listener: Listener<'_>, headers: &HeaderMap) -> String {
        let mut url = self.location(listener, headers);
        if self.trusts_proxy {
            url.push_str(
                text(headers, &X_FORWARDED_PREFIX)
                    .filter(|path| is_path(path))
                    .unwrap_or(""),
            );
        }
        url
    }

    /// The base of version links: `public_endpoint` if set. `asked_for`: the list is the answer to
    /// `/versions`, where Glance heeds no `secure_proxy_ssl_header`.
    pub fn version_links(
        &self,
        asked_for: bool,
        listener: Listener<'_>,
        headers: &HeaderMap,
    ) -> String {
        match &self.public_endpoint {
            Some(url) => url.clone(),
            None if asked_for => self.url(None, listener, headers),
            None => self.location(listener, headers),
        }
    }

    fn url(&self, known: Option<&str>, listener: Listener<'_>, headers: &HeaderMap) -> String {
        let own = if listener.tls { "https" } else { "http" };
        let (proxied_scheme, proxied_host) = if self.trusts_proxy {
            forwarded(headers)
        } else {
            (None, None)
        };
        let scheme = known.or(proxied_scheme).unwrap_or(own);
        let host = proxied_host.or_else(|| text(headers, &HOST).filter(|host| is_host(host)));
        let host = without_usual_port(scheme, host.unwrap_or(listener.address));
        format!("{scheme}://{host}")
    }
}

/// Scheme and host that the first proxy saw: from `Forwarded`, and only without it from the older
/// headers. What could not be a part of a URL is passed over.
fn forwarded(headers: &HeaderMap) -> (Option<&str>, Option<&str>) {
    let Some(first) = text(headers, &FORWARDED).and_then(|value| value.split(',').next()) else {
        let host = text(headers, &X_FORWARDED_HOST).filter(|host| is_host(host));
        return (text(headers, &X_FORWARDED_PROTO).and_then(scheme), host);
    };
    let pairs = first.split(';').filter_map(|pair| pair.split_once('='));
    // Quotes are needed around a host with a port; Glance leaves them in the URL.
    let pairs = pairs.map(|(key, value)| (key.trim(), value.trim().trim_matches('"')));
    let (mut proto, mut host) = (None, None);
    for (key, value) in pairs {
        if key.eq_ignore_ascii_case("proto") {
            proto = scheme(value);
        } else if key.eq_ignore_ascii_case("host") {
            host = Some(value).filter(|host| is_host(host));
        }
    }
    (proto, host)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers
        .get(name)?
        .to_str()
        .ok()
        .filter(|text| !text.is_empty())
}

fn scheme(text: &str) -> Option<&str> {
    let valid = text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !text.is_empty();
    valid.then_some(text)
}

fn is_host(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
    !text.is_empty() && text.bytes().all(valid)
}

fn is_path(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte);
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(valid)
}

fn without_usual_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    host.strip_suffix(usual).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const PLAIN: Listener<'_> = Listener {
        tls: false,
        address: "192.0.2.1:9292",
    };
    const TLS: Listener<'_> = Listener {
        tls: true,
        address: "192.0.2.1:9292",
    };

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn headers(pairs: Pairs<'_>) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn proxied() -> BaseUrls {
        BaseUrls {
            trusts_proxy: true,
            ..BaseUrls::default()
        }
    }

    #[test]
    fn follows_host_and_connection() {
        let urls = BaseUrls::default();
        let cases: [(Listener<'_>, Pairs<'_>, &str); 9] = [
            (PLAIN, &[("Host", "api:9292")], "http://api:9292"),
            (TLS, &[("Host", "api:9292")], "https://api:9292"),
            (PLAIN, &[("Host", "api:80")], "http://api"),
            (TLS, &[("Host", "api:443")], "https://api"),
            (TLS, &[("Host", "api:80")], "https://api:80"),
            (
                PLAIN,
                &[("Host", "[2001:db8::80]")],
                "http://[2001:db8::80]",
            ),
            (PLAIN, &[], "http://192.0.2.1:9292"),
            (PLAIN, &[("Host", "")], "http://192.0.2.1:9292"),
            (PLAIN, &[("Host", "a/b?\"<")], "http://192.0.2.1:9292"),
        ];
        for (listener, request, expected) in cases {
            assert_eq!(
                urls.location(listener, &headers(request)),
                expected,
                "{request:?}"
            );
        }
    }

    #[test]
    fn believes_no_proxy_unless_told_to() {
        let request = headers(&[
            ("Host", "api"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "fw"),
            ("X-Forwarded-Prefix", "/img"),
            ("Forwarded", "proto=https;host=f"),
        ]);
        let urls = BaseUrls::default();
        for url in [
            urls.location(PLAIN, &request),
            urls.redirect(PLAIN, &request),
            urls.version_links(false, PLAIN, &request),
            urls.version_links(true, PLAIN, &request),
        ] {
            assert_eq!(url, "http://api");
        }
    }

    #[test]
    fn follows_a_trusted_proxy_as_recorded() {
        let cases: [(Pairs<'_>, &str); 9] = [
            (
                &[
                    ("X-Forwarded-Proto", "https"),
                    ("X-Forwarded-Host", "fw.example.com"),
                ],
                "https://fw.example.com",
            ),
            (
                &[("Forwarded", "for=1.2.3.4;proto=https;host=f.example.com")],
                "https://f.example.com",
            ),
            (
                &[
                    ("X-Forwarded-Proto", "https"),
                    ("X-Forwarded-Prefix", "/img"),
                ],
                "https://api:9292",
            ),
            (
                &[("Forwarded", "Host=a ; PROTO=https, host=b;proto=http")],
                "https://a",
            ),
            (
                &[("Forwarded", "for=x"), ("X-Forwarded-Host", "fw")],
                "http://api:9292",
            ),
            (&[("Forwarded", "host=\"a:8080\"")], "http://a:8080"),
            (&[("X-Forwarded-Proto", "https, http")], "http://api:9292"),
            (&[("X-Forwarded-Host", "a, b")], "http://api:9292"),
            (&[("X-Forwarded-Proto", "")], "http://api:9292"),
        ];
        for (request, expected) in cases {
            let mut request = headers(request);
            request.insert(HOST, HeaderValue::from_static("api:9292"));
            assert_eq!(proxied().location(PLAIN, &request), expected, "{request:?}");
            assert_eq!(proxied().version_links(false, PLAIN, &request), expected);
            assert_eq!(proxied().version_links(true, PLAIN, &request), expected);
        }
    }

    #[test]
    fn keeps_the_proxys_prefix_in_redirects_only() {
        let request = |prefix| headers(&[("Host", "api"), ("X-Forwarded-Prefix", prefix)]);
        assert_eq!(
            proxied().redirect(PLAIN, &request("/img")),
            "http://api/img"
        );
        assert_eq!(proxied().redirect(PLAIN, &request("//evil")), "http://api");
        assert_eq!(proxied().redirect(PLAIN, &request("evil")), "http://api");
    }

    #[test]
    fn secure_proxy_header_says_the_scheme_but_not_for_the_list_asked_for() {
        let endpoint = EndpointConfig {
            secure_proxy_ssl_header: Some("HTTP_X_FORWARDED_PROTO".to_owned()),
            ..EndpointConfig::default()
        };
        let urls = BaseUrls::new(&endpoint, &MiddlewareConfig::default());
        let request = headers(&[("Host", "api:9292"), ("X-Forwarded-Proto", "https")]);
        assert_eq!(urls.location(PLAIN, &request), "https://api:9292");
        assert_eq!(
            urls.version_links(false, PLAIN, &request),
            "https://api:9292"
        );
        assert_eq!(urls.version_links(true, PLAIN, &request), "http://api:9292");
        assert_eq!(
            urls.location(PLAIN, &headers(&[("Host", "api")])),
            "http://api"
        );
        assert_eq!(
            urls.location(TLS, &headers(&[("Host", "api")])),
            "https://api"
        );
    }

    #[test]
    fn public_endpoint_is_for_version_links_only() {
        let urls = BaseUrls {
            public_endpoint: Some("https://images.example.com/glance".into()),
            ..proxied()
        };
        let request = headers(&[("Host", "api"), ("X-Forwarded-Host", "fw.example.com")]);
        for asked_for in [false, true] {
            let links = urls.version_links(asked_for, PLAIN, &request);
            assert_eq!(links, "https://images.example.com/glance");
        }
        assert_eq!(urls.location(PLAIN, &request), "http://fw.example.com");
    }
}
