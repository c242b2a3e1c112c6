//! How tokens are validated with Synnefo's Astakos.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::keystone_authtoken::CacheTime;
use crate::secret::Secret;

options! {
    /// How tokens are validated with Astakos.
    pub struct AstakosConfig in "astakos" {
        /// The address of Astakos' identity service, such as https://host/identity/v2.0 (which its
        /// catalogue has as publicURL). Needed by the flavor astakos. Where it is set, the callers
        /// of the dialect plankton are known by Astakos, whatever the flavor is.
        auth_url: Option<String> = unset, restart;
        /// Seconds for which a validated token is believed without asking again, so the time in
        /// which a revocation is noticed. Never longer than the token lives. 0 or less: Astakos is
        /// asked for each request.
        token_cache_time: CacheTime = "300", restart;
        /// A file of certificates in PEM form that Astakos' is checked against, instead of the
        /// system's.
        cafile: Option<PathBuf> = unset, restart;
        /// Accept any certificate of Astakos'. Whoever sits on the way can be anybody then.
        insecure: bool = "false", restart;
        /// Seconds for each attempt to have an answer of Astakos.
        timeout: NonZeroU32 = "10", restart;
        /// How often an attempt that failed is repeated, for 20 seconds at the most.
        retries: u32 = "2", restart;
        /// The users, by UUID, who are administrators under the flavor astakos: Astakos knows no
        /// such role. Callers of the dialect plankton never are.
        admin_users: Vec<String> = "", restart;
        /// The token by which glance-api makes itself known to a glance-registry of the flavor
        /// astakos, at least 32 characters, equal in both. None of Astakos': whoever has it is an
        /// administrator of the images. Unneeded where the flavor of the registry is another one.
        service_token: Option<Secret> = unset, restart;
    }
}
