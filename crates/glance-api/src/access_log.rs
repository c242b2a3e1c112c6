//! One line in the log for each request, when its answer has left or was cut; its numbers, too.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use glance_metrics::Inside;

use crate::connection;
use crate::metrics::{METRICS, Route};
use crate::service::Requester;

const TARGET: &str = "glance.api.access";

/// A line that is being filled. It shows no token and no query, which may hold anything.
pub(crate) struct Line {
    since: Instant,
    /// Method and path; none if nobody would read the line.
    asked: Option<(String, String)>,
    running: Inside,
}

impl Line {
    /// Begins the line of a request; none if nobody wants to know anything of it.
    pub(crate) fn begin(request: &HttpRequest) -> Option<Self> {
        let logged = log::log_enabled!(target: TARGET, log::Level::Info);
        (logged || METRICS.enabled()).then(|| Self {
            since: Instant::now(),
            asked: logged.then(|| (request.method().to_string(), request.path().to_owned())),
            running: METRICS.requests.running.enter(),
        })
    }

    /// Writes the line as soon as the answer is over.
    pub(crate) fn end(
        self,
        request: &HttpRequest,
        response: &HttpResponse,
        requester: Option<Arc<Requester>>,
        route: Route,
    ) {
        let status = response.status();
        let data =
            matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) && route.is_download();
        let download = data.then(|| METRICS.downloads.enter());
        let write = move |bytes: u64, complete: bool| {
            let Self {
                since,
                asked,
                running,
            } = self;
            drop((running, download));
            let took = since.elapsed();
            METRICS.answered(route, status.as_u16(), took);
            if let Some((method, path)) = &asked {
                let milliseconds = took.as_secs_f64() * 1000.0;
                let (id, tenant) = match &requester {
                    Some(requester) => (
                        requester.request_id.as_str(),
                        requester.identity.tenant.as_deref(),
                    ),
                    None => ("-", None),
                };
                let (status, tenant) = (status.as_u16(), tenant.unwrap_or("-"));
                let cut = if complete { "" } else { ", cut off" };
                log::info!(
                    target: TARGET,
                    "{method} {path} {status} {bytes} bytes {milliseconds:.1} ms {id} {tenant}{cut}"
                );
            }
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
