//! The calls about images, under the names of Glance's actions.
//!
//! A list is written as JSON where it is read: what was allocated on a thread is best freed there.

use glance_core::fault::Fault;
use glance_core::id::ImageId;
use glance_core::wire;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::app::{App, Call};
use crate::db::{self, DbError, ImageRecord, NewImage, Update};
use crate::error::Refusal;
use crate::fields::{self, FieldError};
use crate::query;
use crate::views::{ImageView, Images, OneImage, Summaries};

/// `GET /images`: a short list.
pub(crate) async fn index(app: &App, call: Call) -> Result<Answer, Refusal> {
    let list = query::parse(call.query(), &call.caller, app.settings())?;
    let caller = call.caller;
    let found = app
        .db
        .look(move |conn| {
            let page = list.page(conn, &caller)?;
            let found = db::summaries(conn, &page)?;
            Ok(Answer::json(&Summaries {
                images: found.iter().map(Into::into).collect(),
            }))
        })
        .await;
    found.map_err(no_marker)?
}

/// `GET /images/detail`: a list with everything.
pub(crate) async fn detail(app: &App, call: Call) -> Result<Answer, Refusal> {
    let list = query::parse(call.query(), &call.caller, app.settings())?;
    let locations = wants_locations(&call);
    let caller = call.caller;
    let found = app
        .db
        .look(move |conn| {
            let page = list.page(conn, &caller)?;
            let found = db::detailed(conn, &caller, &page, locations)?;
            Ok(Answer::json(&Images {
                images: found.iter().map(Into::into).collect(),
            }))
        })
        .await;
    found.map_err(no_marker)?
}

/// `GET /images/ID`.
pub(crate) async fn show(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let locations = wants_locations(&call);
    let (caller, id) = (call.caller, id.to_owned());
    one(&app
        .db
        .read(move |conn| db::find(conn, &caller, &id, locations))
        .await?)
}

fn wants_locations(call: &Call) -> bool {
    let left_out = call.request.headers().get(wire::LEAVE_OUT);
    left_out.is_none_or(|what| what != wire::LOCATIONS)
}

/// `POST /images`.
pub(crate) async fn create(app: &App, call: Call) -> Result<Answer, Refusal> {
    let new = new_image(&call)?;
    let (caller, id) = (call.caller, new.id.clone());
    let created = app
        .db
        .write(move |conn| db::insert(conn, &caller, &new))
        .await;
    let record = created.map_err(|error| match error {
        DbError::Duplicate => Refusal::Fault(Fault::detailed(
            409,
            format!("Image with identifier {id} already exists!"),
        )),
        DbError::Invalid(reason) => failed("add", &reason),
        other => other.into(),
    })?;
    log::info!("image {id}: created, {}", record.row.status);
    one(&record)
}

/// `PUT /images/ID`.
pub(crate) async fn update(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let update = update_of(&call, id)?;
    let status = update.values.status;
    let (caller, image) = (call.caller, id.to_owned());
    let updated = app
        .db
        .write(move |conn| db::update(conn, &caller, &image, &update))
        .await;
    let record = updated.map_err(|error| match error {
        DbError::NotFound | DbError::Hidden | DbError::NotOwner => not_found(),
        DbError::Invalid(reason) => failed("update", &reason),
        other => other.into(),
    })?;
    if let Some(status) = status {
        log::info!("image {id}: now {status}");
    }
    one(&record)
}

/// `DELETE /images/ID`.
pub(crate) async fn delete(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let (caller, image) = (call.caller, id.to_owned());
    let record = app
        .db
        .write(move |conn| db::delete(conn, &caller, &image))
        .await?;
    log::info!("image {id}: deleted, {}", record.row.status);
    Answer::json(&OneImage {
        image: ImageView {
            record: &record,
            is_public: false,
        },
    })
}

fn one(record: &ImageRecord) -> Result<Answer, Refusal> {
    Answer::json(&OneImage {
        image: record.into(),
    })
}

fn not_found() -> Refusal {
    Refusal::Plain(404, "Image not found")
}

/// The only image that a list looks for by its id is the marker.
fn no_marker(error: DbError) -> Refusal {
    match error {
        DbError::NotFound | DbError::Hidden => {
            Refusal::bad_request("Invalid marker. Image could not be found.")
        }
        other => other.into(),
    }
}

fn failed(verb: &str, reason: &str) -> Refusal {
    Refusal::bad_detail(format!(
        "Failed to {verb} image metadata. Got error: {reason}"
    ))
}

/// The member `image` of the body; Glance fails with 500 without one.
fn image_of(call: &Call) -> Result<&Map<String, Value>, Refusal> {
    let image = call
        .body
        .as_ref()
        .and_then(|body| body.get("image"))
        .and_then(Value::as_object);
    image.ok_or_else(|| {
        Refusal::bad_request("The request body must be a JSON object with an object named 'image'.")
    })
}

fn new_image(call: &Call) -> Result<NewImage, Refusal> {
    let image = image_of(call)?;
    let id = match image.get("id") {
        None | Some(Value::Null) => ImageId::generate(),
        Some(id) => id
            .as_str()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Refusal::bad_request("Invalid image id format"))?,
    };
    let invalid = |error: FieldError| failed("add", &error.to_string());
    let mut values = fields::parse(image).map_err(invalid)?;
    if !call.caller.is_admin || values.owner.is_none() {
        values.owner = Some(call.caller.owner().map(str::to_owned));
    }
    Ok(NewImage {
        id,
        status: fields::new_status(image).map_err(invalid)?,
        created_at: fields::time(image, "created_at").map_err(invalid)?,
        updated_at: fields::time(image, "updated_at").map_err(invalid)?,
        values,
        property_quota: call.quota(wire::PROPERTY_QUOTA),
    })
}

fn update_of(call: &Call, id: &str) -> Result<Update, Refusal> {
    let image = image_of(call)?;
    // Glance looks for the image under its new id and does not find it.
    if image
        .get("id")
        .is_some_and(|other| other.as_str() != Some(id))
    {
        return Err(not_found());
    }
    let mut values = fields::parse(image).map_err(|error| failed("update", &error.to_string()))?;
    if !call.caller.is_admin {
        values.owner = None;
    }
    let from_state = match call.body.as_ref().and_then(|body| body.get("from_state")) {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::String(state)) if state.is_empty() => None,
        Some(Value::String(state)) => Some(state.clone()),
        // No image is in a state that is no text.
        Some(_) => return Err(Refusal::conflict()),
    };
    Ok(Update {
        values,
        from_state,
        purge_properties: call.header(wire::PURGE_PROPS) == Some("true"),
        property_quota: call.quota(wire::PROPERTY_QUOTA),
    })
}
