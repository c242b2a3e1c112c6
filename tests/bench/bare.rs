//! A bare actix-web handler that answers the same bytes from memory: the yardstick of small
//! requests.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};

/// The recorded answer: its header lines and its body.
struct Recorded {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Serves the answer in `file` (as it came over the wire, status line first) for every request.
pub(crate) fn serve(address: &str, file: &str) -> Result<(), String> {
    let wire = std::fs::read(file).map_err(|error| error.to_string())?;
    let recorded = Data::new(parse(&wire).ok_or("the file holds no HTTP answer")?);
    actix_web::rt::System::new()
        .block_on(async move {
            HttpServer::new(move || {
                App::new()
                    .app_data(recorded.clone())
                    .default_service(web::to(answer))
            })
            .bind(address)?
            .run()
            .await
        })
        .map_err(|error| error.to_string())
}

async fn answer(recorded: Data<Recorded>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for (name, value) in &recorded.headers {
        response.append_header((name.clone(), value.clone()));
    }
    response.body(recorded.body.clone())
}

fn parse(wire: &[u8]) -> Option<Recorded> {
    let end = wire.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&wire[..end]).ok()?;
    let headers = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| !["content-length", "date"].contains(&&*name.to_lowercase()))
        .map(|(name, value)| Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?)))
        .collect::<Option<_>>()?;
    Some(Recorded {
        headers,
        body: Bytes::copy_from_slice(&wire[end + 4..]),
    })
}
