//! Who may do what: the policy, the protection of properties, and what follows from who owns an
//! image.

use std::collections::BTreeMap;

use glance_core::access::is_mutable;
use glance_core::fault::Fault;
use glance_core::image::{Image, Properties};
use glance_core::policy::Target;
use glance_core::protection::Operation;

use super::call::Call;
use super::fault::Failure;

impl Call {
    /// Refuses callers whom the policy's rule does not let pass.
    pub(super) fn enforce(&self, rule: &str) -> Result<(), Failure> {
        self.enforce_for(rule, &Target::Nothing)
    }

    /// The same for a rule that can ask about the image.
    pub(super) fn enforce_for(&self, rule: &str, target: &Target<'_>) -> Result<(), Failure> {
        if self.rules.policy.allows(rule, self.identity(), target) {
            return Ok(());
        }
        Err(Fault::explained(403, "Access was denied to this resource.").into())
    }

    /// Refuses to change an image that is not the caller's before anything else happens. The words
    /// are those that the registry's refusal would make.
    ///
    /// (Glance leaves it to its registry, which calls a private image missing; Glance then answers
    /// 500.)
    pub(super) fn expect_mutable(&self, image: &Image, verb: &str) -> Result<(), Failure> {
        if is_mutable(self.identity(), image.owner.as_deref()) {
            return Ok(());
        }
        let registry = Fault::bare(403).plain(self.request.method().as_str());
        Err(Fault::explained(403, format!("Forbidden to {verb} image: {registry}")).into())
    }

    /// Takes out the properties that the caller may not read.
    pub(super) fn hide_properties<K, V>(&self, properties: &mut BTreeMap<K, V>)
    where
        K: AsRef<str> + Ord,
    {
        if self.rules.protections.is_some() {
            properties.retain(|name, _| self.allows(name.as_ref(), Operation::Read));
        }
    }

    /// Refuses properties that the caller may not give to a new image.
    pub(super) fn expect_creatable(&self, properties: &Properties) -> Result<(), Failure> {
        properties
            .keys()
            .try_for_each(|name| self.expect(name, Operation::Create))
    }

    /// Refuses changes to the properties of `original` that the caller may not make, and completes
    /// `properties`: what is neither named nor readable stays even when the rest is purged.
    pub(super) fn expect_changeable(
        &self,
        original: &Properties,
        properties: &mut Properties,
        purge: bool,
    ) -> Result<(), Failure> {
        if self.rules.protections.is_none() {
            return Ok(());
        }
        for (name, value) in properties.iter() {
            let Some(before) = original.get(name) else {
                continue;
            };
            // A value that the caller could not read must not be found out by trying.
            let unchanged = self.allows(name, Operation::Read) && value == before;
            if !unchanged {
                self.expect(name, Operation::Update)?;
            }
        }
        let new = properties
            .keys()
            .filter(|name| !original.contains_key(*name));
        new.map(String::as_str)
            .try_for_each(|name| self.expect(name, Operation::Create))?;
        if !purge {
            return Ok(());
        }
        for (name, value) in original {
            if properties.contains_key(name) {
                continue;
            }
            if self.allows(name, Operation::Read) {
                self.expect(name, Operation::Delete)?;
            } else {
                properties.insert(name.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn expect(&self, property: &str, operation: Operation) -> Result<(), Failure> {
        if self.allows(property, operation) {
            return Ok(());
        }
        Err(Fault::explained(403, format!("Property '{property}' is protected")).into())
    }

    fn allows(&self, property: &str, operation: Operation) -> bool {
        self.rules.protections.as_ref().is_none_or(|protections| {
            protections.allows(property, operation, self.identity(), &self.rules.policy)
        })
    }
}
