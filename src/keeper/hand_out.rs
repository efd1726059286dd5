//! The token that is handed out without a look, its request, and the tokens that are never handed out again.
//!
//! This file knows no token and no clock, so that `tests/interleavings` can try every order of its steps.

use std::collections::VecDeque;

use crate::system::sync::{Arc, AtomicU64, Mutex, Ordering, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many rejections are remembered. A cache holds one token of a request, so only a late writer brings back an
/// older one.
const REJECTIONS: usize = 16;

/// A token that a resource may reject.
pub(crate) trait Rejectable: Clone + PartialEq {
    /// A reading of the clocks.
    type Moment: Copy;

    /// Returns whether, at `now`, this token is the one that was `rejected` at `at`.
    fn is_meant_by(&self, rejected: &Self, at: &Self::Moment, now: &Self::Moment) -> bool;
}

/// Distinguishes requests.
pub(crate) trait Requests {
    /// Returns whether both ask for the same token.
    fn requests_the_same_as(&self, other: &Self) -> bool;
}

/// What was rejected; keepers of one request share it.
pub(crate) struct Rejections<T: Rejectable> {
    entries: Mutex<VecDeque<Rejection<T>>>,
    /// How many rejections there were. A holder that has seen fewer looks again before it hands a token out.
    count: AtomicU64,
}

struct Rejection<T: Rejectable> {
    token: T,
    at: T::Moment,
    /// The boot time at which the token is over, however old it was.
    until: u64,
}

impl<T: Rejectable> Rejections<T> {
    /// Remembers nothing yet.
    pub(crate) fn new() -> Rejections<T> {
        Rejections { entries: Mutex::new(VecDeque::new()), count: AtomicU64::new(0) }
    }

    /// Remembers a rejection up to `until`. A token that is rejected again keeps its first time: all callers that
    /// reject one token cause one request.
    pub(crate) fn add(&self, token: &T, at: T::Moment, boot: u64, until: u64) {
        // Nothing in this file panics while it writes.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.iter().any(|entry| entry.token == *token) {
            return;
        }
        entries.retain(|entry| entry.until > boot);
        if entries.len() == REJECTIONS {
            entries.pop_front();
        }
        entries.push_back(Rejection { token: token.clone(), at, until });
        // After the entry: a reader that sees the new count finds it.
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns whether a token was rejected.
    pub(crate) fn contains(&self, token: &T, now: &T::Moment) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().any(|entry| token.is_meant_by(&entry.token, &entry.at, now))
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }
}

/// Whether a token also lies in the cache: then its absence there means that it was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It lies there.
    Yes,
    /// It lives in memory only.
    No,
}

/// The request, and the token that was last seen for it, behind one lock: a reader takes it for some nanoseconds.
pub(crate) struct HandOut<A, T: Rejectable, S> {
    state: RwLock<State<A, T, S>>,
    rejections: Arc<Rejections<T>>,
}

struct State<A, T, S> {
    request: Arc<A>,
    /// The state of the profile that `request` was made of.
    stamp: S,
    token: Option<T>,
    kept: Kept,
    /// Up to which boot time the token is handed out without a further look.
    until: u64,
    /// The count of rejections when the token was compared with them.
    compared: u64,
}

impl<A: Requests, T: Rejectable, S: Copy + PartialEq> HandOut<A, T, S> {
    /// Holds no token yet.
    pub(crate) fn new(request: A, stamp: S, rejections: Arc<Rejections<T>>) -> HandOut<A, T, S> {
        let state = State { request: Arc::new(request), stamp, token: None, kept: Kept::No, until: 0, compared: 0 };
        HandOut { state: RwLock::new(state), rejections }
    }

    /// Returns the token, as long as no look is needed.
    pub(crate) fn token_at(&self, boot: u64) -> Option<T> {
        let state = self.read();
        let is_current = boot < state.until && state.compared == self.rejections.count();
        if is_current { state.token.clone() } else { None }
    }

    /// Returns the request.
    pub(crate) fn request(&self) -> Arc<A> {
        self.read().request.clone()
    }

    /// Returns the state of the profile that the request was made of.
    pub(crate) fn stamp(&self) -> S {
        self.read().stamp
    }

    /// Returns what was rejected.
    pub(crate) fn rejections(&self) -> &Arc<Rejections<T>> {
        &self.rejections
    }

    /// Returns the token that lives here only.
    pub(crate) fn unkept(&self) -> Option<T> {
        let state = self.read();
        state.token.clone().filter(|_| state.kept == Kept::No)
    }

    /// Takes the request that was read from the profile in the state `stamp`, if the state is still `before`. Returns
    /// `false` if another thread has read the profile meanwhile, perhaps later.
    pub(crate) fn ask(&self, before: S, stamp: S, request: Option<A>) -> bool {
        let mut state = self.write();
        if state.stamp != before {
            return false;
        }
        state.stamp = stamp;
        if let Some(request) = request {
            if !request.requests_the_same_as(&state.request) {
                state.token = None;
                state.until = 0;
            }
            state.request = Arc::new(request);
        }
        true
    }

    /// Lets go of a token that the cache lacks, or that was rejected. One that came meanwhile and could not be kept
    /// stays: it lies nowhere else.
    pub(crate) fn let_go(&self, now: &T::Moment) {
        let mut state = self.write();
        let goes = |token: &T| state.kept == Kept::Yes || self.rejections.contains(token, now);
        if state.token.as_ref().is_some_and(goes) {
            state.token = None;
            state.until = 0;
        }
    }

    /// Holds a token that was obtained for `request`, unless another one is requested by now, or the token was rejected.
    pub(crate) fn hold(&self, request: &A, token: &T, kept: Kept, until: u64, now: &T::Moment) {
        let mut state = self.write();
        if !state.request.requests_the_same_as(request) {
            return;
        }
        // Before the comparison: a rejection that comes after it makes the next caller look.
        let compared = self.rejections.count();
        if self.rejections.contains(token, now) {
            return;
        }
        state.token = Some(token.clone());
        state.kept = kept;
        state.until = until;
        state.compared = compared;
    }

    fn read(&self) -> RwLockReadGuard<'_, State<A, T, S>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<A, T, S>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
