//! A token that was rejected, or was got for another request, is not handed out again.

use shuttle::sync::{Arc, RwLock};
use shuttle::thread;

use crate::hand_out::{HandOut, Kept, Rejectable, Rejections, Requests};
use crate::{in_every_order, is_found_wrong};

#[derive(Clone, Debug, PartialEq)]
struct Token(u32);

impl Rejectable for Token {
    type Moment = u64;

    fn is_meant_by(&self, rejected: &Token, _at: &u64, _now: &u64) -> bool {
        self == rejected
    }
}

#[derive(Debug, PartialEq)]
struct Request(u32);

impl Requests for Request {
    fn requests_the_same_as(&self, other: &Request) -> bool {
        self == other
    }
}

type Keeper = HandOut<Request, Token, u32>;

const ALWAYS: u64 = u64::MAX;

fn keeper() -> Arc<Keeper> {
    Arc::new(HandOut::new(Request(1), 1, crate::system::sync::Arc::new(Rejections::new())))
}

/// Holds a token as one who fetched it, or found it in the cache.
fn hold(keeper: &Keeper, token: u32) {
    keeper.hold(&Request(1), &Token(token), Kept::Yes, ALWAYS, &0);
}

fn reject(keeper: &Keeper, token: u32) {
    keeper.rejections().add(&Token(token), 0, 0, ALWAYS);
}

#[test]
fn a_token_that_was_rejected_is_not_handed_out_however_late_it_is_held() {
    in_every_order(|| {
        let keeper = keeper();
        let late = {
            let keeper = keeper.clone();
            thread::spawn(move || hold(&keeper, 1))
        };
        let other = {
            let keeper = keeper.clone();
            thread::spawn(move || hold(&keeper, 2))
        };
        reject(&keeper, 1);
        assert_ne!(keeper.token_at(0), Some(Token(1)));
        late.join().expect("no panic");
        other.join().expect("no panic");
        assert_ne!(keeper.token_at(0), Some(Token(1)));
    });
}

#[test]
fn two_rejections_at_once_are_both_remembered() {
    in_every_order(|| {
        let keeper = keeper();
        hold(&keeper, 2);
        let threads = [1, 2].map(|token| {
            let keeper = keeper.clone();
            thread::spawn(move || reject(&keeper, token))
        });
        let late = {
            let keeper = keeper.clone();
            thread::spawn(move || hold(&keeper, 2))
        };
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(keeper.token_at(0), None);
        late.join().expect("no panic");
        assert_eq!(keeper.token_at(0), None);
        assert!(keeper.rejections().contains(&Token(1), &0) && keeper.rejections().contains(&Token(2), &0));
    });
}

#[test]
fn what_one_keeper_rejects_its_sibling_does_not_hand_out() {
    in_every_order(|| {
        let keeper = keeper();
        let sibling: Keeper = HandOut::new(Request(1), 1, keeper.rejections().clone());
        let sibling = Arc::new(sibling);
        let late = {
            let sibling = sibling.clone();
            thread::spawn(move || hold(&sibling, 1))
        };
        reject(&keeper, 1);
        assert_eq!(sibling.token_at(0), None);
        late.join().expect("no panic");
        assert_eq!(sibling.token_at(0), None);
    });
}

#[test]
fn a_token_of_another_request_is_not_held_and_a_profile_read_earlier_does_not_come_back() {
    in_every_order(|| {
        let keeper = keeper();
        // Both saw the first state; the one that comes second reads again.
        let threads = [2, 3].map(|state| {
            let keeper = keeper.clone();
            thread::spawn(move || {
                let before = keeper.stamp();
                if !keeper.ask(before, state, Some(Request(state))) {
                    let before = keeper.stamp();
                    keeper.ask(before, state, Some(Request(state)));
                }
            })
        });
        let late = {
            let keeper = keeper.clone();
            thread::spawn(move || hold(&keeper, 1))
        };
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(*keeper.request(), Request(keeper.stamp()), "request and stamp belong together");
        assert_eq!(keeper.token_at(0), None);
        late.join().expect("no panic");
        assert_eq!(keeper.token_at(0), None);
    });
}

#[test]
fn a_token_that_could_not_be_kept_stays_when_another_thread_finds_nothing_in_the_cache() {
    in_every_order(|| {
        let keeper = keeper();
        let looking = {
            let keeper = keeper.clone();
            thread::spawn(move || keeper.let_go(&0))
        };
        keeper.hold(&Request(1), &Token(1), Kept::No, ALWAYS, &0);
        looking.join().expect("no panic");
        assert_eq!(keeper.unkept(), Some(Token(1)));
    });
}

/// As it was: what was rejected was compared before the lock was taken, and there was room for one.
#[derive(Default)]
struct Unchecked(RwLock<(Option<u32>, Option<u32>)>);

impl Unchecked {
    fn hold(&self, token: u32) {
        let rejected = self.0.read().expect("no panic").1;
        if rejected != Some(token) {
            self.0.write().expect("no panic").0 = Some(token);
        }
    }

    fn reject(&self, token: u32) {
        let mut state = self.0.write().expect("no panic");
        state.0 = state.0.filter(|held| *held != token);
        state.1 = Some(token);
    }

    fn held(&self) -> Option<u32> {
        self.0.read().expect("no panic").0
    }
}

#[test]
fn a_comparison_before_the_lock_is_found_wrong() {
    assert!(is_found_wrong(|| {
        let keeper = Arc::new(Unchecked::default());
        let late = {
            let keeper = keeper.clone();
            thread::spawn(move || keeper.hold(1))
        };
        keeper.reject(1);
        late.join().expect("no panic");
        assert_ne!(keeper.held(), Some(1));
    }));
}

#[test]
fn room_for_one_rejection_is_found_wrong() {
    assert!(is_found_wrong(|| {
        let keeper = Arc::new(Unchecked::default());
        let threads = [1, 2].map(|token| {
            let keeper = keeper.clone();
            thread::spawn(move || keeper.reject(token))
        });
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        keeper.hold(2);
        assert_ne!(keeper.held(), Some(2));
    }));
}
