//! Property protection, which is Glance's, holds in this dialect too: otherwise it would be the way
//! around it.

use glance_core::protection::Operation;

use super::call::Call;
use super::fault::Fault;
use crate::service::plankton::{Registered, RegisteredUpdate};

impl Call {
    /// Takes the properties out of `image` that the caller may not read.
    pub(super) fn hide_properties(&self, image: &mut Registered) {
        if self.rules.protections.is_some() {
            let properties = &mut image.properties;
            properties.retain(|name, _| self.allows(name, Operation::Read));
        }
    }

    /// Refuses properties that the caller may not give to an image.
    pub(super) fn expect_creatable<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Fault> {
        let mut names = names.into_iter();
        names.try_for_each(|name| self.expect(name, Operation::Create))
    }

    /// Refuses changes to the properties of the image `id` that the caller may not make.
    pub(super) async fn expect_changeable(
        &self,
        id: &str,
        update: &RegisteredUpdate,
    ) -> Result<(), Fault> {
        if self.rules.protections.is_none() || update.properties.is_empty() {
            return Ok(());
        }
        let image = self.service().registered(&self.requester, id).await;
        let image = image.map_err(|error| self.fault(error))?;
        for (name, value) in &update.properties {
            let operation = match image.properties.contains_key(name) {
                true if value.is_empty() => Operation::Delete,
                true => Operation::Update,
                false => Operation::Create,
            };
            self.expect(name, operation)?;
        }
        Ok(())
    }

    fn expect(&self, property: &str, operation: Operation) -> Result<(), Fault> {
        match self.allows(property, operation) {
            true => Ok(()),
            false => Err(self.level().refusal()),
        }
    }

    fn allows(&self, property: &str, operation: Operation) -> bool {
        let identity = &self.requester.identity;
        self.rules.protections.as_ref().is_none_or(|protections| {
            protections.allows(property, operation, identity, &self.rules.policy)
        })
    }
}
