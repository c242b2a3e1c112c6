//! One line in the log for each request, when its answer has left or was cut.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::{HttpRequest, HttpResponse};

use crate::connection;
use crate::service::Requester;

const TARGET: &str = "glance.api.access";

/// A line that is being filled. It shows no token and no query, which may hold anything.
pub(crate) struct Line {
    since: Instant,
    method: String,
    path: String,
}

impl Line {
    /// Begins the line of a request; none if nobody would read it.
    pub(crate) fn begin(request: &HttpRequest) -> Option<Self> {
        log::log_enabled!(target: TARGET, log::Level::Info).then(|| Self {
            since: Instant::now(),
            method: request.method().to_string(),
            path: request.path().to_owned(),
        })
    }

    /// Writes the line as soon as the answer is over.
    pub(crate) fn end(
        self,
        request: &HttpRequest,
        response: &HttpResponse,
        requester: Option<Arc<Requester>>,
    ) {
        let status = response.status().as_u16();
        let write = move |bytes: u64, complete: bool| {
            let Self {
                since,
                method,
                path,
            } = self;
            let milliseconds = since.elapsed().as_secs_f64() * 1000.0;
            let (id, tenant) = match &requester {
                Some(requester) => (
                    requester.request_id.as_str(),
                    requester.identity.tenant.as_deref(),
                ),
                None => ("-", None),
            };
            let tenant = tenant.unwrap_or("-");
            let cut = if complete { "" } else { ", cut off" };
            log::info!(
                target: TARGET,
                "{method} {path} {status} {bytes} bytes {milliseconds:.1} ms {id} {tenant}{cut}"
            );
        };
        match connection::handle(request) {
            Some(connection) => connection
                .on_answered(move |answered| write(answered.body_bytes, answered.complete)),
            None => match response.body().size() {
                BodySize::Sized(bytes) => write(bytes, true),
                BodySize::None | BodySize::Stream => write(0, true),
            },
        }
    }
}
