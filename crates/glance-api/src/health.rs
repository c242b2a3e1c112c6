//! The health check: what load balancers ask, before anybody is asked who he is.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use glance_config::ApiConfig;
use tokio::task::spawn_blocking;

/// Answers, whatever the method. The file system is asked on a thread that may wait for it.
pub(crate) async fn answer(request: &HttpRequest, config: &Arc<ApiConfig>) -> HttpResponse {
    let (config, method) = (config.clone(), request.method().clone());
    let port = request.app_config().local_addr().port();
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok().map(str::to_owned));
    let health = spawn_blocking(move || {
        let accept = accept.as_deref();
        config.healthcheck.answer(port, method.as_str(), accept)
    });
    let Ok(health) = health.await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let status = StatusCode::from_u16(health.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    if status == StatusCode::NO_CONTENT {
        return HttpResponse::NoContent().finish();
    }
    let mut response = HttpResponse::build(status).body(health.body);
    let kind = HeaderValue::from_static(health.content_type);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
