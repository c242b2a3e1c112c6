//! What a Keystone for tests is told and tells.

use glance_config::{KeystoneAuthtoken, Secret};

use super::settings::Settings;
pub(super) use crate::stub::{Asked, Stub as FakeKeystone, Told};

/// The configuration for a Keystone at `url`.
pub(super) fn config(url: &str) -> KeystoneAuthtoken {
    KeystoneAuthtoken {
        auth_url: Some(url.to_owned()),
        username: Some("glance".into()),
        password: Some(Secret::new("secret")),
        project_name: Some("service".into()),
        http_request_max_retries: 1,
        http_connect_timeout: Some(1),
        ..KeystoneAuthtoken::default()
    }
}

pub(super) fn settings(url: &str) -> Settings {
    Settings::try_from(&config(url)).unwrap()
}

/// The body about a token of `user`'s that lives for so many seconds.
pub(super) fn body(user: &str, seconds: i64, role: &str) -> String {
    let now = chrono::Utc::now();
    let stamp = |seconds| {
        (now + chrono::TimeDelta::seconds(seconds))
            .format("%Y-%m-%dT%H:%M:%S%.6fZ")
            .to_string()
    };
    format!(
        r#"{{"token": {{"issued_at": "{}", "expires_at": "{}", "user": {{"id": "{user}"}},
            "project": {{"id": "p-{user}"}}, "roles": [{{"name": "{role}"}}], "catalog": []}}}}"#,
        stamp(0),
        stamp(seconds),
    )
}
