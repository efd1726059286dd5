//! The turn inside a process: however callers come and go, one has it.

use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::sync::{Arc, Mutex, Weak};
use shuttle::thread;

use crate::queues::Queues;
use crate::{in_every_order, is_found_wrong};

/// Takes the turn three times over, and counts who has it.
fn takes(of: impl Fn() -> Arc<Mutex<()>>, holders: &AtomicU32) {
    for _ in 0..3 {
        let queue = of();
        let _turn = queue.lock().expect("no panic");
        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have the turn");
        thread::yield_now();
        holders.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn one_caller_of_a_name_has_the_turn_and_other_names_do_not_wait() {
    in_every_order(|| {
        let queues: Arc<Queues<u8, Mutex<()>>> = Arc::new(Queues::new());
        let other = queues.of(9, || Mutex::new(()));
        let _held = other.lock().expect("no panic");
        let holders = Arc::new(AtomicU32::new(0));
        let threads = [(); 3].map(|()| {
            let (queues, holders) = (queues.clone(), holders.clone());
            thread::spawn(move || takes(|| queues.of(1, || Mutex::new(())), &holders))
        });
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
fn a_queue_that_is_looked_for_before_the_lock_is_found_wrong() {
    assert!(is_found_wrong(|| {
        let slot: Arc<Mutex<Weak<Mutex<()>>>> = Arc::new(Mutex::new(Weak::new()));
        let holders = Arc::new(AtomicU32::new(0));
        let threads = [(); 2].map(|()| {
            let (slot, holders) = (slot.clone(), holders.clone());
            thread::spawn(move || {
                let of = || {
                    let present = slot.lock().expect("no panic").upgrade();
                    present.unwrap_or_else(|| {
                        let queue = Arc::new(Mutex::new(()));
                        *slot.lock().expect("no panic") = Arc::downgrade(&queue);
                        queue
                    })
                };
                takes(of, &holders);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }));
}
