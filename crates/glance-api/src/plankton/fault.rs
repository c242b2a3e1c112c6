//! Faults, as the dialect writes them: `{"badRequest": {"code": 400, "message": …, "details": ""}}`.

use std::borrow::Cow;
use std::error::Error;

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use glance_core::json;
use serde_json::json;

use super::answer::{Form, complete};

/// Seconds after which a peer that did not answer may be tried again.
const RETRY_SECONDS: u16 = 5;

/// To texts that are no UTF-8.
pub(super) const UNDECODABLE: &str = "Could not decode request as UTF-8 string";

/// Why a request is not answered as its sender hoped.
#[derive(Debug)]
pub(crate) struct Fault {
    status: u16,
    /// Takes the place of the status' name.
    name: Option<&'static str>,
    message: Cow<'static, str>,
    details: String,
    allow: Option<&'static str>,
    /// An empty page in its stead.
    page: bool,
    /// Kept for the log.
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// The fault that the status is named for.
    pub(super) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            name: None,
            message: message.into(),
            details: String::new(),
            allow: None,
            page: false,
            cause: None,
        }
    }

    /// Something in the request cannot be: 400.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, message)
    }

    /// What another service said of the caller, passed on in its words.
    pub(super) fn passed_on(status: u16, message: &'static str, details: &str) -> Self {
        Self {
            name: Some("fault"),
            details: details.to_owned(),
            ..Self::new(status, message)
        }
    }

    /// 405: these methods there are. `page`: an empty page says so.
    pub(super) fn not_allowed(allow: &'static str, page: bool) -> Self {
        Self {
            allow: Some(allow),
            page,
            ..Self::new(405, "Method not allowed")
        }
    }

    /// The same fault with what it came of.
    pub(super) fn caused_by(self, cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Some(Box::new(cause)),
            ..self
        }
    }

    /// The same fault; if it is a 405, it says by which methods its address is asked for.
    pub(super) fn at(self, allow: &'static str) -> Self {
        let allow = self.allow.or((self.status == 405).then_some(allow));
        Self { allow, ..self }
    }

    /// Writes what an operator should know of.
    pub(super) fn log(&self, request_id: &str) {
        let Some(cause) = &self.cause else { return };
        let level = match self.status {
            500.. => log::Level::Error,
            _ => log::Level::Debug,
        };
        if log::log_enabled!(level) {
            let chain = glance_config::chain(cause.as_ref());
            log::log!(level, "{request_id}: answered {}: {chain}", self.status);
        }
    }

    /// The answer to `request`.
    pub(super) fn response(&self, request: &HttpRequest, form: Form) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut builder = HttpResponse::build(status);
        let body = match (self.page, request.method() == Method::HEAD, form) {
            (true, ..) | (_, true, _) => Vec::new(),
            (_, _, Form::Json) => self.json(),
            (_, _, Form::Xml) => self.xml().into_bytes(),
        };
        let mut response = builder.body(body);
        let headers = response.headers_mut();
        if self.page {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            headers.insert(CONTENT_TYPE, html);
            headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
        } else {
            complete(headers, form);
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        response
    }

    fn name(&self) -> &'static str {
        self.name.unwrap_or(match self.status {
            400 => "badRequest",
            401 => "unauthorized",
            403 => "forbidden",
            404 => "itemNotFound",
            405 => "notAllowed",
            409 => "conflict",
            412 => "preconditionFailed",
            413 => "overLimit",
            416 => "rangeNotSatisfiable",
            501 => "notImplemented",
            503 => "serviceUnavailable",
            _ => "internalServerError",
        })
    }

    fn json(&self) -> Vec<u8> {
        let fault = json!({
            "code": self.status,
            "message": self.message,
            "details": self.details,
        });
        let body = json!({ self.name(): fault });
        // Texts and a number can always be written.
        json::to_vec(&body).unwrap_or_default()
    }

    fn xml(&self) -> String {
        let (name, code) = (self.name(), self.status);
        let (message, details) = (escape(&self.message), escape(&self.details));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} code=\"{code}\">\n  \
             <message>{message}</message>\n  <details>{details}</details>\n</{name}>\n"
        )
    }
}

/// `text` within an element. What XML has no place for becomes a question mark.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(character),
            other if other.is_control() => escaped.push('?'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_recorded() {
        let fault = Fault::bad_request("Invalid 'sort_key'");
        let json: serde_json::Value = serde_json::from_slice(&fault.json()).unwrap();
        let expected = json!({ "badRequest": {
            "message": "Invalid 'sort_key'", "code": 400, "details": ""
        }});
        assert_eq!(json, expected);
        assert_eq!(
            fault.xml(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<badRequest code=\"400\">\n  <message>\
             Invalid &#39;sort_key&#39;</message>\n  <details></details>\n</badRequest>\n"
        );
    }

    #[test]
    fn what_astakos_says_is_passed_on() {
        let said = "{\"unauthorized\": {}}";
        let fault = Fault::passed_on(401, "UNAUTHORIZED", said);
        let json: serde_json::Value = serde_json::from_slice(&fault.json()).unwrap();
        assert_eq!(json["fault"]["details"], said);
        assert_eq!(escape("<a>&\u{1}"), "&lt;a&gt;&amp;?");
    }
}
