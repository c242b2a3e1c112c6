//! The calls about members, under the names of Glance's actions.

use glance_core::fault::Fault;
use glance_core::identity::Identity;
use glance_core::wire::{self, Members, SharedImages};
use serde_json::Value;

use crate::answer::Answer;
use crate::app::{App, Call};
use crate::db::{self, Conn, DbError, MemberChange};
use crate::error::Refusal;

/// `GET /images/ID/members`.
pub(crate) async fn index(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let (caller, image) = (call.caller, id.to_owned());
    let members = app
        .db
        .read(move |conn| db::list_members(conn, &caller, &image))
        .await;
    Answer::json(&Members {
        members: members.map_err(|error| named(error, id))?,
    })
}

/// `GET /shared-images/MEMBER`.
pub(crate) async fn index_shared_images(
    app: &App,
    call: Call,
    id: &str,
) -> Result<Answer, Refusal> {
    let (caller, member) = (call.caller, id.to_owned());
    app.db
        .look(move |conn| {
            let shared_images = db::shared_images(conn, &caller, &member)?;
            Ok(Answer::json(&SharedImages { shared_images }))
        })
        .await?
}

/// `PUT /images/ID/members`: a new list.
pub(crate) async fn update_all(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    check_caller(&call.caller)?;
    let changes = memberships(call.body.as_ref());
    let quota = call.quota(wire::MEMBER_QUOTA);
    change(
        app,
        call.caller,
        id,
        changes,
        move |conn, caller, image, changes| {
            db::replace_members(conn, caller, image, changes, quota)
        },
    )
    .await
}

/// `PUT /images/ID/members/MEMBER`.
pub(crate) async fn update(
    app: &App,
    call: Call,
    id: &str,
    member: &str,
) -> Result<Answer, Refusal> {
    check_caller(&call.caller)?;
    let can_share = can_share(call.body.as_ref());
    let wanted = can_share.and_then(|can_share| {
        let member = member_id(member)?;
        Ok(MemberChange { member, can_share })
    });
    let quota = call.quota(wire::MEMBER_QUOTA);
    change(
        app,
        call.caller,
        id,
        wanted,
        move |conn, caller, image, wanted| db::add_member(conn, caller, image, wanted, quota),
    )
    .await
}

/// `DELETE /images/ID/members/MEMBER`.
pub(crate) async fn delete(
    app: &App,
    call: Call,
    id: &str,
    member: &str,
) -> Result<Answer, Refusal> {
    check_caller(&call.caller)?;
    let (caller, image, member) = (call.caller, id.to_owned(), member.to_owned());
    let removed = app
        .db
        .write(move |conn| db::remove_member(conn, &caller, &image, &member))
        .await;
    removed.map_err(|error| named(error, id))?;
    Ok(Answer::Nothing)
}

/// Makes a change that was asked for rightly. A wrong one is refused only after the caller's right
/// to share is known, as in Glance.
async fn change<T, F>(
    app: &App,
    caller: Identity,
    id: &str,
    wanted: Result<T, Wrong>,
    make: F,
) -> Result<Answer, Refusal>
where
    T: Send + 'static,
    F: Fn(&mut Conn, &Identity, &str, &T) -> Result<(), DbError> + Send + 'static,
{
    let image = id.to_owned();
    match wanted {
        Ok(wanted) => {
            let made = app
                .db
                .write(move |conn| make(conn, &caller, &image, &wanted))
                .await;
            made.map_err(|error| named(error, id))?;
            Ok(Answer::Nothing)
        }
        Err(Wrong(reason)) => {
            let may = app
                .db
                .read(move |conn| db::check_sharable(conn, &caller, &image))
                .await;
            may.map_err(|error| named(error, id))?;
            Err(Refusal::bad_request(format!(
                "Invalid membership association: {reason}"
            )))
        }
    }
}

/// Why a body says nothing about members, in Python's words where Glance quotes them.
struct Wrong(String);

fn wrong<T>(reason: &str) -> Result<T, Wrong> {
    Err(Wrong(reason.to_owned()))
}

/// Glance has a text for an image that is not there, and none for one that must not be seen.
fn named(error: DbError, id: &str) -> Refusal {
    match error {
        DbError::NotFound => Refusal::Fault(Fault::detailed(404, format!("Image {id} not found"))),
        other => other.into(),
    }
}

fn check_caller(caller: &Identity) -> Result<(), Refusal> {
    if caller.owner().is_none() && !caller.is_admin {
        return Err(Refusal::Fault(Fault::detailed(
            401,
            "No authenticated user",
        )));
    }
    Ok(())
}

fn member_id(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.contains('\0') || text.chars().count() > 255 {
        return wrong("'member_id' must have 1 to 255 characters");
    }
    Ok(text.to_owned())
}

fn memberships(body: Option<&Value>) -> Result<Vec<MemberChange>, Wrong> {
    let list = match body {
        None => return wrong("a body is required"),
        Some(Value::Object(body)) => match body.get("memberships") {
            Some(list) => list,
            None => return wrong("'memberships'"),
        },
        Some(_) => return wrong("list indices must be integers, not str"),
    };
    match list {
        Value::Array(list) => list.iter().map(membership).collect(),
        // Python walks over the letters of a text, and over the keys of an object.
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::Object(object) if object.is_empty() => Ok(Vec::new()),
        Value::String(_) | Value::Object(_) => wrong("string indices must be integers"),
        _ => wrong("'memberships' must be a list"),
    }
}

fn membership(entry: &Value) -> Result<MemberChange, Wrong> {
    let entry = match entry {
        Value::Object(entry) => entry,
        Value::String(_) => return wrong("string indices must be integers"),
        _ => return wrong("an entry must be an object"),
    };
    let member = match entry.get("member_id") {
        None => return wrong("'member_id'"),
        Some(Value::String(id)) => member_id(id)?,
        Some(_) => return wrong("'member_id' must be a text"),
    };
    Ok(MemberChange {
        member,
        can_share: entry.get("can_share").map(is_truthy),
    })
}

/// What `PUT /images/ID/members/MEMBER` says; an empty body says nothing.
fn can_share(body: Option<&Value>) -> Result<Option<bool>, Wrong> {
    let body = match body.filter(|body| is_truthy(body)) {
        None => return Ok(None),
        Some(Value::Object(body)) => body,
        Some(_) => return wrong("list indices must be integers, not str"),
    };
    match body.get("member") {
        None => wrong("'member'"),
        Some(Value::Object(member)) => match member.get("can_share") {
            None => wrong("'can_share'"),
            Some(value) => Ok(Some(is_truthy(value))),
        },
        Some(Value::String(_)) => wrong("string indices must be integers"),
        Some(_) => wrong("'member' must be an object"),
    }
}

/// Python's truth: `"false"` is true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}
