//! What every answer of the dialect has: its type, and the headers that keep it out of caches.

use std::time::SystemTime;

use actix_web::HttpRequest;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderMap, HeaderValue, HttpDate, LAST_MODIFIED,
    VARY,
};

use crate::query_string::{decode, pairs};

/// How an answer is spelled. Faults are, and everything else only says so (Synnefo's behaviour).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As JSON: the default.
    Json,
    /// As XML.
    Xml,
}

impl Form {
    /// What the caller asks for: by the end of `path`, by `format` in the query, or by `Accept`.
    pub(super) fn of(request: &HttpRequest, path: &str) -> Self {
        let accept = request.headers().get(ACCEPT);
        let accept = accept.and_then(|value| value.to_str().ok());
        Self::asked(path, request.query_string(), accept.unwrap_or_default())
    }

    fn asked(path: &str, query: &str, accept: &str) -> Self {
        let by_name = |name: &str| match name {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            _ => None,
        };
        let by_type = |range: &str| match range.split(';').next().unwrap_or_default().trim() {
            "application/json" => Some(Self::Json),
            "application/xml" => Some(Self::Xml),
            _ => None,
        };
        let suffix = path.rsplit_once('.').and_then(|(_, end)| by_name(end));
        let format = || {
            let formats = pairs(query).filter(|(name, _)| *name == "format");
            by_name(&decode(formats.last()?.1).ok()?)
        };
        suffix
            .or_else(format)
            .or_else(|| accept.split(',').find_map(by_type))
            .unwrap_or(Self::Json)
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=UTF-8",
            Self::Xml => "application/xml; charset=UTF-8",
        })
    }
}

/// Puts in what every answer and every fault has, data and pages excepted.
pub(super) fn complete(headers: &mut HeaderMap, form: Form) {
    headers.insert(CONTENT_TYPE, form.content_type());
    let vary = HeaderValue::from_static("X-Auth-Token, Accept-Language");
    headers.insert(VARY, vary);
    let uncached = "no-cache, no-store, must-revalidate, max-age=0";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(uncached));
    let now = HttpDate::from(SystemTime::now()).to_string();
    if let Ok(now) = HeaderValue::try_from(now) {
        headers.insert(EXPIRES, now.clone());
        headers.insert(LAST_MODIFIED, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_must_be_asked_for() {
        for (path, query, accept, form) in [
            ("/images/", "", "", Form::Json),
            ("/images/", "", "*/*", Form::Json),
            ("/images/", "format=xml", "", Form::Xml),
            ("/images/", "format=xml", "application/json", Form::Xml),
            ("/images/", "format=json", "application/xml", Form::Json),
            (
                "/images/",
                "",
                "text/html, application/xml;q=0.9",
                Form::Xml,
            ),
            (
                "/images/",
                "",
                "application/json, application/xml",
                Form::Json,
            ),
            ("/images.xml", "", "", Form::Xml),
            ("/images.json", "", "application/xml", Form::Json),
        ] {
            assert_eq!(
                Form::asked(path, query, accept),
                form,
                "{path} {query} {accept}"
            );
        }
    }
}
