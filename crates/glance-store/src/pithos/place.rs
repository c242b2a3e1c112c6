//! Which account a request goes to, with whose token, and where in it an image is.

use glance_core::id::ImageId;
use glance_core::identity::Identity;
use glance_core::location::LocationUrl;
use glance_core::pithos::PithosLocation;
use hyper::header::HeaderValue;

use super::account::Account;
use super::error::PithosError;
use super::object::Blocks;
use super::options::secret;
use super::{Inner, lock};
use crate::error::StoreError;

impl Inner {
    fn account(&self, name: &str, token: HeaderValue, is_ours: bool) -> Account {
        Account {
            client: self.client.clone(),
            endpoint: self.options.endpoint.clone(),
            name: name.to_owned(),
            token,
            is_ours,
        }
    }

    /// Our own account, if there is one.
    pub(super) fn own(&self) -> Option<Account> {
        let options = &self.options;
        let (name, token) = (options.account.as_ref()?, options.token.clone()?);
        Some(self.account(name, token, true))
    }

    /// The account and object of a location, to be asked for `caller`.
    ///
    /// What we keep ourselves is asked for with our token, whoever the caller is, as other stores
    /// do. Everything else is its owner's: Pithos decides what the caller may.
    pub(super) fn find(
        &self,
        location: &LocationUrl,
        caller: &Identity,
    ) -> Result<(Account, PithosLocation), StoreError> {
        let place: Result<PithosLocation, _> = location.expose().parse();
        let place = place.map_err(|_| StoreError::BadLocation)?;
        // Proxies take such parts for something else than names.
        let is_relative = |text: &str| text.split('/').any(|part| matches!(part, "." | ".."));
        if [&place.account, &place.container, &place.object]
            .iter()
            .any(|name| is_relative(name))
        {
            return Err(StoreError::BadLocation);
        }
        if place.object.is_empty() {
            // It would be the container.
            return Err(StoreError::NotFound);
        }
        let own = self
            .own()
            .filter(|own| own.name == place.account && place.container == self.options.container);
        let account = match own {
            Some(own) => own,
            None => self.on_behalf(caller, &place.account)?,
        };
        Ok((account, place))
    }

    /// Where data of `caller`'s new image goes.
    pub(super) fn home(
        &self,
        id: &ImageId,
        caller: &Identity,
    ) -> Result<(Account, PithosLocation), StoreError> {
        let options = &self.options;
        let account = match (&options.account, &options.token) {
            (Some(_), Some(_)) => self.own().ok_or(StoreError::Unsupported)?,
            (Some(name), None) => self.on_behalf(caller, name)?,
            (None, Some(_)) => return Err(StoreError::Unsupported),
            (None, None) => {
                let name = caller.owner().filter(|name| !name.is_empty());
                let name = name.ok_or_else(|| denied("the caller has no account"))?;
                self.on_behalf(caller, name)?
            }
        };
        let place = PithosLocation {
            account: account.name.clone(),
            container: options.container.clone(),
            object: id.to_string(),
        };
        Ok((account, place))
    }

    /// With the caller's token, or ours where nobody asks.
    fn on_behalf(&self, caller: &Identity, account: &str) -> Result<Account, StoreError> {
        if let Some(token) = &caller.token {
            let token = secret(token.expose()).ok_or(StoreError::Forbidden)?;
            return Ok(self.account(account, token, false));
        }
        match &self.options.token {
            Some(token) => Ok(self.account(account, token.clone(), true)),
            None => Err(denied("the caller has no token")),
        }
    }

    /// How the container of a new image cuts it into blocks; the container is made if it lacks.
    pub(super) async fn blocks(
        &self,
        account: &Account,
        place: &PithosLocation,
    ) -> Result<Blocks, StoreError> {
        let key = (place.account.clone(), place.container.clone());
        if let Some(blocks) = lock(&self.containers).get(&key) {
            return Ok(*blocks);
        }
        let mut blocks = account.blocks(&place.container).await?;
        if blocks.is_none() && self.options.create_container {
            account.make_container(&place.container).await?;
            blocks = account.blocks(&place.container).await?;
        }
        let blocks = blocks.ok_or(PithosError::NoContainer)?;
        let mut known = lock(&self.containers);
        if known.len() >= super::REMEMBERED {
            known.clear();
        }
        known.insert(key, blocks);
        Ok(blocks)
    }

    /// The next upload looks for the container again.
    pub(super) fn forget_container(&self, place: &PithosLocation) {
        let key = (place.account.clone(), place.container.clone());
        lock(&self.containers).remove(&key);
    }
}

/// Nobody's token is there to ask with.
fn denied(reason: &str) -> StoreError {
    log::warn!("store pithos: {reason}, and there is no pithos_store_token");
    StoreError::Forbidden
}
