//! Version 3: Keystone with domains.

use glance_config::SwiftDomain;
use hyper::Request;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::catalogue::{Choice, endpoint, versioned};
use super::{BODY_LIMIT, Credentials, Grant, granted, lifetime};
use crate::error::StoreError;
use crate::net::client::{Outgoing, ServerClient};
use crate::swift::answer::{body, header, persistently};
use crate::swift::error::SwiftError;

pub(super) async fn grant(
    client: &ServerClient,
    credentials: &Credentials,
    choice: &Choice,
) -> Result<Grant, StoreError> {
    let (project, user) = credentials.project_and_user()?;
    let ask = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": user,
            "password": credentials.key,
            "domain": domain(&credentials.user_domain),
        }}},
        "scope": {"project": {
            "name": project,
            "domain": domain(&credentials.project_domain),
        }},
    }});
    let ask = bytes::Bytes::from(ask.to_string());
    let request = || {
        let address = versioned(&credentials.auth_url, "v3");
        Request::post(format!("{address}/auth/tokens"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Outgoing::whole(vec![ask.clone()]))
            .map_err(|_| StoreError::BadLocation)
    };
    let answer = granted(client, persistently(client, request).await?).await?;
    let token = header(&answer, "x-subject-token")
        .ok_or(SwiftError::Unusable("there is no token in it"))?
        .to_owned();
    let body = body(answer, BODY_LIMIT, client.patience()).await?;
    let body: Value =
        serde_json::from_slice(&body).map_err(|_| SwiftError::Unusable("it is no JSON"))?;
    let granted = &body["token"];
    Ok(Grant {
        token,
        storage_url: endpoint(&granted["catalog"], choice),
        lifetime: lifetime(
            granted["issued_at"].as_str(),
            granted["expires_at"].as_str(),
        ),
    })
}

fn domain(domain: &SwiftDomain) -> Value {
    match domain {
        SwiftDomain::Id(id) => json!({"id": id}),
        SwiftDomain::Name(name) => json!({"name": name}),
    }
}
