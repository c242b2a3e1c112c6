//! The call by which an API daemon takes over what others left unfinished.

use glance_core::wire::{Recovery, RecoveryReason, TakeOver};

use crate::answer::Answer;
use crate::app::{App, Call};
use crate::db;
use crate::error::Refusal;
use crate::leases::{check_admin, check_text, typed};

/// `POST /recovery`.
pub(crate) async fn take_over(app: &App, call: Call) -> Result<Answer, Refusal> {
    let request: TakeOver = typed(&call)?;
    check_admin(&call)?;
    check_text("holder", &request.holder)?;
    let items = app
        .db
        .write(move |conn| db::take_over(conn, &request))
        .await?;
    for item in &items {
        let what = match item.reason {
            RecoveryReason::ExpiredLease => "its upload was given up",
            RecoveryReason::InterruptedDelete => "its deletion is to be completed",
            RecoveryReason::Scrub => "its data is to be scrubbed",
        };
        log::info!("image {}: {what}", item.image_id);
    }
    Answer::json(&Recovery { items })
}
