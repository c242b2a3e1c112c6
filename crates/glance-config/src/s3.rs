//! The s3 store: image data in S3, or in what speaks its protocol.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;
use crate::value::OptionValue;

options! {
    /// The s3 store.
    pub struct S3Config in "glance_store" {
        /// The server: s3.amazonaws.com, host:port, or a URL. Without a scheme: http.
        s3_store_host: Option<String> = unset, restart, was ["DEFAULT/s3_store_host"];
        /// Who we are to the server.
        s3_store_access_key: Option<Secret> = unset, restart, was ["DEFAULT/s3_store_access_key"];
        /// The secret that goes with it.
        s3_store_secret_key: Option<Secret> = unset, restart, was ["DEFAULT/s3_store_secret_key"];
        /// The bucket that holds the images.
        s3_store_bucket: Option<String> = unset, restart, was ["DEFAULT/s3_store_bucket"];
        /// The region that requests are signed for. Unset: the one in the name of an Amazon host,
        /// else us-east-1.
        s3_store_region_name: Option<String> = unset, restart;
        /// Make the bucket if it lacks when an image is stored.
        s3_store_create_bucket_on_put: bool = "false", restart,
            was ["DEFAULT/s3_store_create_bucket_on_put"];
        /// Where the bucket is named: in the path, or in the host (virtual; subdomain in older
        /// files). auto: virtual for Amazon's hosts, path for others.
        s3_store_bucket_url_format: BucketUrlFormat = "auto", restart,
            was ["DEFAULT/s3_store_bucket_url_format"];
        /// Images of this many MiB or more, and those of unknown size, are sent in parts.
        s3_store_large_object_size: NonZeroU32 = "100", restart,
            was ["DEFAULT/s3_store_large_object_size"];
        /// MiB of a part, at least 5. Parts grow where 10,000 of them would not do.
        s3_store_large_object_chunk_size: PartSize = "10", restart,
            was ["DEFAULT/s3_store_large_object_chunk_size"];
        /// How many parts of an image are sent at the same time, as far as
        /// s3_store_upload_memory lets them.
        s3_store_thread_pools: NonZeroUsize = "10", restart, was ["DEFAULT/s3_store_thread_pools"];
        /// MiB that the parts of all uploads may hold together, besides one part for each upload.
        /// Not Glance's.
        s3_store_upload_memory: u32 = "30", restart;
        /// A file of certificates in PEM form that the server is checked against, instead of the
        /// system's.
        s3_store_cacert: Option<PathBuf> = unset, restart;
        /// Checksums besides MD5 that requests carry: when_required, or when_supported, which many
        /// servers other than Amazon's refuse. Not Glance's.
        s3_store_checksums: S3Checksums = "when_required", restart;
        /// Seconds in which the server must accept a connection, take more data, begin to answer,
        /// and send more. Not Glance's.
        s3_store_timeout: NonZeroU32 = "30", restart;
        /// Accepted for Glance's sake: no data is buffered in files.
        s3_store_object_buffer_dir: Option<PathBuf> = unset, restart,
            was ["DEFAULT/s3_store_object_buffer_dir"];
        /// Proxies. Not supported: the server is connected to directly.
        s3_store_enable_proxy: S3Proxy = "false", restart;
        /// Accepted for Glance's sake: see s3_store_enable_proxy.
        s3_store_proxy_host: Option<String> = unset, restart;
        /// Accepted for Glance's sake: see s3_store_enable_proxy.
        s3_store_proxy_port: u16 = "8080", restart;
        /// Accepted for Glance's sake: see s3_store_enable_proxy.
        s3_store_proxy_user: Option<String> = unset, restart;
        /// Accepted for Glance's sake: see s3_store_enable_proxy.
        s3_store_proxy_password: Option<Secret> = unset, restart;
    }
}

impl S3Config {
    /// The time in which the server must do its next step.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.s3_store_timeout.get().into())
    }
}

/// Where requests name the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BucketUrlFormat {
    /// As the host suggests.
    #[default]
    Auto,
    /// `http://bucket.host/object`.
    Virtual,
    /// `http://host/bucket/object`.
    Path,
}

impl OptionValue for BucketUrlFormat {
    const ACCEPTS: &'static str = "auto, virtual, path or subdomain, which is virtual";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "auto" => Ok(Self::Auto),
            "virtual" | "subdomain" => Ok(Self::Virtual),
            "path" => Ok(Self::Path),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let text = match self {
            Self::Auto => "auto",
            Self::Virtual => "virtual",
            Self::Path => "path",
        };
        vec![text.to_owned()]
    }
}

/// Mebibytes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSize(u32);

impl PartSize {
    /// Bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

impl Default for PartSize {
    fn default() -> Self {
        Self(10)
    }
}

impl OptionValue for PartSize {
    const ACCEPTS: &'static str = "an integer from 5 to 5120";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text.parse() {
            Ok(size @ 5..=5120) => Ok(Self(size)),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
}

/// When requests carry checksums besides MD5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum S3Checksums {
    /// Where the protocol demands one.
    #[default]
    WhenRequired,
    /// Wherever the protocol has one.
    WhenSupported,
}

impl OptionValue for S3Checksums {
    const ACCEPTS: &'static str = "when_required or when_supported";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match text {
            "when_required" => Ok(Self::WhenRequired),
            "when_supported" => Ok(Self::WhenSupported),
            _ => Err(None),
        }
    }

    fn shown(&self) -> Vec<String> {
        let text = match self {
            Self::WhenRequired => "when_required",
            Self::WhenSupported => "when_supported",
        };
        vec![text.to_owned()]
    }
}

/// Whether Glance would go through a proxy; here it has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct S3Proxy(bool);

impl OptionValue for S3Proxy {
    const ACCEPTS: &'static str = bool::ACCEPTS;

    fn parse(text: &str) -> Result<Self, Option<String>> {
        bool::parse(text).map(Self)
    }

    fn shown(&self) -> Vec<String> {
        self.0.shown()
    }

    fn remark(&self) -> Option<String> {
        let remark = "proxies are not supported; the server is connected to directly";
        self.0.then(|| remark.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_glances_defaults() {
        let config = S3Config::default();
        assert_eq!(config.s3_store_large_object_size.get(), 100);
        assert_eq!(config.s3_store_large_object_chunk_size.bytes(), 10 << 20);
        assert_eq!(config.s3_store_thread_pools.get(), 10);
        assert_eq!(config.s3_store_bucket_url_format, BucketUrlFormat::Auto);
        assert!(!config.s3_store_create_bucket_on_put);
        assert_eq!(config.s3_store_checksums, S3Checksums::WhenRequired);
    }

    #[test]
    fn refuses_parts_that_servers_refuse() {
        for text in ["4", "5121", "-1", "", "ten"] {
            assert!(PartSize::parse(text).is_err(), "{text}");
        }
        assert_eq!(PartSize::parse("5").unwrap().bytes(), 5 << 20);
    }

    #[test]
    fn knows_the_older_name_of_virtual() {
        let format = BucketUrlFormat::parse("subdomain").unwrap();
        assert_eq!(format, BucketUrlFormat::Virtual);
        assert_eq!(format.shown(), ["virtual"]);
    }

    #[test]
    fn says_that_proxies_have_no_effect() {
        assert!(S3Proxy::parse("true").unwrap().remark().is_some());
        assert!(S3Proxy::parse("false").unwrap().remark().is_none());
    }
}
