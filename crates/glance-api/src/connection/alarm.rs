//! One timer per connection that serves all its deadlines and is set as rarely as possible.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::time::{Sleep, sleep_until};

/// Wakes the connection's task no later than the nearest deadline that was asked about.
///
/// It may wake too early: whoever has a deadline asks again each time it is polled. So a deadline
/// that moves into the future with every request costs a look at the clock, not a timer.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Alarm {
    /// True when `deadline` has passed; otherwise the task will be woken by then.
    pub(super) fn passed(&mut self, cx: &mut Context<'_>, deadline: Instant) -> bool {
        self.passed_at(cx, Instant::now(), deadline)
    }

    /// The same for who knows the time already.
    pub(super) fn passed_at(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        deadline: Instant,
    ) -> bool {
        if now >= deadline {
            return true;
        }
        match &mut self.sleep {
            Some((at, _)) if *at > now && *at <= deadline => return false,
            Some((at, sleep)) => {
                *at = deadline;
                sleep.as_mut().reset(deadline.into());
            }
            None => self.sleep = Some((deadline, Box::pin(sleep_until(deadline.into())))),
        }
        let Some((_, sleep)) = &mut self.sleep else {
            return false;
        };
        if let Poll::Ready(()) = sleep.as_mut().poll(cx) {
            cx.waker().wake_by_ref();
        }
        false
    }
}
