//! Data gets its name in a task of its own, so that a caller who leaves cannot leave it half-named.

use std::future::Future;
use std::io;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Handle;

use super::attempt::Attempt;
use super::cloud::{Cloud, Publishing};
use super::error::{is_lost, unavailable};
use super::token::Token;
use super::transport::ServerMd5;
use super::upload::supersede;
use crate::error::StoreError;
use crate::net::pause::pause;

/// How often a step is tried whose answer gets lost.
const ATTEMPTS: u32 = 3;

/// Runs `work` to its end even if nobody waits for it.
pub(super) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable(io::Error::other(error))))
}

/// Data that has its name. Unless it is kept, it is taken back.
pub(super) struct Published {
    cloud: Arc<Cloud>,
    object: Path,
    token: Token,
    checksum: Option<String>,
    attempt: Arc<Attempt>,
    runtime: Handle,
    kept: bool,
}

impl Published {
    pub(super) fn new(
        cloud: Arc<Cloud>,
        object: Path,
        token: Token,
        attempt: Arc<Attempt>,
    ) -> Self {
        Self {
            cloud,
            object,
            token,
            checksum: None,
            attempt,
            runtime: Handle::current(),
            kept: false,
        }
    }

    /// Somebody waits for it. Gives the server's MD5, if it told one.
    pub(super) fn keep(mut self) -> Option<String> {
        self.kept = true;
        self.checksum.take()
    }

    /// It was not published, after all; or nobody knows, and it is taken back if it was.
    pub(super) fn failed(mut self, error: StoreError) -> StoreError {
        self.kept = !matches!(error, StoreError::Unavailable(_));
        error
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let cloud = Arc::clone(&self.cloud);
        let (object, token) = (self.object.clone(), self.token.clone());
        let attempt = self.attempt.clone();
        self.runtime.spawn(async move {
            cloud.take_back(&object, &token).await;
            drop(attempt);
        });
    }
}

/// Publishes `payload` as `object`, if there is nothing.
pub(super) async fn small(
    cloud: Arc<Cloud>,
    object: Path,
    payload: PutPayload,
    attempt: Arc<Attempt>,
) -> Result<Published, StoreError> {
    let token = Token::new()?;
    let mut published = Published::new(cloud.clone(), object.clone(), token.clone(), attempt);
    let put = || {
        trying(&cloud, &object, &token, || async {
            let options = PutOptions {
                mode: PutMode::Create,
                attributes: token.attributes(),
                ..PutOptions::default()
            };
            let put = cloud.client.put_opts(&object, payload.clone(), options);
            let md5 = put.await?.extensions.get::<ServerMd5>().copied();
            Ok(md5.map(|md5| md5.0.to_string()))
        })
    };
    let mut checksum = put().await;
    if matches!(checksum, Err(StoreError::Duplicate)) && has_only_parts(&cloud, &object).await {
        checksum = match supersede(&cloud, &object).await {
            Ok(()) => put().await,
            Err(error) => Err(error),
        };
    }
    match checksum {
        Ok(checksum) => {
            published.checksum = checksum.flatten();
            Ok(published)
        }
        Err(error) => Err(published.failed(error)),
    }
}

/// Whether a name is taken that nobody finds. A part that arrives after its upload was given up
/// makes such a name; Azure itself takes it for free, Azurite does not.
async fn has_only_parts(cloud: &Cloud, object: &Path) -> bool {
    cloud.publishing == Publishing::CreateOnly
        && matches!(cloud.head(object).await, Err(StoreError::NotFound))
}

/// Takes a step that publishes `object` if there is nothing. If its answer is lost, it is looked up
/// what the step did; if it did nothing, it is taken again. None where only that tells of success.
pub(super) async fn trying<T, F>(
    cloud: &Cloud,
    object: &Path,
    token: &Token,
    step: impl Fn() -> F,
) -> Result<Option<T>, StoreError>
where
    F: Future<Output = object_store::Result<T>>,
{
    for attempt in 1.. {
        let error = match step().await {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        match cloud.settle(object, token, &error).await {
            Ok(()) => return Ok(None),
            Err(StoreError::Unavailable(_)) if is_lost(&error) && attempt < ATTEMPTS => {
                pause(attempt).await;
            }
            Err(error) => return Err(error),
        }
    }
    Err(unavailable("it was tried too often"))
}

/// Copies `from`, which is whole, to `object`, if there is nothing.
pub(super) async fn copied(
    cloud: Arc<Cloud>,
    from: &Path,
    object: Path,
    token: Token,
    attempt: Arc<Attempt>,
) -> Result<Published, StoreError> {
    let published = Published::new(cloud.clone(), object.clone(), token.clone(), attempt);
    let copied = trying(&cloud, &object, &token, || {
        cloud.client.copy_if_not_exists(from, &object)
    });
    match copied.await {
        Ok(_) => Ok(published),
        Err(error) => Err(published.failed(error)),
    }
}

/// The size that the server kept must be the one it was sent.
pub(super) async fn check_size(cloud: &Cloud, object: &Path, size: u64) -> Result<(), StoreError> {
    let kept = cloud.head(object).await?.size;
    if kept == size {
        return Ok(());
    }
    log::error!("store {}: of {size} bytes it kept {kept}", cloud.name);
    Err(unavailable("the server kept another size than it was sent"))
}
