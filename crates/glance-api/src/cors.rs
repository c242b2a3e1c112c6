//! Which web pages may call the service from a browser: oslo.middleware's CORS.
//!
//! Glance puts this before everything else. A refusal shows in headers that are missing, and in the
//! log at level debug, never in a status.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use glance_config::CorsConfig;

/// Headers that every page may set.
const SIMPLE_HEADERS: [&str; 8] = [
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Cache-Control",
    "Content-Language",
    "Expires",
    "Last-Modified",
    "Pragma",
];

/// The rules for pages of other origins.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<String>,
    allow_credentials: bool,
    expose_headers: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    methods: Vec<String>,
    headers: Vec<String>,
}

impl Cors {
    /// The rules of the configuration; without `allowed_origin`, no page of another origin may call.
    pub fn new(config: &CorsConfig) -> Self {
        let exposed = config.expose_headers.join(",");
        let max_age = config.max_age.as_secs();
        Self {
            origins: config.allowed_origin.clone().unwrap_or_default(),
            allow_credentials: config.allow_credentials,
            expose_headers: HeaderValue::try_from(exposed)
                .ok()
                .filter(|value| !value.is_empty()),
            max_age: (max_age > 0).then(|| HeaderValue::from(max_age)),
            methods: config.allow_methods.clone(),
            headers: config.allow_headers.clone(),
        }
    }

    /// The headers of the answer to an OPTIONS request, which is 200 and empty whatever its path and
    /// whether or not the caller is authenticated. `request`: the headers of the request.
    pub fn preflight(&self, request: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        self.permit(request).unwrap_or_else(|reason| {
            log::debug!("CORS preflight refused: {reason}");
            Vec::new()
        })
    }

    /// Adds to the answer of any other request what lets the page see it. An answer that has such
    /// headers already is left as it is.
    pub fn decorate(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        let Some(origin) = self.permitted_origin(request) else {
            return;
        };
        let vary = match answer.get(VARY).map(HeaderValue::to_str) {
            Some(Ok(before)) => HeaderValue::try_from(format!("{before},Origin")).ok(),
            _ => None,
        };
        answer.insert(VARY, vary.unwrap_or(HeaderValue::from_static("Origin")));
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.allow_credentials {
            answer.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(exposed) = &self.expose_headers {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    fn permit(&self, request: &HeaderMap) -> Result<Vec<(HeaderName, HeaderValue)>, &'static str> {
        let origin = self
            .permitted_origin(request)
            .ok_or("no permitted origin")?;
        let method = request
            .get(ACCESS_CONTROL_REQUEST_METHOD)
            .ok_or("it names no method")?;
        if !self
            .methods
            .iter()
            .any(|permitted| permitted.as_bytes() == method.as_bytes())
        {
            return Err("the method is not permitted");
        }
        let asked = joined(request, ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let asked = asked
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let asked: Vec<&str> = asked.collect();
        if !asked.iter().all(|name| self.permits_header(name)) {
            return Err("a header is not permitted");
        }

        let mut headers = vec![
            (VARY, HeaderValue::from_static("Origin")),
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        ];
        if self.allow_credentials {
            headers.push((
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            ));
        }
        if let Some(max_age) = &self.max_age {
            headers.push((ACCESS_CONTROL_MAX_AGE, max_age.clone()));
        }
        headers.push((ACCESS_CONTROL_ALLOW_METHODS, method.clone()));
        if !asked.is_empty() {
            let names =
                HeaderValue::try_from(asked.join(",")).map_err(|_| "a header is no name")?;
            headers.push((ACCESS_CONTROL_ALLOW_HEADERS, names));
        }
        Ok(headers)
    }

    /// The origin as the answer names it, if it may call: the same text as configured, or `*`.
    fn permitted_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        if self
            .origins
            .iter()
            .any(|permitted| permitted.as_bytes() == origin.as_bytes())
        {
            return Some(origin.clone());
        }
        let all = self.origins.iter().any(|permitted| permitted == "*");
        all.then(|| HeaderValue::from_static("*"))
    }

    fn permits_header(&self, name: &str) -> bool {
        let configured = self.headers.iter().map(String::as_str);
        configured
            .chain(SIMPLE_HEADERS)
            .any(|permitted| permitted.eq_ignore_ascii_case(name))
    }
}

/// All values of a header in one, as Glance sees them.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Result<Vec<&str>, _> = headers.get_all(name).map(HeaderValue::to_str).collect();
    values
        .ok()
        .filter(|values| !values.is_empty())
        .map(|values| values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "http://valid.example.com";
    const EXPOSED: &str = "X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,\
                           X-OpenStack-Request-ID";

    fn cors(origins: &[&str]) -> Cors {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Cors::new(&CorsConfig {
            allowed_origin: Some(origins),
            ..CorsConfig::default()
        })
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn preflight(cors: &Cors, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let answer = cors.preflight(&headers(pairs));
        let text = |(name, value): (HeaderName, HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        answer.into_iter().map(text).collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn answers_preflights_as_recorded() {
        let cors = cors(&[GOOD]);
        let permitted = |method: &str, names: &str| {
            let mut pairs = vec![
                ("vary", "Origin"),
                ("access-control-allow-origin", GOOD),
                ("access-control-allow-credentials", "true"),
                ("access-control-max-age", "3600"),
                ("access-control-allow-methods", method),
            ];
            pairs.extend(
                Some(("access-control-allow-headers", names)).filter(|_| !names.is_empty()),
            );
            owned(&pairs)
        };
        let method = "Access-Control-Request-Method";
        let names = "Access-Control-Request-Headers";
        let cases: [(&[(&str, &str)], _); 11] = [
            (
                &[("Origin", GOOD), (method, "GET"), (names, "X-Auth-Token")],
                permitted("GET", "X-Auth-Token"),
            ),
            (
                &[("Origin", GOOD), (method, "PATCH")],
                permitted("PATCH", ""),
            ),
            (&[("Origin", GOOD)], vec![]),
            (
                &[
                    ("Origin", GOOD),
                    (method, "GET"),
                    (names, "X-Image-Meta-Name"),
                ],
                vec![],
            ),
            (
                &[("Origin", "http://bad.example.com"), (method, "GET")],
                vec![],
            ),
            (
                &[("Origin", "http://valid.example.com/"), (method, "GET")],
                vec![],
            ),
            (
                &[("Origin", "HTTP://valid.example.com"), (method, "GET")],
                vec![],
            ),
            (&[(method, "GET")], vec![]),
            (&[("Origin", GOOD), (method, "get")], vec![]),
            (&[("Origin", GOOD), (method, "HEAD")], vec![]),
            (
                &[
                    ("Origin", GOOD),
                    (method, "PUT"),
                    (names, "x-auth-token, ,pragma"),
                    (names, "x-roles"),
                ],
                permitted("PUT", "x-auth-token,pragma,x-roles"),
            ),
        ];
        for (request, expected) in cases {
            assert_eq!(preflight(&cors, request), expected, "{request:?}");
        }
    }

    #[test]
    fn decorates_answers_as_recorded() {
        let cors = cors(&["http://other.example.com", GOOD]);
        let mut answer = headers(&[("Content-Type", "application/json")]);
        cors.decorate(&headers(&[("Origin", GOOD)]), &mut answer);
        let expected = headers(&[
            ("Content-Type", "application/json"),
            ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", GOOD),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", EXPOSED),
        ]);
        assert_eq!(answer.len(), expected.len());
        for (name, value) in &expected {
            assert_eq!(answer.get(name), Some(value), "{name}");
        }
    }

    #[test]
    fn leaves_other_answers_alone() {
        let unset = Cors::new(&CorsConfig::default());
        for (cors, origin) in [(cors(&[GOOD]), "http://bad.example.com"), (unset, GOOD)] {
            let mut answer = HeaderMap::new();
            cors.decorate(&headers(&[("Origin", origin)]), &mut answer);
            cors.decorate(&HeaderMap::new(), &mut answer);
            assert!(answer.is_empty());
        }
        let mut answer = headers(&[("Access-Control-Allow-Origin", "x")]);
        cors(&[GOOD]).decorate(&headers(&[("Origin", GOOD)]), &mut answer);
        assert_eq!(answer.len(), 1);
    }

    #[test]
    fn adds_to_what_varies() {
        let mut answer = headers(&[("Vary", "Accept")]);
        cors(&[GOOD]).decorate(&headers(&[("Origin", GOOD)]), &mut answer);
        assert_eq!(answer.get(VARY).unwrap(), "Accept,Origin");
    }

    #[test]
    fn a_star_permits_every_origin_and_is_named_as_such() {
        let cors = Cors {
            allow_credentials: false,
            max_age: None,
            ..cors(&["*"])
        };
        let mut answer = HeaderMap::new();
        cors.decorate(&headers(&[("Origin", GOOD)]), &mut answer);
        assert_eq!(answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let request = [("Origin", "null"), ("Access-Control-Request-Method", "GET")];
        let expected = [
            ("vary", "Origin"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET"),
        ];
        assert_eq!(preflight(&cors, &request), owned(&expected));
    }
}
