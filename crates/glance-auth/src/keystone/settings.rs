//! What `[keystone_authtoken]` means, worked out once.

use std::path::PathBuf;
use std::time::Duration;

use glance_config::{KeystoneAuthtoken, Secret};
use serde_json::{Value, json};
use thiserror::Error;

use crate::link::is_base;

/// An attempt has so long where nothing else is configured.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Why `[keystone_authtoken]` cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("[keystone_authtoken] {0}")]
pub struct SettingsError(pub(super) String);

fn wrong<T>(reason: impl Into<String>) -> Result<T, SettingsError> {
    Err(SettingsError(reason.into()))
}

/// Everything that the strategy needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where Keystone is, up to and with `/v3`.
    pub(super) base: String,
    /// The value of `WWW-Authenticate`.
    pub(super) challenge: String,
    /// The body of the request for our own token.
    pub(super) login: Secret,
    /// As whom we ask, for the log.
    pub(super) login_name: String,
    /// How Keystone's certificate is checked, and which one we show.
    pub(super) tls: Tls,
    /// The longest that one attempt may take.
    pub(super) attempt: Duration,
    /// How often it is repeated.
    pub(super) retries: u32,
    /// How long a validated token is believed.
    pub(super) cache_time: Option<Duration>,
    /// Requests without a valid token go on as anonymous ones.
    pub(super) delay_decision: bool,
    /// Ask for the catalogue.
    pub(super) with_catalog: bool,
    /// What bound tokens are worth.
    pub(super) binding: Binding,
    /// The roles of services.
    pub(super) service_roles: Vec<String>,
    /// A token in `X-Service-Token` must have one of them.
    pub(super) service_roles_required: bool,
}

/// How Keystone's certificate is checked.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) insecure: bool,
}

/// What tokens that are bound to something else are worth. We can check no binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// As much as others.
    Disabled,
    /// Nothing if bound by Kerberos.
    Permissive,
    /// Nothing.
    Strict,
}

impl TryFrom<&KeystoneAuthtoken> for Settings {
    type Error = SettingsError;

    fn try_from(config: &KeystoneAuthtoken) -> Result<Self, SettingsError> {
        if config.auth_section.is_some() {
            return wrong("auth_section is not supported: put those options into this section");
        }
        if let Some(version) = &config.auth_version
            && !version.trim_start_matches('v').starts_with('3')
        {
            return wrong(format!(
                "auth_version = {version} is not supported: it is v3 or nothing"
            ));
        }
        if config.certfile.is_some() || config.keyfile.is_some() {
            return wrong("certfile and keyfile are not supported yet");
        }
        let url = auth_url(config)?;
        let (login, login_name) = login(config)?;
        let uri = config.www_authenticate_uri.as_ref().unwrap_or(&url);
        if uri.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
            return wrong("www_authenticate_uri has characters that no header can have");
        }
        Ok(Self {
            base: versioned(&url),
            challenge: format!("Keystone uri='{uri}'"),
            login: Secret::new(login.to_string()),
            login_name,
            tls: Tls {
                ca_file: config.cafile.clone(),
                insecure: config.insecure,
            },
            attempt: match config.http_connect_timeout {
                None | Some(0) => ATTEMPT,
                Some(seconds) => Duration::from_secs(seconds.into()),
            },
            retries: config.http_request_max_retries,
            cache_time: config.token_cache_time.0,
            delay_decision: config.delay_auth_decision,
            with_catalog: config.include_service_catalog,
            binding: match config.enforce_token_bind.as_str() {
                "disabled" => Binding::Disabled,
                "permissive" => Binding::Permissive,
                "strict" => Binding::Strict,
                other => {
                    return wrong(format!(
                        "enforce_token_bind = {other} is not supported; accepted: disabled, \
                         permissive, strict"
                    ));
                }
            },
            service_roles: config.service_token_roles.clone(),
            service_roles_required: config.service_token_roles_required,
        })
    }
}

/// `auth_url`, or what the old options make.
fn auth_url(config: &KeystoneAuthtoken) -> Result<String, SettingsError> {
    let url = match (&config.auth_url, &config.auth_host) {
        (Some(url), _) => url.clone(),
        (None, Some(host)) => {
            let host = match host.contains(':') {
                true => format!("[{host}]"),
                false => host.clone(),
            };
            let (protocol, port) = (&config.auth_protocol, config.auth_port);
            let prefix = config.auth_admin_prefix.trim_matches('/');
            format!("{protocol}://{host}:{port}/{prefix}")
                .trim_end_matches('/')
                .to_owned()
        }
        (None, None) => return wrong("auth_url is missing: it says where Keystone is"),
    };
    if is_base(&url) {
        return Ok(url);
    }
    match url.starts_with("http://") || url.starts_with("https://") {
        true => wrong("auth_url must be http(s)://HOST[:PORT][/PATH]"),
        false => wrong("auth_url must begin with http:// or https://"),
    }
}

/// The address of the API's version 3; every Keystone has it beside the others.
fn versioned(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let root = ["/v3", "/v2.0"]
        .iter()
        .find_map(|version| url.strip_suffix(version));
    format!("{}/v3", root.unwrap_or(url).trim_end_matches('/'))
}

/// The request for our token, and as whom.
fn login(config: &KeystoneAuthtoken) -> Result<(Value, String), SettingsError> {
    let has_credential = config.application_credential_secret.is_some();
    let (identity, name) = match config.auth_type.as_str() {
        "" if config.username.is_none() && config.user_id.is_none() && has_credential => {
            application_credential(config)?
        }
        "" | "password" | "v3password" => password(config)?,
        "v3applicationcredential" => application_credential(config)?,
        other @ ("v2password" | "v2token") => {
            return wrong(format!(
                "auth_type = {other} is of Keystone's version 2, which is no more; use password"
            ));
        }
        other => {
            return wrong(format!(
                "auth_type = {other} is not supported; accepted: password, v3password, \
                 v3applicationcredential"
            ));
        }
    };
    let mut auth = json!({ "identity": identity });
    // An application credential has its own scope.
    if identity["methods"][0] == "password"
        && let Some(scope) = scope(config)?
    {
        auth["scope"] = scope;
    }
    Ok((json!({ "auth": auth }), name))
}

fn password(config: &KeystoneAuthtoken) -> Result<(Value, String), SettingsError> {
    let Some(password) = &config.password else {
        return wrong("password is missing");
    };
    let (mut user, name) = user(config)?;
    user["password"] = password.reveal().into();
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    Ok((identity, name))
}

fn application_credential(config: &KeystoneAuthtoken) -> Result<(Value, String), SettingsError> {
    let Some(secret) = &config.application_credential_secret else {
        return wrong("application_credential_secret is missing");
    };
    let (mut credential, name) = match (
        &config.application_credential_id,
        &config.application_credential_name,
    ) {
        (Some(id), _) => (
            json!({ "id": id }),
            format!("the application credential {id}"),
        ),
        (None, Some(name)) => {
            let (user, owner) = user(config)?;
            (
                json!({ "name": name, "user": user }),
                format!("the application credential {name} of {owner}"),
            )
        }
        (None, None) => return wrong("application_credential_id is missing"),
    };
    credential["secret"] = secret.reveal().into();
    let identity = json!({
        "methods": ["application_credential"],
        "application_credential": credential,
    });
    Ok((identity, name))
}

fn user(config: &KeystoneAuthtoken) -> Result<(Value, String), SettingsError> {
    if let Some(id) = &config.user_id {
        return Ok((json!({ "id": id }), format!("the user {id}")));
    }
    let Some(name) = &config.username else {
        return wrong("username is missing");
    };
    let domain = domain(config, &config.user_domain_id, &config.user_domain_name);
    let user = json!({ "name": name, "domain": domain });
    Ok((user, format!("the user {name}")))
}

/// A domain of its own, else the default one as configured, else the one that v2 implied.
fn domain(config: &KeystoneAuthtoken, id: &Option<String>, name: &Option<String>) -> Value {
    let choices = [
        (id, name),
        (&config.default_domain_id, &config.default_domain_name),
    ];
    for (id, name) in choices {
        if let Some(id) = id {
            return json!({ "id": id });
        }
        if let Some(name) = name {
            return json!({ "name": name });
        }
    }
    json!({ "id": "default" })
}

fn scope(config: &KeystoneAuthtoken) -> Result<Option<Value>, SettingsError> {
    if let Some(system) = &config.system_scope {
        if system != "all" {
            return wrong("system_scope is all or nothing");
        }
        return Ok(Some(json!({ "system": { "all": true } })));
    }
    if let Some(trust) = &config.trust_id {
        return Ok(Some(json!({ "OS-TRUST:trust": { "id": trust } })));
    }
    if let Some(id) = &config.project_id {
        return Ok(Some(json!({ "project": { "id": id } })));
    }
    let by_name = |name: &str| {
        let domain = domain(
            config,
            &config.project_domain_id,
            &config.project_domain_name,
        );
        Some(json!({ "project": { "name": name, "domain": domain } }))
    };
    if let Some(name) = &config.project_name {
        return Ok(by_name(name));
    }
    if let Some(id) = &config.domain_id {
        return Ok(Some(json!({ "domain": { "id": id } })));
    }
    if let Some(name) = &config.domain_name {
        return Ok(Some(json!({ "domain": { "name": name } })));
    }
    // Without auth_type keystonemiddleware took the project admin.
    Ok(config
        .auth_type
        .is_empty()
        .then(|| by_name("admin"))
        .flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> KeystoneAuthtoken {
        KeystoneAuthtoken {
            auth_url: Some("http://keystone:5000".into()),
            auth_type: "password".into(),
            username: Some("glance".into()),
            password: Some(Secret::new("pa$$")),
            project_name: Some("service".into()),
            user_domain_name: Some("Default".into()),
            project_domain_id: Some("default".into()),
            ..KeystoneAuthtoken::default()
        }
    }

    fn login_of(config: &KeystoneAuthtoken) -> Value {
        let settings = Settings::try_from(config).unwrap();
        serde_json::from_str(settings.login.reveal()).unwrap()
    }

    fn refusal(config: &KeystoneAuthtoken) -> String {
        Settings::try_from(config).unwrap_err().to_string()
    }

    #[test]
    fn asks_with_a_password() {
        assert_eq!(
            login_of(&config()),
            json!({ "auth": {
                "identity": { "methods": ["password"], "password": { "user": {
                    "name": "glance", "domain": { "name": "Default" }, "password": "pa$$",
                } } },
                "scope": { "project": { "name": "service", "domain": { "id": "default" } } },
            } })
        );
    }

    #[test]
    fn asks_with_an_application_credential() {
        let config = KeystoneAuthtoken {
            auth_type: "v3applicationcredential".into(),
            application_credential_id: Some("ac".into()),
            application_credential_secret: Some(Secret::new("s")),
            ..config()
        };
        assert_eq!(
            login_of(&config),
            json!({ "auth": { "identity": {
                "methods": ["application_credential"],
                "application_credential": { "id": "ac", "secret": "s" },
            } } })
        );
    }

    #[test]
    fn asks_for_other_scopes() {
        let scope = |config: KeystoneAuthtoken| login_of(&config)["auth"]["scope"].clone();
        let system = KeystoneAuthtoken {
            system_scope: Some("all".into()),
            ..config()
        };
        assert_eq!(scope(system), json!({ "system": { "all": true } }));
        let old = KeystoneAuthtoken {
            auth_type: String::new(),
            project_name: None,
            default_domain_id: Some("d".into()),
            project_domain_id: None,
            ..config()
        };
        let admin = json!({ "project": { "name": "admin", "domain": { "id": "d" } } });
        assert_eq!(scope(old), admin);
    }

    #[test]
    fn finds_version_3() {
        let base = |url: &str| {
            let config = KeystoneAuthtoken {
                auth_url: Some(url.into()),
                ..config()
            };
            Settings::try_from(&config).unwrap().base
        };
        for url in [
            "http://k:5000",
            "http://k:5000/",
            "http://k:5000/v3",
            "http://k:5000/v3/",
            "http://k:5000/v2.0/",
        ] {
            assert_eq!(base(url), "http://k:5000/v3", "{url}");
        }
        assert_eq!(base("https://k/identity"), "https://k/identity/v3");
    }

    #[test]
    fn knows_the_address_in_parts() {
        let config = KeystoneAuthtoken {
            auth_url: None,
            auth_host: Some("::1".into()),
            auth_admin_prefix: "/admin/".into(),
            ..config()
        };
        let settings = Settings::try_from(&config).unwrap();
        assert_eq!(settings.base, "https://[::1]:35357/admin/v3");
        assert_eq!(
            settings.challenge,
            "Keystone uri='https://[::1]:35357/admin'"
        );
    }

    #[test]
    fn refuses_what_cannot_work() {
        let with = |change: fn(&mut KeystoneAuthtoken)| {
            let mut config = config();
            change(&mut config);
            refusal(&config)
        };
        assert_eq!(
            with(|config| config.auth_url = None),
            "[keystone_authtoken] auth_url is missing: it says where Keystone is"
        );
        assert!(with(|config| config.auth_type = "v2password".into()).contains("version 2"));
        assert!(with(|config| config.auth_type = "kerberos".into()).contains("accepted: password"));
        assert!(with(|config| config.auth_version = Some("v2.0".into())).contains("v2.0"));
        assert!(with(|config| config.auth_section = Some("x".into())).contains("auth_section"));
        assert!(with(|config| config.password = None).contains("password is missing"));
        assert!(with(|config| config.enforce_token_bind = "required".into()).contains("required"));
        let secret = with(|config| config.auth_url = Some("http://u:hunter2@k".into()));
        assert!(!secret.contains("hunter2"), "{secret}");
    }

    #[test]
    fn shows_no_password() {
        let settings = Settings::try_from(&config()).unwrap();
        assert!(!format!("{settings:?}").contains("pa$$"));
    }
}
