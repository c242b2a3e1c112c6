//! The body of an answer as image data: as long as it must be, and going on after a break.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::poll_immediate;
use futures_util::{StreamExt, stream};
use http_body_util::BodyStream;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::pace::Pace;
use super::pause::pause;
use crate::data::{Batch, BatchStream};
use crate::error::StoreError;

/// One hop to another thread for at most about so many bytes.
const BATCH: usize = 256 * 1024;

/// Bytes that a server must send in a second, over the time in which it may be silent; only time
/// spent waiting for it counts.
const MINIMUM_RATE: u64 = 1024;

/// Bytes as they come from a server.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The bytes of an answer's body.
pub(crate) fn incoming(body: Incoming) -> ByteStream {
    let frames = BodyStream::new(body);
    Box::pin(frames.filter_map(|frame| async {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(io::Error::other(error))),
        }
    }))
}

/// How a broken transfer goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endurance {
    /// How long a server may be silent.
    pub(crate) patience: Duration,
    /// How many breaks are borne, the good bytes between them whatever.
    pub(crate) retries: u32,
}

impl Endurance {
    fn pace(self) -> Pace {
        Pace::new(MINIMUM_RATE, self.patience)
    }
}

/// Exactly `length` bytes, which begin with `first`. When that breaks off, `reopen` is asked for the
/// rest after so many bytes; it must see to it that it is the rest of the same data.
///
/// What is shorter or longer ends in an error, and the last batch is given only when it is known
/// that nothing follows it. Memory: one batch, and what the connection reads ahead.
pub(crate) fn resuming<R, F>(
    first: ByteStream,
    length: u64,
    endurance: Endurance,
    reopen: R,
) -> BatchStream
where
    R: Fn(u64) -> F + Send + Sync + 'static,
    F: Future<Output = Result<ByteStream, StoreError>> + Send,
{
    let reading = Reading {
        body: first,
        held: None,
        length,
        received: 0,
        breaks: 0,
        endurance,
        pace: endurance.pace(),
        reopen,
    };
    Box::pin(stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        match reading.next_batch().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(reading))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct Reading<R> {
    body: ByteStream,
    /// What came beyond a full batch, or ended it.
    held: Option<Option<io::Result<Bytes>>>,
    length: u64,
    received: u64,
    breaks: u32,
    endurance: Endurance,
    pace: Pace,
    reopen: R,
}

impl<R, F> Reading<R>
where
    R: Fn(u64) -> F + Send + Sync,
    F: Future<Output = Result<ByteStream, StoreError>> + Send,
{
    async fn next_batch(&mut self) -> Result<Option<Batch>, StoreError> {
        let mut batch = Batch::new();
        let mut filled = 0;
        loop {
            let complete = self.received == self.length;
            let item = match self.held.take() {
                Some(item) => item,
                None if batch.is_empty() || complete => self.wait().await,
                // Whatever is there already comes along.
                None => match poll_immediate(self.body.next()).await {
                    Some(item) => {
                        self.pace.keeps_up(length(&item), Duration::ZERO);
                        item
                    }
                    None => return Ok(Some(batch)),
                },
            };
            match item {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(_)) if complete => {
                    return Err(broken("the server sent more than it announced"));
                }
                Some(Ok(bytes)) => {
                    self.received += bytes.len() as u64;
                    if self.received > self.length {
                        return Err(broken("the server sent more than it announced"));
                    }
                    filled += bytes.len();
                    batch.push(bytes);
                    if filled >= BATCH && self.received < self.length {
                        return Ok(Some(batch));
                    }
                }
                None if complete => return Ok((!batch.is_empty()).then_some(batch)),
                failed if !batch.is_empty() && !complete => {
                    self.held = Some(failed);
                    return Ok(Some(batch));
                }
                // The bytes are all there: how the connection ended is of no matter.
                Some(Err(_)) if complete => return Ok((!batch.is_empty()).then_some(batch)),
                Some(Err(error)) => self.resume(error).await?,
                None => {
                    let short = "the server sent less than it announced";
                    self.resume(io::Error::new(io::ErrorKind::UnexpectedEof, short))
                        .await?;
                }
            }
        }
    }

    async fn wait(&mut self) -> Option<io::Result<Bytes>> {
        let slow = |what| Some(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
        let begun = Instant::now();
        match timeout(self.endurance.patience, self.body.next()).await {
            Err(_) => slow("the server is silent for too long"),
            Ok(item) if !self.pace.keeps_up(length(&item), begun.elapsed()) => {
                slow("the server sends too slowly")
            }
            Ok(item) => item,
        }
    }

    async fn resume(&mut self, cause: io::Error) -> Result<(), StoreError> {
        let mut cause = StoreError::Unavailable(cause);
        while self.breaks < self.endurance.retries {
            self.breaks += 1;
            log::info!("a transfer goes on at byte {}: {cause}", self.received);
            pause(self.breaks).await;
            match (self.reopen)(self.received).await {
                Ok(body) => {
                    self.body = body;
                    self.pace = self.endurance.pace();
                    return Ok(());
                }
                Err(error @ StoreError::Unavailable(_)) => cause = error,
                Err(error) => return Err(error),
            }
        }
        Err(cause)
    }
}

fn length(item: &Option<io::Result<Bytes>>) -> u64 {
    match item {
        Some(Ok(bytes)) => bytes.len() as u64,
        _ => 0,
    }
}

fn broken(what: &'static str) -> StoreError {
    StoreError::Unavailable(io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    const PATIENCE: Endurance = Endurance {
        patience: Duration::from_millis(200),
        retries: 2,
    };

    fn body(items: Vec<io::Result<&'static [u8]>>) -> ByteStream {
        let items = items.into_iter().map(|item| item.map(Bytes::from_static));
        Box::pin(stream::iter(items.collect::<Vec<_>>()))
    }

    fn reset() -> io::Error {
        io::ErrorKind::ConnectionReset.into()
    }

    async fn never(_: u64) -> Result<ByteStream, StoreError> {
        panic!("it must not be asked again")
    }

    async fn collect(stream: BatchStream) -> Result<Vec<u8>, StoreError> {
        let batches: Vec<Batch> = stream.try_collect().await?;
        Ok(batches.concat().concat())
    }

    #[tokio::test]
    async fn gives_what_comes() {
        let whole = resuming(
            body(vec![Ok(b"abc"), Ok(b""), Ok(b"de")]),
            5,
            PATIENCE,
            never,
        );
        assert_eq!(collect(whole).await.unwrap(), b"abcde");
        assert_eq!(
            collect(resuming(body(vec![]), 0, PATIENCE, never))
                .await
                .unwrap(),
            b""
        );
    }

    #[tokio::test]
    async fn never_gives_the_whole_of_what_is_longer() {
        for items in [vec![Ok(&b"abcd"[..])], vec![Ok(&b"abc"[..]), Ok(b"d")]] {
            let mut stream = resuming(body(items), 3, PATIENCE, never);
            let mut got = 0;
            let error = loop {
                match stream.next().await.unwrap() {
                    Ok(batch) => got += batch.concat().len(),
                    Err(error) => break error,
                }
            };
            assert!(
                got < 3 && matches!(error, StoreError::Unavailable(_)),
                "{got} {error:?}"
            );
        }
    }

    #[tokio::test]
    async fn goes_on_where_it_broke_off() {
        let first = body(vec![Ok(b"ab"), Err(reset())]);
        let again = |done| async move {
            let rest: ByteStream = match done {
                2 => body(vec![Ok(b"c")]),
                3 => body(vec![Ok(b"de")]),
                other => panic!("{other}"),
            };
            Ok(rest)
        };
        let stream = resuming(first, 5, PATIENCE, again);
        assert_eq!(collect(stream).await.unwrap(), b"abcde");
    }

    #[tokio::test]
    async fn gives_up_in_the_end() {
        let again = |_| async { Ok(body(vec![Err(reset())])) };
        let stream = resuming(body(vec![Ok(b"ab")]), 5, PATIENCE, again);
        assert!(matches!(
            collect(stream).await,
            Err(StoreError::Unavailable(_))
        ));
        let gone = |_| async { Err(StoreError::NotFound) };
        let stream = resuming(body(vec![Ok(b"ab")]), 5, PATIENCE, gone);
        assert!(matches!(collect(stream).await, Err(StoreError::NotFound)));
    }

    fn drip(every: Duration) -> ByteStream {
        Box::pin(stream::unfold((), move |()| async move {
            tokio::time::sleep(every).await;
            Some((Ok(Bytes::from_static(b"d")), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn what_drips_is_a_break() {
        const EVERY: Duration = Duration::from_millis(50);
        let (begun, patience) = (Instant::now(), Duration::from_secs(10));
        let endurance = Endurance {
            patience,
            ..PATIENCE
        };
        let again = |_| async { Ok(drip(EVERY)) };
        let error = collect(resuming(drip(EVERY), 1 << 30, endurance, again)).await;
        let error = glance_config::chain(&error.unwrap_err());
        assert!(error.contains("too slowly"), "{error}");
        assert!(begun.elapsed() < 4 * patience);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_slow_reader_is_not_the_servers() {
        let pieces = (0..2_000).map(|_| Ok(&[7; 100][..])).collect();
        let mut stream = resuming(body(pieces), 200_000, PATIENCE, never);
        let mut got = 0;
        while let Some(batch) = stream.next().await {
            got += batch.unwrap().concat().len();
            tokio::time::sleep(10 * PATIENCE.patience).await;
        }
        assert_eq!(got, 200_000);
    }

    #[tokio::test]
    async fn silence_is_a_break() {
        let silent: ByteStream = Box::pin(stream::pending());
        let again = |_| async { Ok(body(vec![Ok(b"abc")])) };
        assert_eq!(
            collect(resuming(silent, 3, PATIENCE, again)).await.unwrap(),
            b"abc"
        );
    }
}
