//! The data of a source, which goes on after a broken connection where it can.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::poll_immediate;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, IF_RANGE, RANGE};
use tokio::time::timeout;

use super::answer::Answer;
use super::client::HttpClient;
use super::error::SourceError;
use crate::data::{Batch, BatchStream};
use crate::error::StoreError;
use crate::guard::ExternalUrl;
use crate::net::pace::Pace;
use crate::net::pause::pause;
use crate::store::ByteRange;

/// One hop to another thread for at most about so many bytes.
const BATCH: usize = 256 * 1024;

/// Failures in a row after which a source is given up.
const FAILURES: u32 = 5;

/// So many good bytes make earlier failures forgotten.
const FORGIVEN: u64 = 8 << 20;

/// The time over which the minimum rate is measured.
const WINDOW: Duration = Duration::from_secs(30);

/// Data on its way. Memory: one batch, and what the connection reads ahead.
pub(super) struct Download {
    client: HttpClient,
    url: ExternalUrl,
    body: Incoming,
    /// What came out of the body beyond a full batch, or ended it.
    held: Option<Event>,
    /// Where the next byte of the body lies within the source, and where the body ends.
    offset: u64,
    answer_end: Option<u64>,
    /// First byte that was asked for, next byte to give, and the one after the last.
    start: u64,
    next: u64,
    end: Option<u64>,
    total: Option<u64>,
    validator: Option<HeaderValue>,
    failures: u32,
    since_failure: u64,
    pace: Pace,
}

enum Event {
    Data(Bytes),
    End,
    Failed(SourceError),
}

impl Download {
    /// Asks for all of the source or a part of it, several times if it has trouble. The data is as
    /// long as [`Download::size`] says, or it ends in an error.
    pub(super) async fn open(
        client: &HttpClient,
        url: &ExternalUrl,
        range: Option<ByteRange>,
        minimum_rate: u64,
    ) -> Result<Self, SourceError> {
        let start = range.map_or(0, |range| range.offset);
        let end = range.map(|range| range.offset.saturating_add(range.length));
        let mut attempt = 1;
        let answer = loop {
            match ask(client, url, range.is_some(), start, end, None).await {
                Err(error) if error.is_transient() && attempt < FAILURES => {
                    log::debug!("a source is asked again: {error}");
                    pause(attempt).await;
                    attempt += 1;
                }
                Err(SourceError::Status(416)) if range.is_some() => {
                    return Err(SourceError::OutOfRange);
                }
                outcome => break outcome?,
            }
        };
        if let (Some(end), Some(total)) = (end, answer.total)
            && end > total
        {
            return Err(SourceError::OutOfRange);
        }
        Ok(Self {
            client: client.clone(),
            url: url.clone(),
            body: answer.body,
            held: None,
            offset: answer.offset,
            answer_end: answer.end,
            start,
            next: start,
            end: end.or(answer.total),
            total: answer.total,
            validator: answer.validator,
            failures: 0,
            since_failure: 0,
            pace: Pace::new(minimum_rate, WINDOW.max(client.timeout())),
        })
    }

    /// Bytes that will come, if the source tells.
    pub(super) fn size(&self) -> Option<u64> {
        self.end.map(|end| end.saturating_sub(self.start))
    }

    /// Bytes of all of the source, if it tells.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// The data. After an error it is over.
    pub(super) fn into_stream(self) -> BatchStream {
        Box::pin(stream::unfold(Some(self), |download| async {
            let mut download = download?;
            match download.next_batch().await {
                Ok(Some(batch)) => Some((Ok(batch), Some(download))),
                Ok(None) => None,
                Err(error) => Some((Err(StoreError::from(error)), None)),
            }
        }))
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        loop {
            if self.end.is_some_and(|end| self.next >= end) {
                return Ok(None);
            }
            match self.read().await {
                // Nothing of it was asked for.
                Ok(Some(batch)) if batch.is_empty() => {}
                Ok(batch) => return Ok(batch),
                Err(error) => self.resume(error).await?,
            }
        }
    }

    /// What is there, waiting for some of it if need be. None at the end of the data.
    async fn read(&mut self) -> Result<Option<Batch>, SourceError> {
        let mut batch = Batch::new();
        let mut filled = 0;
        let mut event = match self.held.take() {
            Some(event) => event,
            None => {
                let begun = Instant::now();
                let event = timeout(self.client.timeout(), event(&mut self.body)).await;
                let event = event.map_err(|_| SourceError::Silent)?;
                self.count(&event, begun.elapsed())?;
                event
            }
        };
        loop {
            let bytes = match event {
                Event::Data(bytes) => bytes,
                other if !batch.is_empty() => {
                    self.held = Some(other);
                    return Ok(Some(batch));
                }
                Event::End if self.end.is_some() => return Err(SourceError::Short),
                Event::End => return Ok(None),
                Event::Failed(error) => return Err(error),
            };
            let wanted = self.take(bytes)?;
            filled += wanted.len();
            if !wanted.is_empty() {
                batch.push(wanted);
            }
            if filled >= BATCH {
                return Ok(Some(batch));
            }
            match poll_immediate(self::event(&mut self.body)).await {
                Some(more) => {
                    self.count(&more, Duration::ZERO)?;
                    event = more;
                }
                None => return Ok(Some(batch)),
            }
        }
    }

    fn count(&mut self, event: &Event, waited: Duration) -> Result<(), SourceError> {
        let keeps_up = self.pace.keeps_up(length(event), waited);
        keeps_up.then_some(()).ok_or(SourceError::TooSlow)
    }

    /// The part of what came that was asked for and is not there yet.
    fn take(&mut self, mut bytes: Bytes) -> Result<Bytes, SourceError> {
        let begin = self.offset;
        self.offset += bytes.len() as u64;
        if self.answer_end.is_some_and(|end| self.offset > end) {
            return Err(SourceError::Changed);
        }
        if begin < self.next {
            // A source that does not give parts sends again what is there already.
            let known = usize::try_from(self.next - begin).unwrap_or(usize::MAX);
            bytes = bytes.split_off(known.min(bytes.len()));
        }
        if let Some(end) = self.end {
            let room = usize::try_from(end.saturating_sub(self.next)).unwrap_or(usize::MAX);
            bytes.truncate(room);
        }
        self.next += bytes.len() as u64;
        self.since_failure += bytes.len() as u64;
        Ok(bytes)
    }

    /// Goes on where the data broke off, if it can be known that it is still the same.
    async fn resume(&mut self, cause: SourceError) -> Result<(), SourceError> {
        let mut cause = cause;
        if self.since_failure >= FORGIVEN {
            self.failures = 0;
        }
        self.since_failure = 0;
        loop {
            let begun = self.next > self.start;
            if !cause.is_transient()
                || self.failures >= FAILURES
                || (begun && self.validator.is_none())
            {
                return Err(cause);
            }
            self.failures += 1;
            log::info!("a source is asked to go on at byte {}: {cause}", self.next);
            pause(self.failures).await;
            match self.reopen(begun).await {
                Ok(()) => return Ok(()),
                Err(error) => cause = error,
            }
        }
    }

    async fn reopen(&mut self, begun: bool) -> Result<(), SourceError> {
        let known = self.validator.clone().filter(|_| begun);
        let ranged = self.next > 0 || self.end != self.total;
        let (url, next, end) = (&self.url, self.next, self.end);
        let answer = ask(&self.client, url, ranged, next, end, known.clone()).await?;
        let same_version = known.is_none() || known == answer.validator;
        let same_size = self.total.is_none() || self.total == answer.total;
        if !same_version || !same_size {
            return Err(SourceError::Changed);
        }
        self.total = answer.total;
        self.end = self.end.or(answer.total);
        self.validator = answer.validator;
        self.body = answer.body;
        self.held = None;
        self.offset = answer.offset;
        self.answer_end = answer.end;
        Ok(())
    }
}

/// Asks for the data from `start` on, `ranged` if not for all of it.
async fn ask(
    client: &HttpClient,
    url: &ExternalUrl,
    ranged: bool,
    start: u64,
    end: Option<u64>,
    validator: Option<HeaderValue>,
) -> Result<Answer, SourceError> {
    let mut headers = HeaderMap::new();
    if ranged {
        let last = end
            .map(|end| end.saturating_sub(1).to_string())
            .unwrap_or_default();
        let range = HeaderValue::try_from(format!("bytes={start}-{last}"));
        headers.insert(
            RANGE,
            range.map_err(|_| SourceError::Unusable("a part has no place"))?,
        );
        headers.extend(validator.map(|validator| (IF_RANGE, validator)));
    }
    Answer::read(
        client.send(&Method::GET, url, &headers).await?,
        ranged,
        start,
        end,
    )
}

/// What comes next out of a body.
async fn event(body: &mut Incoming) -> Event {
    loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Event::Data(bytes);
                }
            }
            Some(Err(error)) => return Event::Failed(SourceError::Broken(error)),
            None => return Event::End,
        }
    }
}

fn length(event: &Event) -> u64 {
    match event {
        Event::Data(bytes) => bytes.len() as u64,
        Event::End | Event::Failed(_) => 0,
    }
}
