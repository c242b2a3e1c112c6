//! The calls about leases: who works on an image.

use glance_core::wire::{AcquireLease, LostLeases, RenewLeases};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::app::{App, Call};
use crate::db::{self, Lease};
use crate::error::Refusal;

/// `PUT /leases/ID`: takes or renews the lease of an image.
pub(crate) async fn acquire(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let wanted: AcquireLease = typed(&call)?;
    check_text("holder", &wanted.holder)?;
    if wanted.store.len() > 255 || wanted.store.contains('\0') {
        return Err(Refusal::bad_request(
            "'store' must have at most 255 characters",
        ));
    }
    let lease = Lease {
        holder: wanted.holder,
        seconds: wanted.seconds,
        store: wanted.store,
        bytes: i64::try_from(wanted.bytes)
            .map_err(|_| Refusal::bad_request("'bytes' must have at most 63 bits"))?,
        quota: wanted
            .quota
            .map(|quota| i64::try_from(quota).unwrap_or(i64::MAX)),
    };
    let (caller, image) = (call.caller, id.to_owned());
    app.db
        .write(move |conn| db::acquire(conn, &caller, &image, &lease))
        .await?;
    Ok(Answer::Nothing)
}

/// `PUT /leases`: renews all leases of one daemon.
pub(crate) async fn renew(app: &App, call: Call) -> Result<Answer, Refusal> {
    let wanted: RenewLeases = typed(&call)?;
    check_admin(&call)?;
    check_text("holder", &wanted.holder)?;
    let lost = app
        .db
        .write(move |conn| db::renew(conn, &wanted.holder, wanted.seconds, &wanted.images))
        .await?;
    Answer::json(&LostLeases { lost })
}

/// `DELETE /leases/ID?holder=H`.
pub(crate) async fn release(app: &App, call: Call, id: &str) -> Result<Answer, Refusal> {
    let holder = call
        .query()
        .split('&')
        .find_map(|pair| pair.strip_prefix("holder="));
    let holder = percent_decode_str(holder.unwrap_or_default())
        .decode_utf8_lossy()
        .into_owned();
    check_text("holder", &holder)?;
    let (caller, image) = (call.caller, id.to_owned());
    app.db
        .write(move |conn| db::release(conn, &caller, &image, &holder))
        .await?;
    Ok(Answer::Nothing)
}

/// The body as a type of the protocol.
pub(crate) fn typed<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    let body = call
        .body
        .as_ref()
        .ok_or_else(|| Refusal::bad_request("A body is required."))?;
    T::deserialize(body).map_err(|error| Refusal::bad_request(format!("Invalid body: {error}")))
}

/// Leases of a whole daemon, and recovery, are the service's own affair.
pub(crate) fn check_admin(call: &Call) -> Result<(), Refusal> {
    if call.caller.is_admin {
        Ok(())
    } else {
        Err(Refusal::bare(403))
    }
}

/// A name that the table can hold.
pub(crate) fn check_text(field: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > 255 || text.contains('\0') {
        return Err(Refusal::bad_request(format!(
            "'{field}' must have 1 to 255 characters"
        )));
    }
    Ok(())
}
