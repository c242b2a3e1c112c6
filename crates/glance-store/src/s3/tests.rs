//! The promises of the store, kept with two real servers, and what is peculiar to S3.

use std::ops::Deref;

use super::*;
use crate::conformance::services::Service;
use crate::conformance::{self, services};

/// A part that is as small as servers let it be.
const PART: u64 = 5 << 20;

/// The store of a server, and what keeps the server running.
struct Opened(S3Store);

impl Deref for Opened {
    type Target = S3Store;

    fn deref(&self) -> &S3Store {
        &self.0
    }
}

fn config(service: &Service, prefix: &str) -> S3Config {
    let get = |name: &str| service.get(&format!("{prefix}{name}")).to_owned();
    S3Config {
        s3_store_host: Some(get("ENDPOINT")),
        s3_store_access_key: Some(Secret::new(get("ACCESS_KEY"))),
        s3_store_secret_key: Some(Secret::new(get("SECRET_KEY"))),
        s3_store_region_name: Some(get("REGION")),
        s3_store_bucket: Some("glance".to_owned()),
        s3_store_create_bucket_on_put: true,
        ..S3Config::default()
    }
}

/// With the default sizes.
fn usual(config: &S3Config) -> Opened {
    Opened(S3Store::open(config, Md5Pool::new()).unwrap())
}

/// Whatever is larger than one small part goes in parts.
fn small(config: &S3Config) -> Opened {
    Opened(S3Store::with_sizes(config, Md5Pool::new(), Sizes::new(PART, 0)).unwrap())
}

fn swift() -> S3Config {
    config(services::swift(), "SWIFT_S3_")
}

fn other() -> S3Config {
    config(services::s3(), "S3_")
}

mod swift_with_default_sizes {
    use super::*;

    async fn open() -> Opened {
        usual(&swift())
    }

    conformance::suite!(open);
}

mod swift_with_small_parts {
    use super::*;

    async fn open() -> Opened {
        small(&swift())
    }

    conformance::suite!(open);
}

mod other_with_default_sizes {
    use super::*;

    async fn open() -> Opened {
        usual(&other())
    }

    conformance::suite!(open);
}

mod other_with_small_parts {
    use super::*;

    async fn open() -> Opened {
        small(&other())
    }

    conformance::suite!(open);
}
