//! Who may fetch the next value: one at a time, under orders that grow.

use std::future::Future;
use std::time::Duration;

use tokenkeep::fleet::{Joined, LEASE, Owner};

use super::{ALICE, BOB, CAROL, HOUR, MOMENT, Place, value};

pub(super) async fn the_first_to_ask_has_the_lease_and_the_others_wait_and_see_the_value(place: &Place<'_>) {
    place.hold(ALICE).await;
    for owner in [BOB, CAROL, BOB] {
        assert_eq!(place.join(owner, 0).await, Joined::Waiter { value: None });
        assert_eq!(place.join(owner, 1 << 40).await, Joined::Waiter { value: None }, "whatever its floor is");
    }
    assert!(place.publish(CAROL, &value(1, "content"), None).await);
    let Joined::Waiter { value: Some(seen) } = place.join(BOB, 0).await else { panic!("a waiter sees the value") };
    assert_eq!(seen.bytes, value(1, "content"));
    assert!(seen.left.is_some_and(|left| left <= HOUR && left > HOUR / 2));
}

pub(super) async fn a_lease_that_was_given_back_is_the_next_ones(place: &Place<'_>) {
    for owner in [ALICE, BOB, BOB, CAROL] {
        place.hold(owner).await;
        assert!(place.leave(owner).await);
        assert!(!place.leave(owner).await, "it was given back");
        assert!(!place.renew(owner).await, "it was given back");
    }
}

pub(super) async fn a_lease_is_had_again_by_its_owner(place: &Place<'_>) {
    let first = place.hold(ALICE).await;
    let again = place.hold(ALICE).await;
    assert!(again >= first);
    assert!(place.is_held_from(BOB).await);
    assert!(place.leave(ALICE).await, "it is one lease");
    assert!(place.hold(BOB).await > again);
}

pub(super) async fn others_can_neither_renew_nor_leave(place: &Place<'_>) {
    place.hold(ALICE).await;
    assert!(!place.renew(BOB).await && !place.leave(BOB).await);
    assert!(!place.renew(CAROL).await && !place.leave(CAROL).await);
    assert!(place.is_held_from(BOB).await);
    assert!(place.renew(ALICE).await && place.leave(ALICE).await);
}

pub(super) async fn a_lease_that_is_renewed_goes_on(place: &Place<'_>) {
    place.hold(ALICE).await;
    // For longer than it would have lasted, however short a pause is.
    for _ in 0..=LEASE.as_millis() * 5 / 4 / MOMENT.as_millis() {
        tokio::time::sleep(MOMENT).await;
        assert!(place.renew(ALICE).await);
    }
    assert!(place.is_held_from(BOB).await);
}

pub(super) async fn the_lease_of_the_dead_ends_by_itself(place: &Place<'_>) {
    let of_the_dead = place.hold(ALICE).await;
    let mut waited = 0;
    let order = loop {
        match place.join(BOB, 0).await {
            Joined::Holder { order, .. } => break order,
            Joined::Waiter { .. } => waited += 1,
        }
        assert!(waited < 600, "it lasts for ever");
        tokio::time::sleep(MOMENT).await;
    };
    assert!(waited > 0, "it lasted for a while");
    assert!(order > of_the_dead);
    assert!(!place.renew(ALICE).await && !place.leave(ALICE).await, "who comes back has it no more");
    assert!(place.leave(BOB).await);
}

pub(super) async fn orders_grow_and_exceed_the_floor(place: &Place<'_>) {
    let mut last = 0;
    for floor in [0, 0, 5, 0, 3, 1_000, 1_000, 999, 1 << 40, 0, 1 << 50, 0] {
        let Joined::Holder { order, .. } = place.join(ALICE, floor).await else { panic!("nobody has it") };
        assert!(order > last && order > floor, "{order} after {last}, above {floor}");
        last = order;
        assert!(place.leave(ALICE).await);
    }
    // Neither a value nor its end takes anything from them.
    assert!(place.publish(ALICE, &value(2, "content"), None).await);
    assert!(place.forget(None).await);
    assert!(place.hold(BOB).await > last);
}

pub(super) async fn publishing_gives_back_the_own_lease_and_no_others(place: &Place<'_>) {
    let order = place.hold(ALICE).await;
    assert!(place.publish(ALICE, &value(order, "content"), None).await);
    let later = place.hold(BOB).await;
    // Who was paused comes late: with a lower order, and without the lease.
    assert!(!place.publish(ALICE, &value(order, "late"), None).await);
    assert!(place.is_held_from(CAROL).await);
    assert!(place.publish(CAROL, &value(later + 1, "without a lease"), None).await);
    assert!(place.is_held_from(CAROL).await);
    assert!(!place.publish(BOB, &value(later, "outdone"), None).await, "another stays");
    assert!(!place.renew(BOB).await, "the lease is given back all the same");
    place.hold(CAROL).await;
}

pub(super) async fn of_fifty_who_ask_at_once_one_has_the_lease(place: &Place<'_>) {
    let runtime = tokio::runtime::Handle::current();
    let join = |number: u8| runtime.block_on(place.join(Owner([number; 16]), 0));
    let joined: Vec<_> = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50).map(|number| scope.spawn(move || join(number))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    });
    let holders: Vec<_> = (0..).zip(&joined).filter(|(_, joined)| matches!(joined, Joined::Holder { .. })).collect();
    let [(holder, _)] = holders[..] else { panic!("{} have it", holders.len()) };
    assert!(joined.iter().filter(|joined| **joined == Joined::Waiter { value: None }).count() == 49);
    assert!(place.leave(Owner([holder; 16])).await);
}

pub(super) async fn questions_that_are_given_up_disturb_nobody(place: &Place<'_>) {
    let Place { store, name } = place;
    assert!(place.publish(ALICE, &value(1, "content"), None).await);
    for _ in 0..20 {
        let other = Place::new(*store);
        begin(store.look(*name)).await;
        assert_eq!(other.look().await, None, "it is not told another's answer");
        begin(store.join(*name, ALICE, 0)).await;
        assert!(!other.leave(ALICE).await);
        begin(store.forget(*name, Some(value(1, "other")))).await;
        assert_eq!(place.bytes().await, Some(value(1, "content")));
    }
    // Whether or not she was given it, it is hers.
    place.hold(ALICE).await;
    assert!(place.leave(ALICE).await);
}

pub(super) async fn getting_ready_asks_nothing_and_may_be_done_at_any_time(place: &Place<'_>) {
    for _ in 0..3 {
        place.store.prepare().await.expect("it is ready");
        begin(place.store.prepare()).await;
        assert_eq!(place.look().await, None);
    }
}

/// Asks, and does not wait for an answer.
async fn begin<T>(question: impl Future<Output = T>) {
    // Polled once.
    drop(tokio::time::timeout(Duration::ZERO, question).await);
}
