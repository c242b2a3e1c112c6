//! Which account a request goes to, and where in it an image is.

use std::sync::Arc;

use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use serde_json::Value;

use super::account::{Account, Who};
use super::location::{Access, SwiftLocation};
use super::options::Options;
use super::sign_on::{Credentials, SignOn, endpoint, secret};
use super::{Inner, REMEMBERED, lock, names};
use crate::error::StoreError;

impl Inner {
    fn sign_on(&self, credentials: Credentials) -> Arc<SignOn> {
        let mut known = lock(&self.sign_ons);
        if let Some(sign_on) = known.get(&credentials) {
            return sign_on.clone();
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let (choice, soon) = (self.options.choice.clone(), self.options.expire_soon);
        let sign_on = SignOn::new(self.client.clone(), credentials.clone(), choice, soon);
        let sign_on = Arc::new(sign_on);
        known.insert(credentials, sign_on.clone());
        sign_on
    }

    pub(super) fn account(&self, who: Who) -> Account {
        Account {
            client: self.client.clone(),
            who,
        }
    }

    /// Our own account, of the default reference.
    pub(super) fn own(&self) -> Option<Arc<SignOn>> {
        let reference = self.options.default_reference()?;
        Some(self.sign_on(Options::credentials(reference)))
    }

    /// The account and object of a location, to be asked for `caller`.
    pub(super) fn find(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<(Account, SwiftLocation), StoreError> {
        let place = SwiftLocation::parse(location)?;
        let who = match &place.access {
            Access::Reference(name) => {
                let Some(reference) = self.options.references.get(name) else {
                    log::warn!("a location names an account that is not configured: {name:?}");
                    return Err(StoreError::BadLocation);
                };
                Who::Own(self.sign_on(Options::credentials(reference)))
            }
            Access::User {
                auth_url,
                user,
                key,
            } => Who::Own(self.sign_on(self.options.located(auth_url, user, key))),
            Access::Storage(_) if !self.options.multi_tenant => {
                return Err(StoreError::BadLocation);
            }
            Access::Storage(url) => self.on_behalf(caller, url.clone())?,
        };
        Ok((self.account(who), place))
    }

    /// Where data of `caller`'s new image goes: the account, and how its location tells it.
    pub(super) async fn home(&self, caller: &Identity) -> Result<(Account, Access), StoreError> {
        if !self.options.multi_tenant {
            let own = self.own().ok_or(StoreError::Unsupported)?;
            let access = self.options.access().ok_or(StoreError::Unsupported)?;
            return Ok((self.account(Who::Own(own)), access));
        }
        let url = match (&self.options.choice.endpoint, &caller.service_catalog) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(catalogue)) => {
                let catalogue: Value = serde_json::from_str(catalogue).unwrap_or_default();
                let found = endpoint(&catalogue, &self.options.choice);
                found.ok_or_else(|| denied("the catalogue of services has no Swift"))?
            }
            (None, None) => self.tenants_url(caller).await?,
        };
        let url = url.trim_end_matches('/').to_owned();
        let access = Access::Storage(url.clone());
        Ok((self.account(self.on_behalf(caller, url)?), access))
    }

    /// The account of a tenant for which nobody asks with a catalogue: beside our own one.
    async fn tenants_url(&self, caller: &Identity) -> Result<String, StoreError> {
        let (Some(own), Some(tenant)) = (self.own(), &caller.tenant) else {
            return Err(denied(
                "there is no catalogue of services, nor a swift_store_user",
            ));
        };
        let url = self.account(Who::Own(own)).storage_url().await?;
        // …/v1/AUTH_<project>
        let at = url.rfind('_').filter(|at| Some(*at) > url.rfind('/'));
        let at = at.ok_or_else(|| denied("the account is not named after its project"))?;
        Ok(format!("{}_{tenant}", &url[..at]))
    }

    /// The caller's token, or ours where nobody asks.
    fn on_behalf(&self, caller: &Identity, storage_url: String) -> Result<Who, StoreError> {
        if let Some(token) = &caller.token {
            let token = secret(token.expose())?;
            return Ok(Who::Caller { token, storage_url });
        }
        let own = self
            .own()
            .ok_or_else(|| denied("the caller has no token, and there is no swift_store_user"))?;
        Ok(Who::For(own, storage_url))
    }

    pub(super) fn container(&self, id: &ImageId) -> String {
        if self.options.multi_tenant {
            return format!("{}_{id}", self.options.container);
        }
        names::container(&self.options.container, id, self.options.seed)
    }

    pub(super) fn place(&self, access: Access, id: &ImageId) -> SwiftLocation {
        SwiftLocation {
            access,
            container: self.container(id),
            object: id.to_string(),
        }
    }
}

/// Multi-tenant storage where there is no tenant.
fn denied(reason: &str) -> StoreError {
    log::error!("store swift, swift_store_multi_tenant: {reason}");
    StoreError::Forbidden
}
