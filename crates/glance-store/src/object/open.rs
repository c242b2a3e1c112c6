//! The two clouds as they are configured.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use glance_config::{ObjectConfig, Secret};
use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use super::attempt::Abandoned;
use super::cloud::{Cloud, Publishing};
use super::place::Place;
use super::transport::{Signer, Transport};
use crate::error::StartError;
use crate::net::client::ServerClient;
use crate::net::tls::Trust;
use crate::parallel::Parallel;

/// Schemes of Google Cloud Storage.
pub(super) const GS: &[&str] = &["gs"];

/// Schemes of Azure Blob Storage; other programs write the later ones.
pub(super) const AZURE: &[&str] = &["azure", "az", "abfs"];

/// Google Cloud Storage. Blocks to read files.
pub(super) fn gs(config: &ObjectConfig) -> Result<Cloud, StartError> {
    let bucket = required("gs_store_bucket", config.gs_store_bucket.as_deref())?;
    let place = Place::new(GS, bucket, &config.gs_store_prefix).ok_or_else(|| {
        StartError::new(
            "gs_store_bucket",
            "no image can be kept in this bucket and prefix",
        )
    })?;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(retries(config))
        .with_http_connector(Transport::new(client(config)?, None));
    if let Some(file) = &config.gs_store_service_account_file {
        // The library's own complaint may quote the file.
        let option = "gs_store_service_account_file";
        File::open(file)
            .map_err(|error| StartError::new(option, file.display().to_string()).caused(error))?;
        builder = builder.with_service_account_path(file.to_string_lossy());
    }
    if let Some(endpoint) = &config.gs_store_endpoint {
        builder = builder.with_base_url(checked("gs_store_endpoint", endpoint)?);
    }
    let store = builder.build().map_err(|_| {
        let reason = "the credentials cannot be used: they are not in Google's form";
        StartError::new("gs_store_service_account_file", reason)
    })?;
    // Google completes uploads of parts only unconditionally.
    Ok(cloud(
        "gs",
        Arc::new(store),
        Publishing::Copy,
        place,
        10_000,
        config,
    ))
}

/// Azure Blob Storage.
pub(super) fn azure(config: &ObjectConfig) -> Result<Cloud, StartError> {
    let container = config.azure_store_container.as_deref();
    let container = required("azure_store_container", container)?;
    let account = required("azure_store_account", config.azure_store_account.as_deref())?;
    let place = Place::new(AZURE, container, &config.azure_store_prefix).ok_or_else(|| {
        let reason = "no image can be kept in this container and prefix";
        StartError::new("azure_store_container", reason)
    })?;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_retry(retries(config));
    let mut signer = None;
    if let Some(key) = &config.azure_store_access_key {
        let credential = AzureAccessKey::try_new(key.reveal())
            .map_err(|_| StartError::new("azure_store_access_key", "it is not a key in base 64"))?;
        signer = Some(Signer {
            credential: AzureCredential::AccessKey(credential),
            account: account.to_owned(),
        });
        builder = builder.with_access_key(key.reveal());
    } else if let Some(token) = &config.azure_store_sas_token {
        let pairs = object_store::azure::split_sas(token.reveal()).map_err(|_| {
            StartError::new(
                "azure_store_sas_token",
                "it is not a shared access signature",
            )
        })?;
        builder = builder.with_sas_authorization(pairs);
    } else if let Some((tenant, id, secret)) = application(config)? {
        builder = builder.with_client_secret_authorization(id, secret.reveal(), tenant);
    }
    if let Some(endpoint) = &config.azure_store_endpoint {
        builder = builder.with_endpoint(checked("azure_store_endpoint", endpoint)?.to_owned());
    }
    let transport = Transport::new(client(config)?, signer);
    let store = builder
        .with_http_connector(transport)
        .build()
        .map_err(|_| StartError::new("azure_store_account", "the store cannot be set up"))?;
    Ok(cloud(
        "azure",
        Arc::new(store),
        Publishing::CreateOnly,
        place,
        50_000,
        config,
    ))
}

/// A store in memory, as `gs` would be.
#[cfg(test)]
pub(super) fn memory(config: &ObjectConfig) -> Cloud {
    let store = Arc::new(object_store::memory::InMemory::new());
    let place = Place::new(&["memory"], "bucket", "images").unwrap();
    cloud("memory", store, Publishing::Copy, place, 10_000, config)
}

fn cloud(
    name: &'static str,
    client: Arc<dyn ObjectStore>,
    publishing: Publishing,
    place: Place,
    most_parts: u32,
    config: &ObjectConfig,
) -> Cloud {
    let part_size = config.object_store_chunk_size.bytes();
    let memory = u64::from(config.object_store_upload_memory) << 20;
    Cloud {
        name,
        client,
        publishing,
        place,
        // Azure would delete parts under the same name, and the store in memory does not tell.
        asks_before_deleting: name != "gs",
        part_size,
        most_parts,
        parallel: Parallel::weighed(config.object_store_threads.get(), memory),
        abandoned: Abandoned::default(),
        patience: config.timeout(),
    }
}

fn client(config: &ObjectConfig) -> Result<ServerClient, StartError> {
    let trust = Trust {
        ca_file: config.object_store_cacert.as_deref(),
        insecure: false,
        option: "object_store_cacert",
    };
    ServerClient::new(trust, config.timeout())
}

/// How the library repeats what is safe to repeat.
fn retries(config: &ObjectConfig) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: config.timeout() * 3,
    }
}

fn required<'a>(option: &'static str, value: Option<&'a str>) -> Result<&'a str, StartError> {
    value.ok_or_else(|| StartError::new(option, "it is not set, but the store is to be used"))
}

fn checked<'a>(option: &'static str, endpoint: &'a str) -> Result<&'a str, StartError> {
    let endpoint = endpoint.trim_end_matches('/');
    match url::Url::parse(endpoint) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.username().is_empty() => {
            Ok(endpoint)
        }
        _ => Err(StartError::new(option, "it is not the URL of a server")),
    }
}

/// The application that we are, if it is named whole.
fn application(config: &ObjectConfig) -> Result<Option<(&str, &str, &Secret)>, StartError> {
    let parts = (
        config.azure_store_tenant_id.as_deref(),
        config.azure_store_client_id.as_deref(),
        config.azure_store_client_secret.as_ref(),
    );
    match parts {
        (None, None, None) => Ok(None),
        (Some(tenant), Some(id), Some(secret)) => Ok(Some((tenant, id, secret))),
        _ => Err(StartError::new(
            "azure_store_client_id",
            "tenant, application and secret go together",
        )),
    }
}
