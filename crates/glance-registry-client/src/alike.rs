//! Reads that ask the same at the same time, and share an answer.
//!
//! Many clients of one tenant look for the same at the same moment. While one of their calls is under way,
//! those that come meanwhile wait for it to end; then one of them is made, and all that waited have its
//! answer. A call is never given an answer that was asked for before it came, so whatever was acknowledged
//! before it came is in there, as if it had been made alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use glance_core::identity::Identity;
use glance_metrics::Counter;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Calls that were given the answer to another one.
pub(crate) static SHARED: Counter = Counter::new();

/// What calls that are alike have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Who asks, with his token.
    pub(crate) identity: Identity,
    /// Path and query.
    pub(crate) target: String,
    /// What headers of the call's own say.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The questions that are being asked.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    /// With those that wait for the call that is under way to end.
    asked: Mutex<HashMap<Arc<Question>, Vec<Waiting>>>,
}

type Waiting = oneshot::Sender<Turn>;

/// What somebody who waited is told.
#[derive(Debug)]
enum Turn {
    /// The answer to a call that began after he came.
    Answer(Bytes),
    /// He makes the next call.
    Lead(Lead),
}

/// The right to ask, and who gets the answer besides. When it is dropped, the next one has it.
#[derive(Debug)]
struct Lead {
    alike: Arc<Alike>,
    question: Arc<Question>,
    others: Vec<Waiting>,
}

impl Alike {
    /// The answer of `call` or of one like it. Nobody waits for others longer than `patience`, nor is a
    /// failure shared: then everybody's own call tells.
    pub(crate) async fn ask<E>(
        self: &Arc<Self>,
        question: Question,
        patience: Duration,
        call: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        let lead = match self.join(question) {
            Ok(lead) => Some(lead),
            Err(turn) => match timeout(patience, turn).await {
                Ok(Ok(Turn::Answer(answer))) => {
                    SHARED.add(1);
                    return Ok(answer);
                }
                Ok(Ok(Turn::Lead(lead))) => Some(lead),
                Ok(Err(_)) | Err(_) => None,
            },
        };
        let answer = call.await;
        if let Some(lead) = lead {
            lead.end(answer.as_ref().ok());
        }
        answer
    }

    /// The right to ask, or where to wait.
    fn join(self: &Arc<Self>, question: Question) -> Result<Lead, oneshot::Receiver<Turn>> {
        match self.lock().entry(Arc::new(question)) {
            Entry::Vacant(vacant) => {
                let question = Arc::clone(vacant.key());
                vacant.insert(Vec::new());
                Ok(self.lead(question, Vec::new()))
            }
            Entry::Occupied(mut asked) => {
                let (waiting, turn) = oneshot::channel();
                asked.get_mut().push(waiting);
                Err(turn)
            }
        }
    }

    fn lead(self: &Arc<Self>, question: Arc<Question>, others: Vec<Waiting>) -> Lead {
        Lead {
            alike: Arc::clone(self),
            question,
            others,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Question>, Vec<Waiting>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Gives the others the answer, or lets them ask for themselves.
    fn end(mut self, answer: Option<&Bytes>) {
        for other in self.others.drain(..) {
            if let Some(answer) = answer {
                // Whoever hung up needs none.
                let _ = other.send(Turn::Answer(answer.clone()));
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // Those that this one has left without a word come before those that came meanwhile.
        let mut waiting = mem::take(&mut self.others);
        let mut asked = self.alike.lock();
        waiting.extend(
            asked
                .get_mut(&self.question)
                .map(mem::take)
                .into_iter()
                .flatten(),
        );
        waiting.retain(|one| !one.is_closed());
        if waiting.is_empty() {
            asked.remove(&self.question);
            return;
        }
        drop(asked);
        let next = waiting.swap_remove(0);
        let lead = self.alike.lead(Arc::clone(&self.question), waiting);
        // Should he hang up in this moment, it is dropped, and the next one has it.
        let _ = next.send(Turn::Lead(lead));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::sync::Semaphore;
    use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A registry that answers with the number of the call when it is let, or fails if it is told to.
    struct Slow {
        alike: Arc<Alike>,
        calls: Cell<usize>,
        fails: Cell<bool>,
        answers: Semaphore,
    }

    type Asked = JoinHandle<Result<Bytes, &'static str>>;

    impl Slow {
        fn new() -> Rc<Self> {
            Rc::new(Self {
                alike: Arc::default(),
                calls: Cell::new(0),
                fails: Cell::new(false),
                answers: Semaphore::new(0),
            })
        }

        /// Lets a client ask as far as it gets.
        async fn asked(self: &Rc<Self>, tenant: &str, target: &str, patience: Duration) -> Asked {
            let question = Question {
                identity: Identity {
                    tenant: Some(tenant.to_owned()),
                    ..Identity::default()
                },
                target: target.to_owned(),
                headers: Vec::new(),
            };
            let slow = Rc::clone(self);
            let asked = spawn_local(async move {
                let call = async {
                    let number = slow.calls.get() + 1;
                    slow.calls.set(number);
                    slow.answers.acquire().await.unwrap().forget();
                    match slow.fails.get() {
                        true => Err("no answer"),
                        false => Ok(Bytes::from(number.to_string())),
                    }
                };
                slow.alike.ask(question, patience, call).await
            });
            yield_now().await;
            asked
        }

        async fn asks(self: &Rc<Self>) -> Asked {
            self.asked("t", "/images", PATIENCE).await
        }

        fn is_idle(&self) -> bool {
            self.alike.lock().is_empty()
        }
    }

    async fn answer(asked: Asked) -> String {
        String::from_utf8(asked.await.unwrap().unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn those_that_wait_share_a_call_that_begins_after_they_came() {
        let story = async {
            let slow = Slow::new();
            let first = slow.asks().await;
            let (second, third) = (slow.asks().await, slow.asks().await);
            assert_eq!(slow.calls.get(), 1);
            slow.answers.add_permits(1);
            assert_eq!(answer(first).await, "1");
            yield_now().await;
            // The second call is under way: too late for this one.
            let fourth = slow.asks().await;
            assert_eq!(slow.calls.get(), 2);
            slow.answers.add_permits(2);
            assert_eq!(answer(second).await, "2");
            assert_eq!(answer(third).await, "2");
            assert_eq!(answer(fourth).await, "3");
            assert!(slow.is_idle());
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn others_and_other_questions_are_asked_for_themselves() {
        let story = async {
            let slow = Slow::new();
            let asked = [
                slow.asks().await,
                slow.asked("u", "/images", PATIENCE).await,
                slow.asked("t", "/images?limit=1", PATIENCE).await,
            ];
            assert_eq!(slow.calls.get(), 3);
            slow.answers.add_permits(3);
            for asked in asked {
                answer(asked).await;
            }
            assert!(slow.is_idle());
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_own() {
        let story = async {
            let slow = Slow::new();
            slow.fails.set(true);
            let mut asked = Vec::new();
            for _ in 0..4 {
                asked.push(slow.asks().await);
            }
            slow.answers.add_permits(4);
            for asked in asked {
                assert_eq!(asked.await.unwrap(), Err("no answer"));
            }
            assert_eq!(slow.calls.get(), 4);
            assert!(slow.is_idle());
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn whoever_hangs_up_leaves_his_turn_to_the_next() {
        let story = async {
            let slow = Slow::new();
            let first = slow.asks().await;
            let second = slow.asks().await;
            let (third, fourth) = (slow.asks().await, slow.asks().await);
            second.abort();
            first.abort();
            yield_now().await;
            yield_now().await;
            assert_eq!(slow.calls.get(), 2);
            // The one who asks for two leaves as well.
            third.abort();
            yield_now().await;
            yield_now().await;
            assert_eq!(slow.calls.get(), 3);
            slow.answers.add_permits(1);
            assert_eq!(answer(fourth).await, "3");
            assert!(slow.is_idle());
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_others_for_long() {
        let story = async {
            let slow = Slow::new();
            let first = slow.asks().await;
            let second = slow.asked("t", "/images", Duration::from_secs(1)).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(slow.calls.get(), 2);
            slow.answers.add_permits(2);
            assert_eq!(answer(first).await, "1");
            assert_eq!(answer(second).await, "2");
            assert!(slow.is_idle());
        };
        LocalSet::new().run_until(story).await;
    }
}
