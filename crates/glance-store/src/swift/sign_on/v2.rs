//! Version 2: Keystone without domains.

use hyper::Request;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::catalogue::{Choice, endpoint, versioned};
use super::{BODY_LIMIT, Credentials, Grant, granted, lifetime};
use crate::error::StoreError;
use crate::net::client::{Outgoing, ServerClient};
use crate::swift::answer::{body, persistently};
use crate::swift::error::SwiftError;

pub(super) async fn grant(
    client: &ServerClient,
    credentials: &Credentials,
    choice: &Choice,
) -> Result<Grant, StoreError> {
    let (tenant, user) = credentials.project_and_user()?;
    let ask = json!({"auth": {
        "tenantName": tenant,
        "passwordCredentials": {"username": user, "password": credentials.key},
    }});
    let ask = bytes::Bytes::from(ask.to_string());
    let request = || {
        let address = versioned(&credentials.auth_url, "v2.0");
        Request::post(format!("{address}/tokens"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Outgoing::whole(vec![ask.clone()]))
            .map_err(|_| StoreError::BadLocation)
    };
    let answer = granted(client, persistently(client, request).await?).await?;
    let body = body(answer, BODY_LIMIT, client.patience()).await?;
    let body: Value =
        serde_json::from_slice(&body).map_err(|_| SwiftError::Unusable("it is no JSON"))?;
    let (token, text) = (&body["access"]["token"], |value: &Value| {
        value.as_str().map(str::to_owned)
    });
    Ok(Grant {
        token: text(&token["id"]).ok_or(SwiftError::Unusable("there is no token in it"))?,
        storage_url: endpoint(&body["access"]["serviceCatalog"], choice),
        lifetime: lifetime(token["issued_at"].as_str(), token["expires"].as_str()),
    })
}
