//! One object of a bucket, and what its server tells of it.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ServerSideEncryption;

use super::etag;
use super::failure::S3Error;

/// The name under which an object carries the mark of the upload that made it.
pub(super) const MARK: &str = "glance-upload";

/// Where an object is, or could be.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) key: String,
    /// How long its server may take for each step.
    pub(super) patience: Duration,
}

/// An object that is there.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    /// Its entity tag, unless the server encrypts in a way in which that says nothing of the data.
    pub(super) tag: Option<String>,
    /// Which upload made it.
    pub(super) mark: Option<String>,
}

impl Object {
    /// What is there, if anything.
    pub(super) async fn head(&self) -> Result<Option<Head>, S3Error> {
        let request = self.client.head_object();
        let answer = request.bucket(&self.bucket).key(&self.key).send().await;
        match answer.map_err(|error| S3Error::new("HeadObject", error)) {
            Ok(answer) => Head::read(&answer).map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes it, if it is there.
    pub(super) async fn delete(&self) -> Result<(), S3Error> {
        let request = self.client.delete_object();
        let answer = request.bucket(&self.bucket).key(&self.key).send().await;
        match answer.map_err(|error| S3Error::new("DeleteObject", error)) {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").finish_non_exhaustive()
    }
}

impl Head {
    fn read(answer: &HeadObjectOutput) -> Result<Self, S3Error> {
        let size = answer
            .content_length()
            .and_then(|size| size.try_into().ok());
        let telling = tells(
            answer.server_side_encryption(),
            answer.sse_customer_algorithm(),
        );
        Ok(Self {
            size: size.ok_or(S3Error::Wrong("an object has no length"))?,
            tag: answer.e_tag().filter(|_| telling).map(str::to_owned),
            mark: answer.metadata().and_then(|all| all.get(MARK)).cloned(),
        })
    }

    /// Whether the upload with this mark made it, as far as its server lets us know: where no marks
    /// are kept, we believe the server's success.
    pub(super) fn is_of(&self, mark: &str) -> bool {
        self.mark.as_deref().is_none_or(|found| found == mark)
    }

    /// The MD5 of the data, where the tag is that.
    pub(super) fn md5(&self) -> Option<String> {
        self.tag.as_deref().and_then(etag::md5)
    }
}

/// Whether entity tags under this encryption are made of the data's MD5.
pub(super) fn tells(server: Option<&ServerSideEncryption>, customer: Option<&str>) -> bool {
    customer.is_none() && matches!(server, None | Some(ServerSideEncryption::Aes256))
}
