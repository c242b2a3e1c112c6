//! Calls about leases and recovery, which only our own registry has.
//!
//! Glance's registry answers 404 to each of them.

use std::time::Duration;

use glance_core::wire::{AcquireLease, LostLeases, Recovery, RecoveryItem, RenewLeases, TakeOver};
use hyper::Method;

use crate::call::Call;
use crate::caller::Caller;
use crate::error::RegistryError;
use crate::images::encode;
use crate::transport::RegistryClient;

impl RegistryClient {
    /// Takes or renews the lease of one image and reserves its bytes.
    pub async fn acquire_lease(
        &self,
        caller: Caller<'_>,
        id: &str,
        lease: &AcquireLease,
    ) -> Result<(), RegistryError> {
        let call = Call::new(Method::PUT, format!("/leases/{}", encode(id)))
            .json(lease)?
            .idempotent();
        self.send(caller, call).await.map(drop)
    }

    /// Renews all leases of one holder and says which are lost. A registry that stands still must not
    /// cost the leases while another one works: it is asked next after a sixth of their time. Should
    /// the first one go on later, it renews what is held then, as the holder would.
    pub async fn renew_leases(
        &self,
        caller: Caller<'_>,
        renewal: &RenewLeases,
    ) -> Result<Vec<String>, RegistryError> {
        let patience = Duration::from_secs(renewal.seconds.into()) / 6;
        let call = Call::new(Method::PUT, "/leases")
            .json(renewal)?
            .urgent(patience);
        Ok(self.fetch::<LostLeases>(caller, call).await?.lost)
    }

    /// Gives a lease back.
    pub async fn release_lease(
        &self,
        caller: Caller<'_>,
        id: &str,
        holder: &str,
    ) -> Result<(), RegistryError> {
        let target = format!("/leases/{}?holder={}", encode(id), encode(holder));
        let call = Call::new(Method::DELETE, target).idempotent();
        self.send(caller, call).await.map(drop)
    }

    /// Takes over what others left unfinished.
    pub async fn take_over(
        &self,
        caller: Caller<'_>,
        request: &TakeOver,
    ) -> Result<Vec<RecoveryItem>, RegistryError> {
        let call = Call::new(Method::POST, "/recovery").json(request)?;
        Ok(self.fetch::<Recovery>(caller, call).await?.items)
    }
}
