//! One fetch at a time: a turn in this process, then a turn among processes.
//!
//! In a process, callers of one identity queue at an async mutex. Among processes the turn is an exclusive `flock` on a
//! file of its own, which the kernel frees when its holder dies. A shared lock is a wake-up only: a process that waits
//! gets it when the turn ends, drops it at once, looks, and tries again. The turn saves requests, and correctness does
//! not depend on it: if it cannot be had at all, the caller continues without it. If it cannot be had in time, its
//! holder may be stopped. The callers that waited then queue again at a lock beside it, so that one of them requests a
//! token for all.

mod queues;

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

use self::queues::Queues;
use crate::system::files::{Dir, FileSystem, Missing, PlaceError};
use crate::system::thread::{self, Stack};
use crate::token::RecordName;

/// The suffixes of the locks of an identity: its turn, and two more to wait for if the holders of those before do not
/// end. If three holders in a row are stopped, all callers that wait continue.
const LOCKS: [&str; 3] = ["", ".alone", ".alone2"];

/// Hands out turns.
#[derive(Debug)]
pub(crate) struct Flight {
    queues: Queues<(RecordName, usize), Queue<()>>,
    data_dir: Option<Arc<Dir>>,
}

/// What came of the request for a turn.
#[derive(Debug)]
pub(crate) enum Turn<T> {
    /// While waiting, what was looked for appeared.
    Answered(T),
    /// It is the caller's turn, until the ticket is dropped.
    Taken(TurnGuard),
}

/// A turn; dropping it lets the next one look.
#[derive(Debug)]
pub(crate) struct TurnGuard {
    _queues: Vec<OwnedMutexGuard<()>>,
    lock: Result<File, NoLock>,
    /// The lock beside the turn, for a caller that did not get the turn in time.
    _beside: Option<File>,
}

/// Why a turn is without the lock among processes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLock {
    /// There is no directory to lock in.
    #[error("there is no data directory")]
    NoPlace,
    /// The holder did not end in time.
    #[error("the turn of another process did not end in time")]
    TimedOut,
    /// The lock file cannot be used.
    #[error("the lock file cannot be used")]
    Place(#[source] PlaceError),
    /// The file system does not lock.
    #[error("the file system does not lock files")]
    Unsupported,
}

impl TurnGuard {
    /// Returns why the turn does not hold among processes, if it does not.
    pub(crate) fn lock_error(&self) -> Option<&NoLock> {
        self.lock.as_ref().err()
    }
}

impl Flight {
    /// Makes a flight whose turns hold among the processes that share a data directory; without one they hold in this
    /// process only.
    pub(crate) fn new(data_dir: Option<Arc<Dir>>) -> Flight {
        Flight { queues: Queues::new(), data_dir }
    }

    /// Returns the directory that turns are taken in.
    pub(crate) fn data_dir(&self) -> Option<&Dir> {
        self.data_dir.as_deref()
    }

    /// Names the network file system that turns are taken on, if it is one: turns on it are no promise.
    pub(crate) fn network(&self) -> Option<&'static str> {
        match self.data_dir.as_ref()?.file_system() {
            FileSystem::Network(name) => Some(name),
            FileSystem::Local => None,
        }
    }

    /// Waits for a turn, `bound` at most; looks after each wait, and again when the turn has come. A caller that does
    /// not get it in time waits at the locks beside it, as long at each. Must be polled inside
    /// [`runtime::run`](crate::system::runtime::run). Dropping the future gives the place up.
    pub(crate) async fn turn<T, E>(
        &self,
        name: RecordName,
        bound: Duration,
        look: impl Fn() -> Result<Option<T>, E>,
    ) -> Result<Turn<T>, E> {
        let mut places = Vec::new();
        for level in 0..LOCKS.len() {
            let queue = self.queues.of((name, level), || Queue::new(()));
            let waiting = async {
                places.push(queue.lock_owned().await);
                self.lock(name, level, &look).await
            };
            let locked = match tokio::time::timeout(bound, waiting).await {
                Ok(Ok(Waited::Answered(found))) => return Ok(Turn::Answered(found)),
                Ok(Ok(Waited::Ended(lock))) => lock,
                Ok(Err(error)) => return Err(error),
                Err(_) => Err(NoLock::TimedOut),
            };
            if let Some(found) = look()? {
                return Ok(Turn::Answered(found));
            }
            match locked {
                Err(NoLock::TimedOut) => {}
                lock if level == 0 => return Ok(Turn::Taken(TurnGuard { _queues: places, lock, _beside: None })),
                // Whatever became of the lock beside it: the turn was not had in time.
                lock => {
                    return Ok(Turn::Taken(TurnGuard {
                        _queues: places,
                        lock: Err(NoLock::TimedOut),
                        _beside: lock.ok(),
                    }));
                }
            }
        }
        Ok(Turn::Taken(TurnGuard { _queues: places, lock: Err(NoLock::TimedOut), _beside: None }))
    }

    async fn lock<T, E>(
        &self,
        name: RecordName,
        level: usize,
        look: &impl Fn() -> Result<Option<T>, E>,
    ) -> Result<Waited<T>, E> {
        let Some(data_dir) = &self.data_dir else { return Ok(Waited::Ended(Err(NoLock::NoPlace))) };
        let name = name.to_hex() + LOCKS[level];
        let mut crowd = Crowd::Unknown;
        loop {
            let busy = match try_lock(data_dir, &name) {
                Ok(Tried::Taken(lock)) => return Ok(Waited::Ended(Ok(lock))),
                Ok(Tried::Replaced) => continue,
                // Others that were woken hold it, and are about to let go.
                Ok(Tried::Busy(_)) if crowd == Crowd::Woken => {
                    tokio::time::sleep(random_pause()).await;
                    crowd = Crowd::Unknown;
                    continue;
                }
                Ok(Tried::Busy(file)) => file,
                Err(trouble) => return Ok(Waited::Ended(Err(trouble))),
            };
            if let Err(trouble) = woken(busy).await {
                return Ok(Waited::Ended(Err(trouble)));
            }
            if let Some(found) = look()? {
                return Ok(Waited::Answered(found));
            }
            crowd = Crowd::Woken;
        }
    }
}

/// Which others may hold the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crowd {
    Unknown,
    /// A turn that brought nothing woke all callers that waited. If they tried again at once, they would be in each
    /// other's way for a tenth of a second. If they pause, one finds the lock free, and the others find it taken.
    Woken,
}

/// Up to ten milliseconds, so that not all come back at once.
fn random_pause() -> Duration {
    let mut random = [0; 2];
    // Without randomness they meet again, which costs time and nothing else.
    let _ = crate::system::random::fill(&mut random);
    Duration::from_micros(u64::from(u16::from_be_bytes(random)) * 10_000 / 65_536)
}

enum Waited<T> {
    Answered(T),
    Ended(Result<File, NoLock>),
}

enum Tried {
    Taken(File),
    /// The file was deleted or replaced meanwhile; a lock on it holds no process back.
    Replaced,
    Busy(File),
}

fn try_lock(data_dir: &Dir, name: &str) -> Result<Tried, NoLock> {
    let locks = data_dir.dir("locks", Missing::Create).map_err(NoLock::Place)?.ok_or(NoLock::NoPlace)?;
    let file = locks.lock_file(name).map_err(NoLock::Place)?;
    match file.try_lock() {
        Ok(()) if locks.still_holds(name, &file).map_err(NoLock::Place)? => Ok(Tried::Taken(file)),
        Ok(()) => Ok(Tried::Replaced),
        Err(TryLockError::WouldBlock) => Ok(Tried::Busy(file)),
        Err(TryLockError::Error(_)) => Err(NoLock::Unsupported),
    }
}

/// Removes the lock file of an identity whose generation is gone. A process that holds or awaits it finds that it was
/// removed, and continues with a new one.
pub(crate) fn forget_lock(data_dir: &Dir, name: RecordName) -> Result<(), PlaceError> {
    if let Some(locks) = data_dir.dir("locks", Missing::Leave)? {
        for lock in LOCKS {
            locks.remove(&(name.to_hex() + lock))?;
        }
    }
    Ok(())
}

/// Whether the lock of a file that was removed differs from that of the file in its place.
pub(crate) const LOCKS_CAN_BE_REMOVED: bool = cfg!(any(unix, windows));

/// Returns the identity that a lock file belongs to; `None` if it is no lock file of ours.
pub(crate) fn identity_of_lock(file_name: &str) -> Option<RecordName> {
    LOCKS.iter().find_map(|lock| RecordName::from_hex(file_name.strip_suffix(lock)?))
}

/// Does something while a lock is held, if no process holds it now; `None` if one does, or the lock cannot be had. It
/// is given the folder of the locks.
pub(crate) fn if_free<T>(data_dir: &Dir, lock: &str, work: impl FnOnce(&Dir) -> T) -> Option<T> {
    match try_lock(data_dir, lock) {
        Ok(Tried::Taken(_held)) => {
            let locks = data_dir.dir("locks", Missing::Leave).ok()??;
            Some(work(&locks))
        }
        Ok(Tried::Replaced | Tried::Busy(_)) => None,
        Err(trouble) => {
            tracing::debug!("what is not needed any more stays: {trouble}");
            None
        }
    }
}

/// Waits until the turn that `file` stands for has ended. In a thread of its own, detached: a lock
/// cannot be waited for with a time-out, and a runtime that ends must not wait for its holder.
async fn woken(file: File) -> Result<(), NoLock> {
    let wait = move || {
        // The wake-up is the end of the wait; whether it brought the lock is found out by looking.
        let locked = file.lock_shared();
        drop(file);
        locked.is_ok()
    };
    match thread::detached(Stack::Small, wait).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(NoLock::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const BOUND: Duration = Duration::from_secs(30);

    fn flight() -> (tempfile::TempDir, Arc<Flight>) {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(&root.path().join("data"), Missing::Create).expect("made").expect("there");
        (root, Arc::new(Flight::new(Some(Arc::new(dir)))))
    }

    fn name() -> RecordName {
        RecordName::of(b"identity")
    }

    fn nothing() -> Result<Option<()>, Infallible> {
        Ok(None)
    }

    async fn taken(flight: &Flight, bound: Duration) -> TurnGuard {
        match flight.turn(name(), bound, nothing).await {
            Ok(Turn::Taken(ticket)) => ticket,
            Ok(Turn::Answered(())) => panic!("there was nothing to find"),
        }
    }

    /// Takes the turn as another process does: through a file of its own.
    fn as_another_process(root: &tempfile::TempDir) -> Flight {
        let dir = Dir::open(&root.path().join("data"), Missing::Leave).expect("opened").expect("there");
        Flight::new(Some(Arc::new(dir)))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_fifty_callers_one_fetches_and_all_find_it() {
        let (_root, flight) = flight();
        let fetched = Arc::new(AtomicUsize::new(0));
        let callers = (0..50).map(|_| {
            let (flight, fetched) = (flight.clone(), fetched.clone());
            tokio::spawn(async move {
                let look = || Ok::<_, Infallible>((fetched.load(Ordering::SeqCst) > 0).then_some(()));
                match flight.turn(name(), BOUND, look).await {
                    Ok(Turn::Answered(())) => 0,
                    Ok(Turn::Taken(_ticket)) => {
                        tokio::task::yield_now().await;
                        fetched.fetch_add(1, Ordering::SeqCst) + 1
                    }
                }
            })
        });
        let mut fetches = 0;
        for caller in callers.collect::<Vec<_>>() {
            fetches += caller.await.expect("no panic");
        }
        assert_eq!((fetches, fetched.load(Ordering::SeqCst)), (1, 1));
    }

    #[tokio::test]
    async fn a_future_dropped_in_the_middle_gives_its_turn_to_the_next() {
        let (_root, flight) = flight();
        let held = taken(&flight, BOUND).await;
        let mut waiter = Box::pin(flight.turn(name(), BOUND, nothing));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(waiter.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "the second one waits");
        drop(waiter);
        drop(held);
        assert!(taken(&flight, BOUND).await.lock_error().is_none());
    }

    #[tokio::test]
    async fn a_panic_in_one_holder_does_not_block_the_others() {
        let (_root, flight) = flight();
        let other = flight.clone();
        let panicked = tokio::spawn(async move {
            let _held = taken(&other, BOUND).await;
            panic!("a bug in a caller");
        });
        assert!(panicked.await.is_err());
        assert!(taken(&flight, BOUND).await.lock_error().is_none());
    }

    #[tokio::test]
    async fn several_runtimes_share_one_turn() {
        let (_root, flight) = flight();
        let held = taken(&flight, BOUND).await;
        let other = flight.clone();
        let waiter = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(taken(&other, BOUND)).lock_error().is_none()
        });
        drop(held);
        assert!(waiter.join().expect("no panic"));
    }

    #[tokio::test]
    async fn another_process_waits_for_the_end_of_the_turn() {
        let (root, flight) = flight();
        let other = as_another_process(&root);
        let held = taken(&flight, BOUND).await;
        let found = AtomicUsize::new(0);
        let look = || Ok::<_, Infallible>((found.load(Ordering::SeqCst) > 0).then_some(7));
        let end = async {
            found.store(1, Ordering::SeqCst);
            drop(held);
        };
        let (turn, ()) = tokio::join!(other.turn(name(), BOUND, look), end);
        assert!(matches!(turn, Ok(Turn::Answered(7))));
    }

    #[tokio::test]
    async fn a_holder_that_does_not_end_is_passed_by_after_the_bound() {
        let (root, flight) = flight();
        let _held = taken(&flight, BOUND).await;
        let ticket = taken(&as_another_process(&root), Duration::from_millis(1)).await;
        assert!(matches!(ticket.lock_error(), Some(NoLock::TimedOut)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_those_who_did_not_get_the_turn_in_time_one_fetches_for_all() {
        let (root, flight) = flight();
        let _stopped = taken(&flight, BOUND).await;
        let fetched = Arc::new(AtomicUsize::new(0));
        let callers = (0..20).map(|_| {
            // Each is a process of its own.
            let (flight, fetched) = (as_another_process(&root), fetched.clone());
            tokio::spawn(async move {
                let look = || Ok::<_, Infallible>((fetched.load(Ordering::SeqCst) > 0).then_some(()));
                match flight.turn(name(), Duration::from_millis(500), look).await {
                    Ok(Turn::Answered(())) => 0,
                    Ok(Turn::Taken(ticket)) => {
                        assert!(matches!(ticket.lock_error(), Some(NoLock::TimedOut)));
                        tokio::task::yield_now().await;
                        fetched.fetch_add(1, Ordering::SeqCst) + 1
                    }
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no panic");
        }
        assert_eq!(fetched.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn three_holders_that_do_not_end_are_passed_by() {
        let (root, flight) = flight();
        let _first = taken(&flight, BOUND).await;
        let bound = Duration::from_millis(1);
        let mut stopped = Vec::new();
        for _ in 0..3 {
            stopped.push(taken(&as_another_process(&root), bound).await);
        }
        assert!(stopped.iter().all(|ticket| matches!(ticket.lock_error(), Some(NoLock::TimedOut))));
        drop(stopped);
        assert!(root.path().join("data/locks").join(name().to_hex() + ".alone").exists());
    }

    #[tokio::test]
    async fn a_lock_on_a_deleted_file_is_not_taken_for_a_turn() {
        let (root, flight) = flight();
        let held = taken(&flight, BOUND).await;
        std::fs::remove_file(root.path().join("data/locks").join(name().to_hex())).expect("deleted");
        // The holder of the deleted file goes on; a process that comes now takes the new file.
        assert!(taken(&as_another_process(&root), BOUND).await.lock_error().is_none());
        drop(held);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn something_else_in_place_of_the_lock_is_not_waited_for() {
        let (root, flight) = flight();
        drop(taken(&flight, BOUND).await);
        let path = root.path().join("data/locks").join(name().to_hex());
        std::fs::remove_file(&path).expect("deleted");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("planted");
        let ticket = taken(&flight, BOUND).await;
        assert!(matches!(ticket.lock_error(), Some(NoLock::Place(error)) if error.is_insecure()));
    }
}
