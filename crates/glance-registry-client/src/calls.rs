//! What is counted of the calls to the registry.

use glance_metrics::{Calls, Kind, Outcome, Text};

use crate::alike::SHARED;
use crate::error::RegistryError;
use crate::registries::Registries;

/// All calls of this process, by all clients; a repeated one counts again.
pub static CALLS: Calls = Calls::new();

pub(crate) fn outcome(result: Option<&RegistryError>) -> Outcome {
    match result {
        None => Outcome::Success,
        Some(RegistryError::Refused { .. }) => Outcome::Refused,
        Some(_) => Outcome::Failed,
    }
}

impl Registries {
    /// Writes what is known of each; `prefix` begins the names.
    pub fn write(&self, text: &mut Text, prefix: &str) {
        // Nobody looks after a single one.
        if self.are_several() {
            let name = format!("{prefix}_up");
            let help = "Whether a registry answers, as far as is known.";
            text.family(&name, Kind::Gauge, help);
            for registry in self.iter() {
                let up = u8::from(!self.is_away(registry));
                text.sample(&name, &[("registry", &registry.name)], up);
            }
        }
        let name = format!("{prefix}_attempts_total");
        let help = "Calls that a registry was sent, by their end.";
        text.family(&name, Kind::Counter, help);
        for registry in self.iter() {
            for (outcome, label) in Outcome::ALL {
                let labels = [("registry", registry.name.as_str()), ("outcome", label)];
                text.sample(&name, &labels, registry.ended(outcome));
            }
        }
        let name = format!("{prefix}_attempts_running");
        let help = "Calls that wait for a registry's answer.";
        text.family(&name, Kind::Gauge, help);
        for registry in self.iter() {
            text.sample(&name, &[("registry", &registry.name)], registry.running());
        }
        let name = format!("{prefix}_passed_on_total");
        let help = "Calls that a registry did not answer and another one got.";
        text.family(&name, Kind::Counter, help);
        for registry in self.iter() {
            text.sample(&name, &[("registry", &registry.name)], registry.passed_on());
        }
        let name = format!("{prefix}_shared_total");
        let help = "Reads that were given the answer to another one like them.";
        text.family(&name, Kind::Counter, help);
        text.sample(&name, &[], SHARED.get());
    }
}
