//! With whom images are shared.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use serde_json::Value;

use super::call::Call;
use super::fault::{Fault, UNDECODABLE};
use super::level::Level;
use super::views;
use crate::body;
use crate::service::plankton::Shared;

/// `GET /images/ID/members`.
pub(super) async fn index(call: &Call, id: &str) -> Result<HttpResponse, Fault> {
    let members = call.service().registered_members(&call.requester, id).await;
    let members = members.map_err(|error| call.fault(error))?;
    call.json(&views::Members::of(&members))
}

/// `PUT /images/ID/members`.
pub(super) async fn update_all(
    call: &Call,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Fault> {
    let members = read(call, payload).await?;
    let service = call.service();
    let done = service.set_registered_members(&call.requester, id, members);
    done.await.map_err(|error| call.fault(error))?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// `PUT /images/ID/members/MEMBER`. A body is not looked at.
pub(super) async fn add(call: &Call, id: &str, member: &str) -> Result<HttpResponse, Fault> {
    let service = call.service();
    let done = service.add_registered_member(&call.requester, id, member);
    done.await.map_err(|error| call.fault(error))?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// `DELETE /images/ID/members/MEMBER`.
pub(super) async fn remove(call: &Call, id: &str, member: &str) -> Result<HttpResponse, Fault> {
    let service = call.service();
    let done = service.remove_registered_member(&call.requester, id, member);
    done.await.map_err(|error| call.fault(error))?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// `GET /shared-images/MEMBER`.
pub(super) async fn shared_images(call: &Call, member: &str) -> Result<HttpResponse, Fault> {
    let shared = match call.level().shared_means_with() {
        true => Shared::With(member),
        false => Shared::By(member),
    };
    let ids = call.service().shared_by(&call.requester, shared).await;
    let ids = ids.map_err(|error| call.fault(error))?;
    call.json(&views::SharedImages::of(&ids))
}

async fn read(call: &Call, mut payload: Payload) -> Result<Vec<String>, Fault> {
    match call.header(CONTENT_TYPE) {
        None | Some("") => return Err(Fault::bad_request("Missing Content-Type header field")),
        Some(kind) if !kind.starts_with("application/json") => {
            return Err(Fault::bad_request(format!(
                "Unsupported Content-type: '{kind}'"
            )));
        }
        Some(_) => {}
    }
    let document = body::document(&call.request, &mut payload).await;
    let document = document.map_err(|fault| match fault.status {
        413 => Fault::new(413, "The request body is too large"),
        _ => Fault::bad_request("Could not read the request body"),
    })?;
    memberships(&document.unwrap_or_default(), call.level())
}

/// The ids in a list of members. What it says of `can_share` is ignored.
fn memberships(document: &[u8], level: Level) -> Result<Vec<String>, Fault> {
    let text = std::str::from_utf8(document).map_err(|_| Fault::bad_request(UNDECODABLE))?;
    let value: Value = serde_json::from_str(text)
        .map_err(|_| Fault::bad_request("Could not decode request body as JSON"))?;
    let Some(list) = value.get("memberships").filter(|list| !list.is_null()) else {
        let text = "Malformed request. Missing attribute 'memberships'.";
        return Err(Fault::bad_request(text));
    };
    let Some(list) = list.as_array() else {
        let text = "Malformed request. Invalid 'memberships' field";
        return Err(Fault::bad_request(text));
    };
    list.iter().map(|member| member_id(member, level)).collect()
}

fn member_id(member: &Value, level: Level) -> Result<String, Fault> {
    if !member.is_object() {
        return Err(Fault::bad_request("Invalid 'memberships' field"));
    }
    match member.get("member_id") {
        None | Some(Value::Null) => {
            let text = "Malformed request. Missing attribute 'member_id'.";
            Err(Fault::bad_request(text))
        }
        Some(Value::String(id)) => Ok(id.clone()),
        Some(_) => Err(Fault::bad_request(level.words("Invalid 'member_id' field"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &[u8]) -> Result<Vec<String>, Fault> {
        memberships(document, Level::Guide)
    }

    #[test]
    fn reads_ids_and_nothing_else() {
        let document = br#"{"memberships": [{"member_id": "a", "can_share": true},
            {"member_id": "b"}]}"#;
        assert_eq!(read(document).unwrap(), ["a", "b"]);
        assert!(read(br#"{"memberships": []}"#).unwrap().is_empty());
    }

    #[test]
    fn refuses_what_is_no_list_of_members() {
        let deep = "[".repeat(100_000);
        for document in [
            "",
            "{",
            "[]",
            "null",
            "7",
            "{}",
            r#"{"memberships": null}"#,
            r#"{"memberships": "x"}"#,
            r#"{"memberships": ["x"]}"#,
            r#"{"memberships": [{}]}"#,
            r#"{"memberships": [{"member_id": null}]}"#,
            r#"{"memberships": [{"member_id": 17}]}"#,
            &deep,
        ] {
            assert!(read(document.as_bytes()).is_err());
        }
        assert!(read(b"{\"memberships\": [{\"member_id\": \"\xff\"}]}").is_err());
    }
}
