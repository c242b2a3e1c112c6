//! Version 1: a GET with user and key, as Swift's own tempauth has it.

use std::time::Duration;

use hyper::Request;

use super::{Credentials, Grant, granted, secret};
use crate::error::StoreError;
use crate::net::client::{Outgoing, ServerClient};
use crate::swift::answer::{drain, header, persistently};
use crate::swift::error::SwiftError;

pub(super) async fn grant(
    client: &ServerClient,
    credentials: &Credentials,
) -> Result<Grant, StoreError> {
    let (user, key) = (secret(&credentials.user)?, secret(&credentials.key)?);
    let request = || {
        // The slash is what Glance asks with.
        Request::get(format!("{}/", credentials.auth_url))
            .header("x-auth-user", &user)
            .header("x-auth-key", &key)
            .body(Outgoing::empty())
            .map_err(|_| StoreError::BadLocation)
    };
    let answer = granted(client, persistently(client, request).await?).await?;
    let token = header(&answer, "x-auth-token").or_else(|| header(&answer, "x-storage-token"));
    let lifetime = header(&answer, "x-auth-token-expires").and_then(|text| text.parse().ok());
    let grant = Grant {
        token: token
            .ok_or(SwiftError::Unusable("there is no token in it"))?
            .to_owned(),
        storage_url: header(&answer, "x-storage-url").map(str::to_owned),
        lifetime: lifetime.map(Duration::from_secs),
    };
    drain(answer, client.patience()).await;
    Ok(grant)
}
