//! What is known of tokens, and who is asking about one right now.
//!
//! Tokens are kept as their SHA-256, never as text. Memory is bounded: what was not asked for
//! longest is forgotten first, and what is known of bad tokens cannot push out the good ones.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use tokio::sync::watch;

/// So many locks share the tokens between them.
const SHARDS: usize = 16;
/// Bytes of what is known of good tokens, in all of them.
const ROOM: usize = 64 << 20;
/// Bytes of what is known of bad ones.
const ROOM_FOR_BAD: usize = 8 << 20;
/// A bad token, or the frame around a good one, takes about so much.
const FRAME: usize = 128;
/// A token is remembered as bad for no longer: some clusters know a new one a moment too late.
const LONGEST_BAD: Duration = Duration::from_secs(30);

/// A token's hash.
pub(crate) type Key = [u8; 32];

/// The key of a token; those that may have expired are known apart.
pub(crate) fn key(token: &str, allow_expired: bool) -> Key {
    let mut context = Context::new(&SHA256);
    context.update(&[u8::from(allow_expired)]);
    context.update(token.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// It could not be found out whose the token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// What is to be thought of a token.
pub(crate) trait Verdict: Clone + fmt::Debug + Send + Sync + 'static {
    /// It is somebody's.
    fn is_good(&self) -> bool;

    /// About how many bytes there are to it.
    fn weight(&self) -> usize;
}

type Outcome<V> = Result<V, Unknown>;

/// The outcome of a question that somebody else asks.
#[derive(Debug)]
pub(crate) struct Waiting<V>(watch::Receiver<Option<Outcome<V>>>);

impl<V: Verdict> Waiting<V> {
    pub(crate) async fn outcome(mut self) -> Outcome<V> {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(Unknown)),
            // Whoever asked is gone.
            Err(_) => Err(Unknown),
        }
    }
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Found<V: Verdict> {
    /// This.
    Known(V),
    /// Somebody is asking.
    Asked(Waiting<V>),
    /// Nothing: the holder of the question has to ask; others wait for it.
    Nothing(Question<V>, Waiting<V>),
}

/// The right and the duty to ask about a token. Dropped, it leaves those who wait with [`Unknown`].
#[derive(Debug)]
pub(crate) struct Question<V: Verdict> {
    cache: Arc<TokenCache<V>>,
    key: Key,
    tell: watch::Sender<Option<Outcome<V>>>,
}

impl<V: Verdict> Question<V> {
    /// Tells everybody, and remembers a verdict for `lasting` at the most.
    pub(crate) fn answer(self, outcome: Outcome<V>, lasting: Duration) {
        if let Ok(verdict) = &outcome {
            self.cache.remember(self.key, verdict, lasting);
        }
        self.tell.send_replace(Some(outcome));
    }
}

impl<V: Verdict> Drop for Question<V> {
    fn drop(&mut self) {
        self.cache.shard(&self.key).questions.remove(&self.key);
    }
}

/// What is known of tokens.
#[derive(Debug)]
pub(crate) struct TokenCache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    /// How long a verdict is believed; none: not at all.
    believed: Option<Duration>,
}

#[derive(Debug)]
struct Shard<V> {
    good: Generations<V>,
    bad: Generations<V>,
    questions: HashMap<Key, watch::Receiver<Option<Outcome<V>>>>,
}

impl<V: Verdict> TokenCache<V> {
    pub(crate) fn new(believed: Option<Duration>) -> Arc<Self> {
        Arc::new(Self::with_room(
            believed,
            ROOM / SHARDS,
            ROOM_FOR_BAD / SHARDS,
        ))
    }

    fn with_room(believed: Option<Duration>, good: usize, bad: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                good: Generations::new(good),
                bad: Generations::new(bad),
                questions: HashMap::new(),
            })
        };
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            believed,
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard<V>> {
        // Nothing panics with the lock held, and what it guards is whole at any moment.
        self.shards[usize::from(key[0]) % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The verdict, if one is known.
    pub(crate) fn known(&self, key: &Key) -> Option<V> {
        self.shard(key).known(key)
    }

    /// The verdict, or how to come by it.
    pub(crate) fn look_up(self: &Arc<Self>, key: Key) -> Found<V> {
        let mut shard = self.shard(&key);
        if let Some(verdict) = shard.known(&key) {
            return Found::Known(verdict);
        }
        if let Some(asked) = shard.questions.get(&key) {
            return Found::Asked(Waiting(asked.clone()));
        }
        let (tell, told) = watch::channel(None);
        shard.questions.insert(key, told.clone());
        let cache = self.clone();
        Found::Nothing(Question { cache, key, tell }, Waiting(told))
    }

    fn remember(&self, key: Key, verdict: &V, lasting: Duration) {
        let Some(believed) = self.believed else {
            return;
        };
        let good = verdict.is_good();
        let time = match good {
            true => lasting.min(believed),
            false => LONGEST_BAD.min(believed),
        };
        if time.is_zero() {
            return;
        }
        let weight = FRAME + verdict.weight();
        let entry = Entry {
            verdict: verdict.clone(),
            until: Instant::now() + time,
            weight,
        };
        let mut shard = self.shard(&key);
        let generations = match good {
            true => &mut shard.good,
            false => &mut shard.bad,
        };
        let forgotten = generations.put(key, entry);
        // It may be large: others need the lock meanwhile.
        drop(shard);
        drop(forgotten);
    }
}

impl<V: Verdict> Shard<V> {
    fn known(&mut self, key: &Key) -> Option<V> {
        self.good.get(key).or_else(|| self.bad.get(key))
    }
}

#[derive(Debug)]
struct Entry<V> {
    verdict: V,
    until: Instant,
    weight: usize,
}

/// Two generations of entries. When the younger one is full, it takes the place of the older one;
/// whatever is asked for meanwhile becomes young again.
#[derive(Debug)]
struct Generations<V> {
    young: HashMap<Key, Entry<V>>,
    old: HashMap<Key, Entry<V>>,
    weight: usize,
    room: usize,
}

impl<V: Verdict> Generations<V> {
    /// `room`: bytes for both.
    fn new(room: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            room: room / 2,
        }
    }

    fn get(&mut self, key: &Key) -> Option<V> {
        let now = Instant::now();
        if let Some(entry) = self.young.get(key) {
            return (now < entry.until).then(|| entry.verdict.clone());
        }
        let entry = self.old.remove(key).filter(|entry| now < entry.until)?;
        let verdict = entry.verdict.clone();
        self.put(*key, entry);
        Some(verdict)
    }

    /// Gives what is forgotten for it.
    fn put(&mut self, key: Key, entry: Entry<V>) -> HashMap<Key, Entry<V>> {
        let mut forgotten = HashMap::new();
        if entry.weight > self.room {
            return forgotten;
        }
        if self.weight + entry.weight > self.room {
            forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.weight = 0;
        }
        self.weight += entry.weight;
        if let Some(before) = self.young.insert(key, entry) {
            self.weight -= before.weight;
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1000);

    const WEIGHT: usize = 400;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Word {
        Good,
        Bad,
    }

    impl Verdict for Word {
        fn is_good(&self) -> bool {
            *self == Self::Good
        }

        fn weight(&self) -> usize {
            match self {
                Self::Good => WEIGHT,
                Self::Bad => 0,
            }
        }
    }

    fn cache() -> Arc<TokenCache<Word>> {
        TokenCache::new(Some(Duration::from_secs(300)))
    }

    fn question(cache: &Arc<TokenCache<Word>>, token: &str) -> (Question<Word>, Waiting<Word>) {
        match cache.look_up(key(token, false)) {
            Found::Nothing(question, waiting) => (question, waiting),
            other => unreachable!("{other:?}"),
        }
    }

    fn good() -> Outcome<Word> {
        Ok(Word::Good)
    }

    #[tokio::test]
    async fn one_asks_and_all_are_told() {
        let cache = cache();
        let (question, first) = question(&cache, "t");
        let Found::Asked(second) = cache.look_up(key("t", false)) else {
            unreachable!("somebody asks");
        };
        drop(first);
        question.answer(good(), LONG);
        assert!(matches!(second.outcome().await, Ok(Word::Good)));
        assert!(matches!(
            cache.look_up(key("t", false)),
            Found::Known(Word::Good)
        ));
        assert!(cache.known(&key("t", true)).is_none());
    }

    #[tokio::test]
    async fn a_question_that_is_dropped_leaves_nobody_waiting() {
        let cache = cache();
        let (asked, waiting) = question(&cache, "t");
        drop(asked);
        assert!(matches!(waiting.outcome().await, Err(Unknown)));
        question(&cache, "t").0.answer(Err(Unknown), LONG);
        question(&cache, "t");
    }

    #[test]
    fn nothing_is_believed_past_its_time() {
        let cache = TokenCache::new(Some(Duration::from_millis(50)));
        question(&cache, "a").0.answer(good(), LONG);
        question(&cache, "b").0.answer(Ok(Word::Bad), LONG);
        question(&cache, "c").0.answer(good(), Duration::ZERO);
        assert!(cache.known(&key("a", false)).is_some());
        assert!(cache.known(&key("b", false)).is_some());
        assert!(cache.known(&key("c", false)).is_none());
        std::thread::sleep(Duration::from_millis(60));
        assert!(cache.known(&key("a", false)).is_none());
        assert!(cache.known(&key("b", false)).is_none());
        let without = TokenCache::new(None);
        question(&without, "a").0.answer(good(), LONG);
        assert!(without.known(&key("a", false)).is_none());
    }

    #[test]
    fn is_bounded_and_keeps_what_is_used() {
        let (room, weight) = (40 * 1024, FRAME + WEIGHT);
        let cache = Arc::new(TokenCache::with_room(Some(LONG), room, 10 * FRAME));
        question(&cache, "used").0.answer(good(), LONG);
        for number in 0..10_000 {
            let token = format!("t{number}");
            question(&cache, &token).0.answer(good(), LONG);
            assert!(cache.known(&key("used", false)).is_some(), "{number}");
        }
        for number in 0..10_000 {
            let token = format!("bad{number}");
            question(&cache, &token).0.answer(Ok(Word::Bad), LONG);
        }
        assert!(cache.known(&key("used", false)).is_some());
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            assert!((shard.good.young.len() + shard.good.old.len()) * weight <= room);
            assert!(shard.bad.young.len() + shard.bad.old.len() <= 10);
            assert!(shard.questions.is_empty());
        }
    }

    #[test]
    fn does_not_hold_the_token() {
        let cache = cache();
        question(&cache, "s3cret").0.answer(good(), LONG);
        assert!(!format!("{cache:?}").contains("s3cret"));
    }
}
