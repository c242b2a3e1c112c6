//! Clients of the SDK, one for each server and account.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use glance_config::{BucketUrlFormat, S3Checksums, S3Config};

use super::connector::S3HttpClient;
use super::location::{Endpoint, Keys};

/// Clients that are kept. Locations name few servers; if they name many, we begin anew.
const KEPT: usize = 64;

/// The longest pause before a request is repeated.
const PAUSE: Duration = Duration::from_secs(5);

/// Makes clients. All of them share their connections.
pub(super) struct Clients {
    http: S3HttpClient,
    format: BucketUrlFormat,
    region: Option<String>,
    checksums: S3Checksums,
    made: Mutex<HashMap<Account, Client>>,
}

type Account = (Endpoint, String, String, bool);

impl Clients {
    pub(super) fn new(config: &S3Config, http: S3HttpClient) -> Self {
        Self {
            http,
            format: config.s3_store_bucket_url_format,
            region: config.s3_store_region_name.clone(),
            checksums: config.s3_store_checksums,
            made: Mutex::default(),
        }
    }

    /// The client for a bucket of this account.
    pub(super) fn get(&self, endpoint: &Endpoint, keys: &Keys, bucket: &str) -> Client {
        let in_path = self.is_in_path(endpoint, bucket);
        let (access, secret) = (keys.access.reveal(), keys.secret.reveal());
        let account = (
            endpoint.clone(),
            access.to_owned(),
            secret.to_owned(),
            in_path,
        );
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&account) {
            return client.clone();
        }
        if made.len() >= KEPT {
            made.clear();
        }
        let client = Client::from_conf(self.config(endpoint, keys, in_path));
        made.insert(account, client.clone());
        client
    }

    fn config(&self, endpoint: &Endpoint, keys: &Keys, in_path: bool) -> Config {
        let (access, secret) = (keys.access.reveal(), keys.secret.reveal());
        let region = self.region(endpoint);
        let (request, response) = match self.checksums {
            S3Checksums::WhenRequired => (
                RequestChecksumCalculation::WhenRequired,
                ResponseChecksumValidation::WhenRequired,
            ),
            S3Checksums::WhenSupported => (
                RequestChecksumCalculation::WhenSupported,
                ResponseChecksumValidation::WhenSupported,
            ),
        };
        let retries = RetryConfig::standard()
            .with_max_attempts(3)
            .with_initial_backoff(Duration::from_millis(300))
            .with_max_backoff(PAUSE);
        Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .endpoint_url(url(endpoint, &region))
            .region(Region::new(region))
            .force_path_style(in_path)
            .credentials_provider(Credentials::new(access, secret, None, None, "glance"))
            .disable_s3_express_session_auth(true)
            .request_checksum_calculation(request)
            .response_checksum_validation(response)
            .retry_config(retries)
            // Deadlines are the connector's: it knows who is slow.
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    /// The region that requests are signed for.
    pub(super) fn region(&self, endpoint: &Endpoint) -> String {
        let configured = self.region.as_deref().filter(|region| !region.is_empty());
        configured
            .or_else(|| region_of(endpoint.host()))
            .unwrap_or("us-east-1")
            .to_owned()
    }

    fn is_in_path(&self, endpoint: &Endpoint, bucket: &str) -> bool {
        match self.format {
            BucketUrlFormat::Path => true,
            BucketUrlFormat::Virtual => false,
            // A certificate for *.host is none for a.b.host.
            BucketUrlFormat::Auto => {
                !is_amazon(endpoint.host()) || endpoint.https && bucket.contains('.')
            }
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

fn is_amazon(host: &str) -> bool {
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// The region in the name of an Amazon host: `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1.…`.
fn region_of(host: &str) -> Option<&str> {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let name = host.strip_suffix(".amazonaws.com")?;
    let region = name.strip_prefix("s3")?.strip_prefix(['.', '-'])?;
    let region = region.strip_prefix("dualstack.").unwrap_or(region);
    (!region.is_empty() && region != "external-1").then_some(region)
}

/// Where requests go: the host that was configured, or, instead of the one that stands for all of
/// Amazon, the region's own.
fn url(endpoint: &Endpoint, region: &str) -> String {
    if endpoint.place == "s3.amazonaws.com" && region != "us-east-1" {
        let scheme = if endpoint.https { "https" } else { "http" };
        return format!("{scheme}://s3.{region}.amazonaws.com");
    }
    endpoint.url()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_region_of_amazons_hosts() {
        for (host, region) in [
            ("s3.amazonaws.com", None),
            ("s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("s3-ap-northeast-1.amazonaws.com", Some("ap-northeast-1")),
            ("s3.dualstack.eu-north-1.amazonaws.com", Some("eu-north-1")),
            ("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("s3.eu-west-1.example.org", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }

    #[test]
    fn goes_to_the_regions_own_host() {
        let amazon = Endpoint::parse("https://s3.amazonaws.com").unwrap();
        assert_eq!(url(&amazon, "us-east-1"), "https://s3.amazonaws.com");
        assert_eq!(
            url(&amazon, "eu-west-1"),
            "https://s3.eu-west-1.amazonaws.com"
        );
        let other = Endpoint::parse("h:3900").unwrap();
        assert_eq!(url(&other, "garage"), "http://h:3900");
    }
}
