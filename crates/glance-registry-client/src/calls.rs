//! What is counted of the calls to the registry.

use glance_metrics::{Calls, Outcome};

use crate::error::RegistryError;

/// All calls of this process, by all clients; a repeated one counts again.
pub static CALLS: Calls = Calls::new();

pub(crate) fn outcome<T>(result: &Result<T, RegistryError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(RegistryError::Refused { .. }) => Outcome::Refused,
        Err(_) => Outcome::Failed,
    }
}
