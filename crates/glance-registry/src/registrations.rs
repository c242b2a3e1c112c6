//! The calls about images whose data is somebody's object in Pithos.

use glance_core::id::ImageId;
use glance_core::wire::Registration;

use crate::answer::Answer;
use crate::app::{App, Call};
use crate::db;
use crate::error::Refusal;
use crate::leases::{check_admin, typed};
use crate::views::OneImage;

/// `PUT /registrations/ID`: makes or changes the image of an object.
pub(crate) async fn register(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let wanted: Registration = typed(&call)?;
    check_admin(&call)?;
    let id: ImageId = id
        .parse()
        .map_err(|_| Refusal::bad_request("Invalid image id format"))?;
    let (anew, image) = (wanted.register, id.clone());
    let record = app
        .db
        .write(move |conn| db::register(conn, &image, &wanted))
        .await?;
    if anew {
        log::info!("image {id}: registered");
    }
    Answer::json(&OneImage {
        image: (&record).into(),
    })
}

/// `DELETE /registrations/ID`: the image is gone, its object is not.
pub(crate) async fn unregister(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    check_admin(&call)?;
    let image = id.to_owned();
    app.db
        .write(move |conn| db::unregister(conn, &image))
        .await?;
    log::info!("image {id}: unregistered");
    Ok(Answer::Nothing)
}
