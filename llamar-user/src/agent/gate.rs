//! A future that is polled only when something has happened that it waits for, and not whenever its task is: the agent
//! waits for a dozen things, and a flood of questions is to cost no look at each of them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Waits for a future.
pub async fn gated<T>(future: impl Future<Output = T>) -> T {
    let gate = Arc::new(Gate {
        open: AtomicBool::new(true),
        task: Mutex::new(Waker::noop().clone()),
    });
    let waker = Waker::from(gate.clone());
    let mut future = pin!(future);
    poll_fn(|context| {
        gate.passes_to(context.waker());
        if !gate.open.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// Open when something has happened.
struct Gate {
    open: AtomicBool,
    task: Mutex<Waker>,
}

impl Gate {
    /// Notes the task that is to be woken.
    fn passes_to(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone_from(waker);
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.open.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_future_behind_a_gate_is_polled_when_it_is_woken_and_not_with_its_task() {
        let (notify, polls) = (Notify::new(), Cell::new(0));
        let behind = async {
            let mut notified = pin!(notify.notified());
            poll_fn(|context| {
                polls.set(polls.get() + 1);
                notified.as_mut().poll(context)
            })
            .await;
        };
        let beside = async {
            for _ in 0..10 {
                yield_now().await;
            }
            assert_eq!(polls.get(), 1);
            notify.notify_one();
        };
        let both = async { tokio::join!(gated(behind), beside) };
        timeout(Duration::from_secs(5), both).await.unwrap();
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test]
    async fn a_future_behind_a_gate_wakes_the_task_that_waits_for_it_now() {
        let notify = Arc::new(Notify::new());
        let waits = notify.clone();
        let mut behind = Box::pin(gated(async move { waits.notified().await }));
        assert!(
            timeout(Duration::from_millis(1), &mut behind)
                .await
                .is_err()
        );
        let other = tokio::spawn(behind);
        yield_now().await;
        notify.notify_one();
        timeout(Duration::from_secs(5), other)
            .await
            .unwrap()
            .unwrap();
    }
}
