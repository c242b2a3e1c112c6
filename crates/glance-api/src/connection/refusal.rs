//! Requests that never reach a handler, and how they are answered.

use actix_web::{HttpResponse, http::StatusCode};

/// Why a request was turned away before its head was understood.
///
/// Statuses and reasons are those that Glance's WSGI server answers with; all of them close the
/// connection and have an empty body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request line is not one.
    BadRequestLine,
    /// The request line is longer than a header line may be.
    RequestLineTooLong,
    /// One header line is longer than `max_header_line`.
    HeaderLineTooLong,
    /// All header lines together are longer than 64 KiB.
    HeadersTooLarge,
    /// More than 512 headers.
    TooManyHeaders,
    /// A header that is malformed, or headers that contradict each other about the body.
    BadHeader,
    /// A Transfer-Encoding other than `chunked`.
    UnknownTransferEncoding,
    /// The head was begun, but not completed in time.
    HeadTimeout,
}

impl Refusal {
    /// The status code of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::RequestLineTooLong => StatusCode::URI_TOO_LONG,
            Self::UnknownTransferEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason phrase of the answer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadRequestLine => "Bad request syntax",
            Self::RequestLineTooLong => "Request URI Too Long",
            Self::HeaderLineTooLong => "Header Line Too Long",
            Self::HeadersTooLarge => "Headers Too Large",
            Self::TooManyHeaders => "Too Many Headers",
            Self::BadHeader => "Bad Request",
            Self::UnknownTransferEncoding => "Not Implemented",
            Self::HeadTimeout => "Request Timeout",
        }
    }

    /// The whole answer: status, reason, no body, and the end of the connection.
    pub fn response(self) -> HttpResponse {
        HttpResponse::build(self.status())
            .reason(self.reason())
            .force_close()
            .finish()
    }
}
