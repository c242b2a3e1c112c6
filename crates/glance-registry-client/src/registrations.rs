//! Calls about images whose data is somebody's object in Pithos, which only our own registry has.
//!
//! Glance's registry answers 404 to each of them.

use glance_core::image::Image;
use glance_core::wire::{OneImage, Registration};
use hyper::Method;

use crate::call::Call;
use crate::caller::Caller;
use crate::error::RegistryError;
use crate::images::encode;
use crate::transport::RegistryClient;

impl RegistryClient {
    /// Makes or changes the image of an object, in one transaction.
    pub async fn register(
        &self,
        caller: Caller<'_>,
        id: &str,
        registration: &Registration,
    ) -> Result<Image, RegistryError> {
        let call = Call::new(Method::PUT, path(id)).json(registration)?;
        Ok(self.fetch::<OneImage>(caller, call).await?.image)
    }

    /// Forgets the image of an object.
    pub async fn unregister(&self, caller: Caller<'_>, id: &str) -> Result<(), RegistryError> {
        let call = Call::new(Method::DELETE, path(id));
        self.send(caller, call).await.map(drop)
    }
}

fn path(id: &str) -> String {
    format!("/registrations/{}", encode(id))
}
