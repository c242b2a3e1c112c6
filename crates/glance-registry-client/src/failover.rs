//! Where a call goes, and where it goes next when no answer comes.
//!
//! What may have changed something is not sent twice, unless a second one changes nothing more.
//! Everything together takes no longer than one call may.

use bytes::Bytes;
use tokio::time::Instant;

use crate::call::{Call, Repeat};
use crate::caller::Caller;
use crate::error::{Failure, RegistryError};
use crate::registries::Tried;
use crate::transport::RegistryClient;

/// A call that gave no result.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: RegistryError,
    pub(crate) trace: Trace,
}

/// What a registry may have done with a call that gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It has answered, and the others would say the same.
    Answered,
    /// It has not seen the call, or has refused to look at it.
    Untouched,
    /// It was not able to do it, or not able to say that it has.
    Unable,
    /// The connection broke.
    Broken,
    /// It is silent, and may do it yet.
    Silent,
}

impl Trace {
    /// Whether another registry may be sent the call.
    fn allows(self, repeat: Repeat) -> bool {
        match self {
            Self::Answered => false,
            Self::Untouched => true,
            Self::Unable | Self::Broken => repeat != Repeat::Never,
            Self::Silent => repeat == Repeat::Always,
        }
    }
}

/// The registries that a call may go to yet.
#[derive(Debug, Default)]
struct Path {
    tried: Tried,
    /// Whether one was forgiven a broken connection already.
    forgiven: bool,
}

impl Path {
    /// The registry to try after `failed` at the registry `at`.
    fn after(
        &mut self,
        client: &RegistryClient,
        at: usize,
        failed: &Failed,
        repeat: Repeat,
    ) -> Option<usize> {
        if !failed.trace.allows(repeat) {
            return None;
        }
        let next = client.registries.choose(self.tried);
        // A connection that was kept breaks when a registry starts anew. That may be the only one.
        if failed.trace == Trace::Broken && !self.forgiven {
            let hopeful = next.and_then(|next| client.registries.get(next));
            if hopeful.is_none_or(|next| client.registries.is_away(next)) {
                self.forgiven = true;
                self.tried = self.tried.without(at);
                return Some(at);
            }
        }
        next
    }
}

impl RegistryClient {
    /// Sends a call to one registry after the other, until one answers, it must not be sent again, or
    /// `end` has come.
    pub(crate) async fn send_somewhere(
        &self,
        caller: Caller<'_>,
        call: &Call<'_>,
        end: Instant,
    ) -> Result<Bytes, RegistryError> {
        let mut path = Path::default();
        let mut at = self
            .registries
            .choose(path.tried)
            .ok_or_else(|| RegistryError::unavailable(Failure::Nobody))?;
        loop {
            path.tried = path.tried.and(at);
            let failed = match self.attempt(caller, call, at, path.tried, end).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            match path.after(self, at, &failed, call.repeat) {
                Some(next) if Instant::now() < end => {
                    self.pass_on(call, at, next, &failed);
                    at = next;
                }
                _ => return Err(failed.error),
            }
        }
    }

    fn pass_on(&self, call: &Call<'_>, from: usize, to: usize, failed: &Failed) {
        let (Some(from), Some(to)) = (self.registries.get(from), self.registries.get(to)) else {
            return;
        };
        let Call { method, target, .. } = call;
        let error = failed.error.reason();
        let (from_name, to_name) = (&from.name, &to.name);
        log::debug!("{method} {target} goes from {from_name} to {to_name}: {error}");
        if !std::ptr::eq(from, to) {
            from.passes_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_happened_is_not_repeated() {
        use Repeat::{Always, Never, Soon};
        use Trace::{Answered, Broken, Silent, Unable, Untouched};
        for (trace, allowed) in [
            (Answered, &[][..]),
            (Untouched, &[Never, Soon, Always]),
            (Unable, &[Soon, Always]),
            (Broken, &[Soon, Always]),
            (Silent, &[Always]),
        ] {
            for repeat in [Never, Soon, Always] {
                let expected = allowed.contains(&repeat);
                assert_eq!(trace.allows(repeat), expected, "{trace:?} {repeat:?}");
            }
        }
    }
}
