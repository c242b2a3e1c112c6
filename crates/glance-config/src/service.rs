//! What Glance has no option for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::registry_secret::RegistrySecret;
use crate::store::FilePermissions;

options! {
    /// What Glance has no option for. These are not Glance's.
    pub struct ServiceConfig in "service" {
        /// Seconds that running transfers have to finish when the daemon is told to stop; then
        /// they are cut.
        shutdown_timeout: Duration = "60", restart;
        /// Seconds in which a request's head must be there from its first byte on.
        request_head_timeout: NonZeroU32 = "10", restart;
        /// Seconds after which an upload whose daemon has gone silent is given up: the image is
        /// killed and its data removed. The daemon renews this lease while it uploads.
        lease_seconds: NonZeroU32 = "30", restart;
        /// Seconds for which glance-api retries to record an upload that is complete while
        /// glance-registry does not answer.
        activate_retry_seconds: Duration = "60", live;
        /// Seconds after which what an upload left unfinished in a store (parts of a large object)
        /// is removed, if nothing was added to it meanwhile; 0: never.
        sweep_after: Duration = "86400", live;
        /// Threads of glance-registry that wait for the database.
        database_threads: NonZeroUsize = "4", restart;
        /// By this glance-api proves to glance-registry that it is one of ours; the same in both
        /// daemons' files. Set: glance-registry answers 401 to whoever does not know it, whatever
        /// he says of himself. Make one with: openssl rand -hex 32
        registry_secret: Option<RegistrySecret> = unset, restart;
        /// Who may connect to glance-registry where it listens on a Unix socket (bind_host): the
        /// socket's permissions. 0 leaves them to the umask. Whoever may connect is believed.
        registry_socket_mode: FilePermissions = "0660", restart;
    }
}

impl ServiceConfig {
    /// The time in which a request's head must be there.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_secs(self.request_head_timeout.get().into())
    }

    /// The time after which a silent upload is given up.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.get().into())
    }
}
