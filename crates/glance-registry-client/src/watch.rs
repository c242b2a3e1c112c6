//! Looks after the registries, so that calls need not find out which of them answers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::error::Failure;
use crate::transport::RegistryClient;

/// How often each is looked at, and how long it may take to answer.
const PERIOD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// What operators find in the paste files of Glance, and what our registry has by default.
const PATH: &str = "/healthcheck";

/// The longest answer that is read.
const ANSWER_LIMIT: usize = 64 * 1024;

impl RegistryClient {
    /// Asks every registry for its health, each second, for all clients that share them. One that
    /// gives no answer, or says that it is out of service, is left out. Runs until it is dropped;
    /// ends at once where there is no choice.
    pub async fn watch(&self) {
        let mut watches = JoinSet::new();
        if self.registries.are_several() {
            for (index, _) in self.registries.iter().enumerate() {
                watches.spawn(self.clone().watch_one(index));
            }
        }
        while watches.join_next().await.is_some() {}
    }

    async fn watch_one(self, index: usize) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(registry) = self.registries.get(index) {
            ticks.tick().await;
            let look = timeout(PATIENCE, self.look(index)).await;
            match look.unwrap_or(Err(Failure::Timeout(PATIENCE.as_secs()).into())) {
                Ok(()) => self.registries.returned(registry),
                Err(reason) => self.registries.left(registry, reason),
            }
        }
    }

    /// Whatever it says, it answers, unless it says 503 as for other load balancers.
    async fn look(&self, index: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (Some(registry), Some(channel)) =
            (self.registries.get(index), self.channels.get(index))
        else {
            return Ok(());
        };
        let url = format!("{}{PATH}", registry.address.base_url());
        let request = Request::get(url).body(Full::<Bytes>::default())?;
        let response = channel.request(request).await?;
        let status = response.status();
        // The connection is kept for the next time.
        let body = Limited::new(response.into_body(), ANSWER_LIMIT);
        body.collect().await?;
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Err(Failure::OutOfService.into()),
            _ => Ok(()),
        }
    }
}
