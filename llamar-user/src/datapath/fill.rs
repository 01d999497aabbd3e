//! Very many entries for a map: the kernel takes a microsecond for each, so several threads write them.

use std::mem;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Scope};

use super::entries::Each;

/// Entries that are written together: few enough that they stay in the processor's cache meanwhile.
const BATCH: usize = 1024;
/// Most threads that write.
const THREADS_MAX: usize = 8;

/// Has `write` write what `each` gives; then `written` sees every entry, with what `write` said of those with it.
/// Threads call `write`, unless there are few entries or one processor; `written` is called by this one only.
pub fn fill<K: Send, V: Send, R: Send>(
    each: &mut Each<'_, K, V>,
    write: impl Fn(&[(K, V)]) -> R + Sync,
    mut written: impl FnMut(&[(K, V)], R),
) {
    thread::scope(|scope| {
        let mut crew = None;
        let mut batch = Vec::new();
        each(&mut |key, value| {
            batch.push((key, value));
            if batch.len() == BATCH {
                let crew = crew.get_or_insert_with(|| Crew::new(scope, &write, threads()));
                batch = crew.take(mem::take(&mut batch), &write, &mut written);
            }
        });
        if !batch.is_empty() {
            let result = write(&batch);
            written(&batch, result);
        }
        if let Some(crew) = crew {
            crew.end(&mut written);
        }
    });
}

/// How many threads are to write: one is no help.
fn threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    match processors.min(THREADS_MAX) {
        1 => 0,
        threads => threads,
    }
}

/// The threads that write.
struct Crew<E, R> {
    batches: SyncSender<Vec<E>>,
    results: Receiver<(Vec<E>, R)>,
}

impl<E: Send, R: Send> Crew<E, R> {
    fn new<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        write: &'scope (impl Fn(&[E]) -> R + Sync),
        threads: usize,
    ) -> Self
    where
        E: 'scope,
        R: 'scope,
    {
        let (batches, work) = sync_channel(threads);
        let (done, results) = channel();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let (work, done) = (Arc::clone(&work), done.clone());
            let member = move || write_all(&work, &done, write);
            // Where there are no threads to be had, fewer have to do, or none.
            let _ = Builder::new().spawn_scoped(scope, member);
        }
        Self { batches, results }
    }

    /// Has a batch written; gives back an empty one.
    fn take(
        &self,
        batch: Vec<E>,
        write: &impl Fn(&[E]) -> R,
        written: &mut impl FnMut(&[E], R),
    ) -> Vec<E> {
        let mut spare = None;
        // Nobody is left to take it where no thread came up.
        if let Err(refused) = self.batches.send(batch) {
            let result = write(&refused.0);
            written(&refused.0, result);
            spare = Some(refused.0);
        }
        while let Ok((batch, result)) = self.results.try_recv() {
            written(&batch, result);
            spare = Some(batch);
        }
        let mut spare = spare.unwrap_or_default();
        spare.clear();
        spare
    }

    /// Waits for what is under way.
    fn end(self, written: &mut impl FnMut(&[E], R)) {
        drop(self.batches);
        for (batch, result) in self.results {
            written(&batch, result);
        }
    }
}

/// What each thread does.
fn write_all<E, R>(
    work: &Mutex<Receiver<Vec<E>>>,
    done: &Sender<(Vec<E>, R)>,
    write: &impl Fn(&[E]) -> R,
) {
    let next = || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner);
        work.recv().ok()
    };
    while let Some(batch) = next() {
        let result = write(&batch);
        if done.send((batch, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread::ThreadId;

    use super::*;

    /// Fills with so many numbers; gives back the threads that wrote them and what was seen afterwards.
    fn filled(count: usize) -> (BTreeSet<String>, Vec<(usize, usize)>) {
        let shown = |id: ThreadId| format!("{id:?}");
        let threads = Mutex::new(BTreeSet::new());
        let mut seen = Vec::new();
        let here = thread::current().id();
        fill(
            &mut |visit| (0..count).for_each(|number| visit(number, 2 * number)),
            |entries: &[(usize, usize)]| {
                threads
                    .lock()
                    .unwrap()
                    .insert(shown(thread::current().id()));
                entries.iter().map(|(_, double)| double).sum::<usize>()
            },
            |entries, sum| {
                assert_eq!(thread::current().id(), here);
                assert_eq!(entries.iter().map(|(_, double)| double).sum::<usize>(), sum);
                seen.extend(entries.iter().copied());
            },
        );
        seen.sort_unstable();
        let mut threads = threads.into_inner().unwrap();
        threads.remove(&shown(here));
        (threads, seen)
    }

    #[test]
    fn every_entry_is_written_once_and_seen_when_it_was() {
        for count in [0, 1, BATCH - 1, BATCH, 3 * BATCH + 7, 40 * BATCH] {
            let (_, seen) = filled(count);
            let all = (0..count).map(|number| (number, 2 * number));
            assert!(seen.into_iter().eq(all), "{count}");
        }
    }

    #[test]
    fn few_entries_are_worth_no_thread() {
        assert_eq!(filled(BATCH - 1).0, BTreeSet::new());
    }

    #[test]
    fn what_no_thread_takes_is_written_here() {
        let write = |entries: &[u8]| entries.len();
        let mut seen = 0;
        thread::scope(|scope| {
            let crew = Crew::new(scope, &write, 0);
            let mut written = |entries: &[u8], count| {
                assert_eq!(entries.len(), count);
                seen += count;
            };
            assert!(crew.take(vec![1, 2, 3], &write, &mut written).is_empty());
            assert!(crew.take(vec![4], &write, &mut written).is_empty());
            crew.end(&mut written);
        });
        assert_eq!(seen, 4);
    }
}
