//! The registries that there are, what is known of each, and which is asked next.
//!
//! One value for all clients of a process: it is made of atomic numbers, and choosing takes no lock.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use glance_metrics::{Counter, Outcome};

use crate::address::Address;

/// A registry that could not be reached is left out for so long, unless its health check passes.
const AWAY: Duration = Duration::from_secs(5);

/// A registry that was not able to answer a call comes after the others for so long.
const ASIDE: Duration = Duration::from_secs(2);

/// The registries of a cloud, which share a database.
#[derive(Debug)]
pub struct Registries {
    all: Vec<Registry>,
    turn: AtomicUsize,
    since: Instant,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) address: Address,
    /// Its address as operators write it.
    pub(crate) name: String,
    /// Milliseconds, since all began, until which nobody should ask it; 0: it answers.
    away: AtomicU64,
    /// Likewise, until which others should be asked first.
    aside: AtomicU64,
    /// Calls that wait for its answer.
    running: AtomicI64,
    ended: [Counter; Outcome::ALL.len()],
    /// Calls that it did not answer and another one got.
    passed_on: Counter,
}

/// Those that a call was sent to already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried(u64);

/// A call that runs. Dropped without [`Attempt::end`], it counts as given up.
pub(crate) struct Attempt<'a> {
    registry: &'a Registry,
    outcome: Outcome,
}

impl Registries {
    /// At least one, or every call fails; none after the 64th is asked.
    pub fn new(addresses: Vec<Address>) -> Self {
        let registry = |address: Address| Registry {
            name: address.to_string(),
            address,
            away: AtomicU64::new(0),
            aside: AtomicU64::new(0),
            running: AtomicI64::new(0),
            ended: [const { Counter::new() }; Outcome::ALL.len()],
            passed_on: Counter::new(),
        };
        let addresses = addresses.into_iter().take(64);
        Self {
            all: addresses.map(registry).collect(),
            turn: AtomicUsize::new(0),
            since: Instant::now(),
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Registry> {
        self.all.iter()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Registry> {
        self.all.get(index)
    }

    /// Whether there is a choice at all.
    pub(crate) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The one to ask, none if all were `tried`: one that answers, before one that was not able to
    /// lately, before one that is away; among equals, the one with the fewest calls; among these,
    /// each in turn.
    pub(crate) fn choose(&self, tried: Tried) -> Option<usize> {
        if !self.are_several() {
            return (!self.all.is_empty() && !tried.has(0)).then_some(0);
        }
        self.choose_at(tried, self.now())
    }

    fn choose_at(&self, tried: Tried, now: u64) -> Option<usize> {
        let (turn, count) = (self.turn.fetch_add(1, Relaxed), self.all.len());
        let in_turn = (0..count).map(|step| turn.wrapping_add(step) % count);
        in_turn
            .filter(|index| !tried.has(*index))
            .min_by_key(|index| self.all[*index].reluctance(now))
    }

    /// Whether one that was not `tried` answers.
    pub(crate) fn another_answers(&self, tried: Tried) -> bool {
        let now = self.now();
        let mut rest = self.all.iter().enumerate();
        rest.any(|(index, registry)| !tried.has(index) && !registry.is_away(now))
    }

    /// Whether this one is known not to answer.
    pub(crate) fn is_away(&self, registry: &Registry) -> bool {
        registry.is_away(self.now())
    }

    /// This one cannot be reached: the others are asked until it answers again.
    pub(crate) fn left(&self, registry: &Registry, reason: impl fmt::Display) {
        if !self.are_several() {
            return;
        }
        let now = self.now();
        let before = registry.away.swap(now + millis(AWAY), Relaxed);
        if before <= now {
            let name = &registry.name;
            log::warn!("the registry {name} is left out until it answers: {reason}");
        }
    }

    /// This one answers.
    pub(crate) fn returned(&self, registry: &Registry) {
        if registry.away.swap(0, Relaxed) > 0 {
            log::info!("the registry {} answers again", registry.name);
        }
    }

    /// This one was not able to answer a call, which says little about the next.
    pub(crate) fn stumbled(&self, registry: &Registry) {
        if self.are_several() {
            let until = self.now() + millis(ASIDE);
            registry.aside.store(until, Relaxed);
        }
    }

    fn now(&self) -> u64 {
        millis(self.since.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Registry {
    fn is_away(&self, now: u64) -> bool {
        self.away.load(Relaxed) > now
    }

    /// The one with the least is asked.
    fn reluctance(&self, now: u64) -> (bool, bool, i64) {
        let aside = self.aside.load(Relaxed) > now;
        (self.is_away(now), aside, self.running.load(Relaxed))
    }

    /// A call begins.
    pub(crate) fn begin(&self) -> Attempt<'_> {
        self.running.fetch_add(1, Relaxed);
        Attempt {
            registry: self,
            outcome: Outcome::Dropped,
        }
    }

    /// Another one gets a call that was this one's.
    pub(crate) fn passes_on(&self) {
        self.passed_on.add(1);
    }

    /// Calls that wait for its answer.
    pub(crate) fn running(&self) -> i64 {
        self.running.load(Relaxed)
    }

    /// How many calls ended so.
    pub(crate) fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize].get()
    }

    /// How many calls another one got.
    pub(crate) fn passed_on(&self) -> u64 {
        self.passed_on.get()
    }
}

impl Tried {
    pub(crate) fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    #[must_use]
    pub(crate) fn and(self, index: usize) -> Self {
        Self(self.0 | (1 << index))
    }

    #[must_use]
    pub(crate) fn without(self, index: usize) -> Self {
        Self(self.0 & !(1 << index))
    }
}

impl Attempt<'_> {
    /// The call has ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.registry.running.fetch_sub(1, Relaxed);
        self.registry.ended[self.outcome as usize].add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registries(count: usize) -> Registries {
        let url = |number| Address::Url(format!("http://registry{number}:9191"));
        Registries::new((0..count).map(url).collect())
    }

    #[test]
    fn asks_each_in_turn() {
        let all = registries(3);
        let chosen: Vec<_> = (0..6).map(|_| all.choose(Tried::default())).collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2].map(Some));
    }

    #[test]
    fn asks_the_one_with_the_fewest_calls() {
        let all = registries(3);
        let _busy = [all.all[0].begin(), all.all[0].begin(), all.all[2].begin()];
        for _ in 0..3 {
            assert_eq!(all.choose(Tried::default()), Some(1));
        }
        assert_eq!(all.choose(Tried::default().and(1)), Some(2));
    }

    #[test]
    fn leaves_out_who_is_away_until_he_is_back() {
        let all = registries(2);
        all.left(&all.all[0], "gone");
        let _busy = all.all[1].begin();
        for _ in 0..2 {
            assert_eq!(all.choose(Tried::default()), Some(1));
        }
        assert!(all.another_answers(Tried::default().and(0)));
        assert!(!all.another_answers(Tried::default().and(1)));
        // Somebody must be asked.
        assert_eq!(all.choose(Tried::default().and(1)), Some(0));
        all.returned(&all.all[0]);
        assert_eq!(all.choose(Tried::default()), Some(0));
    }

    #[test]
    fn an_absence_that_nobody_renews_ends() {
        let all = registries(2);
        all.left(&all.all[0], "gone");
        let _busy = all.all[1].begin();
        let later = all.now() + millis(AWAY) + 1;
        assert_eq!(all.choose_at(Tried::default(), later), Some(0));
    }

    #[test]
    fn who_stumbled_comes_after_the_others_and_before_who_is_away() {
        let all = registries(3);
        all.left(&all.all[0], "gone");
        all.stumbled(&all.all[1]);
        for _ in 0..3 {
            assert_eq!(all.choose(Tried::default()), Some(2));
            assert_eq!(all.choose(Tried::default().and(2)), Some(1));
        }
        let later = all.now() + millis(ASIDE) + 1;
        let _busy = all.all[2].begin();
        assert_eq!(all.choose_at(Tried::default(), later), Some(1));
    }

    #[test]
    fn the_only_one_is_always_asked() {
        let all = registries(1);
        all.left(&all.all[0], "gone");
        assert_eq!(all.choose(Tried::default()), Some(0));
        assert_eq!(all.choose(Tried::default().and(0)), None);
        assert_eq!(registries(0).choose(Tried::default()), None);
    }
}
