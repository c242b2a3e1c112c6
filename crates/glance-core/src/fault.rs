//! Errors in the forms that Glance's own answers have (WebOb's `HTTPException`).
//!
//! The body follows `Accept`: plain text by default, an HTML page for `text/html` and `*/*`, an
//! object for `application/json`. Clients show these texts to people, and the registry's plain text
//! is quoted inside the API daemon's, so white space counts.

use serde_json::json;

use crate::json;

/// An error answer before it is rendered.
///
/// `explanation` takes the place of the status' usual sentence; `detail` is appended to it. Glance
/// uses one or the other, and which one it is shows in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status, 300 to 599.
    pub status: u16,
    /// Takes the place of the usual sentence.
    pub explanation: Option<String>,
    /// Appended to the sentence.
    pub detail: Option<String>,
}

/// A rendered body and its `Content-Type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Value of the `Content-Type` header.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Fault {
    /// The status with its usual sentence alone.
    pub fn bare(status: u16) -> Self {
        Self {
            status,
            explanation: None,
            detail: None,
        }
    }

    /// The status with a sentence of our own in place of the usual one.
    pub fn explained(status: u16, explanation: impl Into<String>) -> Self {
        Self {
            status,
            explanation: Some(explanation.into()),
            detail: None,
        }
    }

    /// The status with its usual sentence and something more.
    pub fn detailed(status: u16, detail: impl Into<String>) -> Self {
        Self {
            status,
            explanation: None,
            detail: Some(detail.into()),
        }
    }

    /// `404 Not Found`: the status line's text.
    pub fn status_line(&self) -> String {
        format!("{} {}", self.status, title(self.status))
    }

    /// The body for `accept`, the request's `Accept` header. `method` is the request's, for the two
    /// statuses whose sentence names it.
    pub fn render(&self, accept: Option<&str>, method: &str) -> Rendered {
        let accept = accept.unwrap_or("");
        if accept.contains("html") || accept.contains("*/*") {
            let body = self.body(method, escape_html);
            let line = self.status_line();
            let page = format!(
                "<html>\n <head>\n  <title>{line}</title>\n </head>\n <body>\n  <h1>{line}</h1>\n  \
                 {body}\n\n </body>\n</html>"
            );
            return Rendered {
                content_type: "text/html; charset=UTF-8",
                body: page.into_bytes(),
            };
        }
        if accept.contains("json") {
            let object = json!({
                "message": self.body(method, str::to_owned),
                "code": self.status_line(),
                "title": title(self.status),
            });
            return Rendered {
                content_type: "application/json",
                body: json::to_vec(&object).unwrap_or_default(),
            };
        }
        Rendered {
            content_type: "text/plain; charset=UTF-8",
            body: self.plain(method).into_bytes(),
        }
    }

    /// The plain text form.
    pub fn plain(&self, method: &str) -> String {
        let body = self.body(method, str::to_owned);
        format!("{}\n\n{}", self.status_line(), strip_tags(&body))
    }

    fn body(&self, method: &str, escape: fn(&str) -> String) -> String {
        let detail = escape(self.detail.as_deref().unwrap_or(""));
        let usual = match (self.status, &self.explanation) {
            (405, None) => {
                let method = escape(method);
                return format!(
                    "The method {method} is not allowed for this resource. <br /><br />\n{detail}"
                );
            }
            (501, None) => {
                let method = escape(method);
                return format!(
                    "\nThe request method {method} is not implemented for this server. \
                     <br /><br />\n{detail}"
                );
            }
            (_, Some(explanation)) => escape(explanation),
            (status, None) => sentence(status).to_owned(),
        };
        format!("{usual}<br /><br />\n{detail}\n\n")
    }
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}

/// Line breaks become blanks, `<br />` line breaks, and other tags vanish, in this order: what WebOb
/// does to turn its template into plain text.
fn strip_tags(body: &str) -> String {
    let folded = body
        .replace('\n', " ")
        .replace('\r', "")
        .replace("<br />", "\n");
    let mut out = String::with_capacity(folded.len());
    let mut rest = folded.as_str();
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else {
            break;
        };
        out.push_str(&rest[..start]);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

fn title(status: u16) -> &'static str {
    match status {
        300 => "Multiple Choices",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        507 => "Insufficient Storage",
        _ => "Internal Server Error",
    }
}

fn sentence(status: u16) -> &'static str {
    match status {
        400 => {
            "The server could not comply with the request since it is either malformed or otherwise \
             incorrect."
        }
        401 => {
            "This server could not verify that you are authorized to access the document you \
             requested. Either you supplied the wrong credentials (e.g., bad password), or your \
             browser does not understand how to supply the credentials required."
        }
        403 => "Access was denied to this resource.",
        404 => "The resource could not be found.",
        408 => "The server has waited too long for the request to be sent by the client.",
        409 => "There was a conflict when trying to complete your request.",
        410 => "This resource is no longer available.  No forwarding address is given.",
        411 => "Content-Length header required.",
        412 => "Request precondition failed.",
        413 => "The body of your request was too large for this server.",
        416 => "The Range requested is not available.",
        503 => "The server is currently unavailable. Please try again at a later time.",
        _ => "The server has either erred or is incapable of performing the requested operation.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_webobs() {
        assert_eq!(
            Fault::explained(400, "Invalid disk format 'bad' for image.").plain("POST"),
            "400 Bad Request\n\nInvalid disk format 'bad' for image.\n\n   "
        );
        assert_eq!(
            Fault::detailed(404, "Image x is not active").plain("GET"),
            "404 Not Found\n\nThe resource could not be found.\n\n Image x is not active  "
        );
        assert_eq!(
            Fault::bare(405).plain("PUT"),
            "405 Method Not Allowed\n\nThe method PUT is not allowed for this resource. \n\n "
        );
        assert_eq!(
            Fault::bare(501).plain("FOO"),
            "501 Not Implemented\n\n The request method FOO is not implemented for this server. \n\n "
        );
    }

    #[test]
    fn quotes_another_answer_on_one_line() {
        let inner = Fault::bare(403).plain("PUT");
        assert_eq!(
            Fault::explained(404, inner).plain("PUT"),
            "404 Not Found\n\n403 Forbidden  Access was denied to this resource.     \n\n   "
        );
    }

    #[test]
    fn follows_accept() {
        let fault = Fault::explained(400, "a <b> & c");
        let html = fault.render(Some("*/*"), "GET");
        assert!(
            String::from_utf8(html.body)
                .unwrap()
                .contains("a &lt;b&gt; &amp; c<br /><br />")
        );
        let json = fault.render(Some("application/json"), "GET");
        assert_eq!(json.content_type, "application/json");
        let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(value["message"], "a <b> & c<br /><br />\n\n\n");
        assert_eq!(value["code"], "400 Bad Request");
        assert_eq!(
            fault.render(None, "GET").content_type,
            "text/plain; charset=UTF-8"
        );
    }
}
