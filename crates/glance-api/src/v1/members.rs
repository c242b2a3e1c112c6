//! Members: with whom an image is shared.

use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use glance_core::fault::Fault;
use glance_core::image::ImageStatus;
use glance_core::wire::{Members, Membership, SharedImages};
use serde_json::Value;

use super::call::Call;
use super::fault::Failure;
use super::outcome::During;
use super::views::json_response;
use crate::body;
use crate::service::ServiceError;

/// `GET /images/ID/members`: all of them for the owner, a member's own for a member.
pub(super) async fn index(
    call: &Call,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    call.enforce("get_members")?;
    expect_image(call, id).await?;
    let members = call.service().members(&call.requester, id).await;
    let members = members.map_err(|error| Failure::of(error, During::Find))?;
    Ok(json_response(StatusCode::OK, &Members { members }))
}

/// `PUT /images/ID/members`: replaces the list.
pub(super) async fn update_all(
    call: &Call,
    id: &str,
    mut payload: Payload,
) -> Result<HttpResponse, Failure> {
    let document = body::json(&call.request, &mut payload).await?;
    expect_permission(call, "modify_member", id).await?;
    let memberships = memberships(document)?;
    refuse_over_quota(call, memberships.len())?;
    let replaced = call
        .service()
        .replace_members(&call.requester, id, memberships)
        .await;
    replaced.map_err(|error| Failure::of(error, During::Members))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /images/ID/members/TENANT`: adds one, or changes whether it may share.
pub(super) async fn update(
    call: &Call,
    id: &str,
    member: &str,
    mut payload: Payload,
) -> Result<HttpResponse, Failure> {
    let document = body::json(&call.request, &mut payload).await?;
    expect_permission(call, "modify_member", id).await?;
    expect_tenant(member)?;
    let can_share = document
        .as_ref()
        .and_then(|document| document.get("member"));
    let can_share = can_share
        .and_then(|member| member.get("can_share"))
        .map(is_truthy);
    let added = call
        .service()
        .add_member(&call.requester, id, member, can_share)
        .await;
    added.map_err(|error| Failure::of(error, During::Members))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /images/ID/members/TENANT`.
pub(super) async fn delete(
    call: &Call,
    id: &str,
    member: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    expect_permission(call, "delete_member", id).await?;
    match call
        .service()
        .delete_member(&call.requester, id, member)
        .await
    {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        // The image is there, so it is the membership that is not.
        Err(ServiceError::NotFound { .. }) => {
            let registry = Fault::explained(404, "Membership could not be found.");
            Err(Fault::explained(404, registry.plain("DELETE")).into())
        }
        Err(error) => Err(Failure::of(error, During::Members)),
    }
}

/// `GET /shared-images/TENANT`: what a tenant has been given. Glance has no policy for it.
pub(super) async fn index_shared_images(
    call: &Call,
    member: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    call.expect_no_body(payload).await?;
    let shared_images = match call.service().shared_images(&call.requester, member).await {
        Ok(shared_images) => shared_images,
        Err(ServiceError::NotFound { .. }) => {
            let registry = Fault::bare(404).plain("GET");
            return Err(Fault::explained(404, registry).into());
        }
        Err(error) => return Err(Failure::of(error, During::List)),
    };
    Ok(json_response(
        StatusCode::OK,
        &SharedImages { shared_images },
    ))
}

/// What every change of members asks first, in Glance's order: a caller who may change things at all,
/// a tenant or an administrator, the policy's `rule`, and an image that the caller may see.
async fn expect_permission(call: &Call, rule: &str, id: &str) -> Result<(), Failure> {
    call.mutating()?;
    expect_somebody(call)?;
    call.enforce(rule)?;
    expect_image(call, id).await
}

/// Refuses callers that belong to no tenant.
fn expect_somebody(call: &Call) -> Result<(), Fault> {
    if call.identity().owner().is_none() && !call.identity().is_admin {
        return Err(Fault::detailed(401, "No authenticated user"));
    }
    Ok(())
}

/// Refuses images that are not there, and deleted ones that only administrators see.
async fn expect_image(call: &Call, id: &str) -> Result<(), Failure> {
    let found = call.service().find(&call.requester, id).await;
    let image = found.map_err(|error| Failure::of(error, During::Find))?;
    if image.status == ImageStatus::Deleted {
        let text = format!("Image with identifier {id} has been deleted.");
        return Err(Failure::about_image(404, text));
    }
    Ok(())
}

fn refuse_over_quota(call: &Call, count: usize) -> Result<(), Fault> {
    match call.config().limits.image_member_quota.limit() {
        Some(quota) if count as u64 > quota => Err(Fault::explained(
            413,
            format!(
                "The limit has been exceeded on the number of allowed image members for this \
                 image. Attempted: {count}, Maximum: {quota}"
            ),
        )),
        _ => Ok(()),
    }
}

/// The new list that a request describes: `{"memberships": […]}`, or one membership by itself.
fn memberships(document: Option<Value>) -> Result<Vec<Membership>, Fault> {
    let Some(Value::Object(mut document)) = document else {
        // Glance answers 500 here.
        return Err(not_associated("'memberships'"));
    };
    let list = match document.remove("memberships") {
        None => vec![Value::Object(document)],
        Some(Value::Array(list)) => list,
        Some(Value::Object(none)) if none.is_empty() => Vec::new(),
        Some(_) => return Err(not_associated("string indices must be integers")),
    };
    list.iter().map(membership).collect()
}

fn membership(value: &Value) -> Result<Membership, Fault> {
    let Some(Value::String(member_id)) = value.get("member_id") else {
        return Err(not_associated("'member_id'"));
    };
    expect_tenant(member_id)?;
    Ok(Membership {
        member_id: member_id.clone(),
        can_share: value.get("can_share").map(is_truthy),
    })
}

/// As the registry says it, and Glance's API daemon quotes it.
fn not_associated(reason: &str) -> Fault {
    let text = format!("Invalid membership association: {reason}");
    Fault::explained(400, Fault::explained(400, text).plain("PUT"))
}

/// The longest name that the registry's tables have room for.
fn expect_tenant(member: &str) -> Result<(), Fault> {
    if member.chars().count() > 255 || member.contains(char::is_control) {
        return Err(not_associated("member_id is no tenant"));
    }
    Ok(())
}

/// What Python takes for true: a client's `"false"` is.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: Value) -> Result<Vec<(String, Option<bool>)>, Fault> {
        let list = memberships(Some(document))?;
        Ok(list
            .into_iter()
            .map(|member| (member.member_id, member.can_share))
            .collect())
    }

    #[test]
    fn reads_lists_and_single_memberships() {
        let list =
            json!({"memberships": [{"member_id": "a"}, {"member_id": "b", "can_share": "no"}]});
        assert_eq!(
            read(list).unwrap(),
            [("a".into(), None), ("b".into(), Some(true))]
        );
        assert_eq!(
            read(json!({"member_id": "a", "can_share": null})).unwrap(),
            [("a".into(), Some(false))]
        );
        for empty in [json!({"memberships": []}), json!({"memberships": {}})] {
            assert_eq!(read(empty).unwrap(), []);
        }
    }

    #[test]
    fn refuses_what_names_no_member() {
        for bad in [
            json!([]),
            json!({}),
            json!({"memberships": null}),
            json!({"memberships": "x"}),
            json!({"memberships": [1]}),
            json!({"memberships": [{"can_share": true}]}),
            json!({"memberships": [{"member_id": 1}]}),
            json!({"member_id": "a\u{0}"}),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().status, 400, "{bad}");
        }
        assert_eq!(memberships(None).unwrap_err().status, 400);
    }
}
