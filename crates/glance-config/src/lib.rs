//! Every option of every program, typed.
//!
//! Configuration files are Glance's own: oslo.config's INI dialect with Glance's option names, old
//! ones included. Command line wins over `GLANCE_*` environment variables, these over files, and
//! files over defaults. One table (the `options!` of each section) makes the structs, the shipped
//! files in `etc/` and the manual `docs/CONFIGURATION.md`.

#[macro_use]
mod option;
#[macro_use]
mod program;

mod access;
mod api;
pub mod arenas;
pub mod args;
mod astakos;
mod bind_host;
mod catalog;
mod cors;
mod database;
mod deletion;
mod endpoint;
mod error;
mod external;
mod healthcheck;
mod image_format;
mod ini;
mod keystone_authtoken;
mod layer;
mod limits;
mod listen;
mod load;
pub mod locate;
mod location;
pub mod log;
pub mod manual;
mod metrics;
mod nearest;
mod network;
mod object;
mod paste_deploy;
mod pithos;
mod plankton;
mod policy;
mod quota;
pub mod ready;
mod registry;
mod registry_client;
mod registry_hosts;
mod registry_secret;
pub mod rules;
mod s3;
pub mod secret;
mod service;
mod settings;
mod socket_path;
mod store;
mod swift;
mod swift_reference;
mod unsupported;
mod value;
mod versions;
mod warning;

pub use access::AccessConfig;
pub use api::ApiConfig;
pub use args::Args;
pub use astakos::AstakosConfig;
pub use bind_host::BindHost;
pub use cors::CorsConfig;
pub use database::DatabaseConfig;
pub use deletion::DeletionConfig;
pub use endpoint::{EndpointConfig, MiddlewareConfig, PublicEndpoint};
pub use error::{ConfigError, chain};
pub use external::{ExternalConfig, ProxyInformation, Unverified};
pub use healthcheck::{Backends, HealthcheckConfig, PortPaths};
pub use image_format::ImageFormatConfig;
pub use keystone_authtoken::{CacheTime, EndpointChoice, KeystoneAuthtoken};
pub use limits::LimitsConfig;
pub use listen::{ListenConfig, TlsFiles};
pub use load::{Loaded, load_api, load_registry};
pub use location::{LocationConfig, MetadataKey};
pub use log::LogConfig;
pub use metrics::{MetricsAddress, MetricsConfig};
pub use network::{AllowList, Allowed, Network, Ports, Schemes};
pub use object::ObjectConfig;
pub use paste_deploy::{AuthFlavor, PasteDeploy, PasteFile, PasteFlavor};
pub use pithos::PithosConfig;
pub use plankton::{Dialects, DialectsConfig, PlanktonConfig, PlanktonLevel, Prefix};
pub use policy::{Paths, PolicyConfig, PropertyProtectionConfig, RuleFormat};
pub use program::Change;
pub use quota::{Patience, Quota, StorageQuota};
pub use registry::RegistryConfig;
pub use registry_client::{RegistryAddress, RegistryClientConfig, RegistryProtocol};
pub use registry_hosts::{RegistryHost, RegistryHosts};
pub use registry_secret::RegistrySecret;
pub use s3::{BucketUrlFormat, S3Checksums, S3Config};
pub use secret::Secret;
pub use service::ServiceConfig;
pub use socket_path::SocketPath;
pub use store::{DataDir, DataDirs, FilePermissions, StoreConfig, StoreNames};
pub use swift::{SwiftAuthVersion, SwiftConfig, SwiftEndpointType, SwiftSeed};
pub use swift_reference::{SwiftDomain, SwiftReference, SwiftReferenceError, SwiftReferences};
pub use value::OptionValue;
pub use versions::VersionsConfig;
pub use warning::Warning;
