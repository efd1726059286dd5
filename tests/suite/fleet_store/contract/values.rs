//! What an engine keeps: values, by their names and for as long as they are worth keeping.

use std::time::Duration;

use tokenkeep::fleet::{Joined, LARGEST_VALUE};

use super::{ALICE, BOB, HOUR, MINUTE, MOMENT, Place, value};

pub(super) async fn what_was_never_published_is_absent(place: &Place<'_>) {
    assert_eq!(place.look().await, None);
    assert!(!place.forget(None).await && !place.forget(Some(b"")).await && !place.forget(Some(b"any")).await);
    assert!(!place.renew(ALICE).await && !place.leave(ALICE).await);
    let Joined::Holder { order, value: None } = place.join(ALICE, 0).await else { panic!("nothing is there") };
    assert!(order > 0, "an order exceeds that of no value");
    assert_eq!(place.look().await, None, "a lease is no value");
}

pub(super) async fn what_is_published_is_read_back_with_the_time_that_is_left(place: &Place<'_>) {
    for (order, lifetime) in [(1, HOUR), (2, MINUTE), (3, 24 * HOUR)] {
        let bytes = value(order, "content");
        assert!(place.publish_for(lifetime, ALICE, &bytes, None).await);
        let read = place.look().await.expect("it is there");
        assert_eq!(read.bytes, bytes);
        let left = read.left.expect("it ends");
        assert!(left <= lifetime && left > lifetime / 2, "{left:?} of {lifetime:?}");
        let Joined::Holder { value: Some(seen), .. } = place.join(ALICE, 0).await else { panic!("it is there") };
        assert!(seen.bytes == bytes && seen.left.is_some_and(|again| again <= left && again > lifetime / 2));
    }
}

pub(super) async fn a_value_is_any_bytes(place: &Place<'_>) {
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let contents = [&b""[..], b"\0", b"\r\n", b"$-1\r\n", b"\xff\xfe", b" ", &[0; 300], &all];
    for (order, content) in (1..).zip(contents) {
        let bytes = value(order, content);
        assert!(place.publish(ALICE, &bytes, None).await, "{order}");
        assert!(place.bytes().await.as_ref() == Some(&bytes), "{order}");
        let Joined::Holder { value: Some(seen), .. } = place.join(ALICE, 0).await else { panic!("it is there") };
        assert!(seen.bytes == bytes, "{order}");
        assert!(place.forget(Some(&bytes)).await, "{order}");
    }
}

pub(super) async fn an_enormous_value_is_cut(place: &Place<'_>) {
    for (order, length) in (1..).zip([LARGEST_VALUE, LARGEST_VALUE + 1, LARGEST_VALUE + 2, 3 * LARGEST_VALUE]) {
        let bytes = value(order, vec![7; length - 8]);
        let cut = &bytes[..length.min(LARGEST_VALUE + 1)];
        assert!(place.publish(ALICE, &bytes, None).await);
        assert!(place.bytes().await.as_deref() == Some(cut), "{length}");
        let Joined::Holder { value: Some(seen), .. } = place.join(ALICE, 0).await else { panic!("it is there") };
        assert!(seen.bytes == cut, "{length}");
        // What was read is what names it.
        assert!(!place.forget(Some(&cut[..cut.len() - 1])).await && place.forget(Some(cut)).await, "{length}");
        assert!(place.publish(ALICE, &value(9, &bytes), None).await);
        let cut = place.bytes().await.expect("it is there");
        assert!(place.publish(ALICE, &value(order, "small"), Some(&cut)).await, "{length}");
    }
}

pub(super) async fn a_value_ends_when_its_time_is_over(place: &Place<'_>) {
    assert!(place.publish_for(Duration::from_millis(1), ALICE, &value(7, "brief"), None).await);
    assert!(place.publish_for(3 * MOMENT, ALICE, &value(8, "less brief"), None).await);
    let mut looked = 0;
    while let Some(read) = place.look().await {
        assert!(read.left.is_some_and(|left| left <= 3 * MOMENT), "it is there for {:?}", read.left);
        looked += 1;
        assert!(looked < 600, "it lasts for ever");
        tokio::time::sleep(MOMENT).await;
    }
    assert!(!place.forget(None).await);
    assert!(place.publish(ALICE, &value(1, "of a lower order"), None).await, "nothing is in its way");
    assert_eq!(place.bytes().await, Some(value(1, "of a lower order")));
}

pub(super) async fn a_higher_order_replaces_and_no_other(place: &Place<'_>) {
    // In bytes, as text and by length these would come in other orders.
    let mut present = None;
    for (order, replaces) in
        [(9, true), (9, false), (8, false), (10, true), (9, false), (255, true), (256, true), (255, false)]
    {
        let bytes = value(order, format!("the {order}th"));
        assert_eq!(place.publish(ALICE, &bytes, None).await, replaces, "{order}");
        present = if replaces { Some(bytes) } else { present };
        assert!(place.bytes().await == present, "{order}");
    }
    for order in [1 << 32, (1 << 32) + 1, 1 << 50, (1 << 50) + 1, 1 << 63, u64::MAX] {
        assert!(place.publish(ALICE, &value(order, ""), None).await, "{order}");
        assert!(!place.publish(ALICE, &value(order / 2, "late"), None).await, "{order}");
    }
    assert!(!place.publish(ALICE, &value(1, "late"), Some(&value(9, "the 9th"))).await, "another was read");
    assert_eq!(place.bytes().await, Some(value(u64::MAX, "")));
}

pub(super) async fn what_nobody_can_open_is_replaced_whatever_its_order(place: &Place<'_>) {
    let (garbage, other) = (value(u64::MAX, "garbage"), value(u64::MAX, "other garbage"));
    assert!(place.publish(ALICE, &value(1, "content"), Some(&garbage)).await, "where nothing is, too");
    assert!(place.publish(ALICE, &value(2, "content"), Some(&garbage)).await, "a lower order is replaced in any case");
    assert!(place.publish(ALICE, &garbage, None).await);
    assert!(!place.publish(ALICE, &value(3, "content"), Some(&other)).await);
    assert!(!place.publish(ALICE, &value(3, "content"), Some(&garbage[..8])).await);
    assert!(!place.publish(ALICE, &value(3, "content"), Some(b"")).await);
    assert_eq!(place.bytes().await.as_ref(), Some(&garbage));
    assert!(place.publish(ALICE, &value(3, "content"), Some(&garbage)).await);
    assert_eq!(place.bytes().await, Some(value(3, "content")));
    for short in [&b"x"[..], b"\xff\xff\xff\xff\xff\xff\xff"] {
        assert!(place.forget(None).await);
        assert!(place.publish(ALICE, short, None).await, "less than an order is a value as well");
        assert_eq!(place.bytes().await.as_deref(), Some(short));
        assert!(place.publish(ALICE, &value(1, "content"), None).await, "its order is none");
    }
}

pub(super) async fn forgetting_takes_the_value_and_nothing_else(place: &Place<'_>) {
    let order = place.hold(ALICE).await;
    assert!(place.publish(BOB, &value(order, "content"), None).await);
    assert!(place.forget(None).await);
    assert_eq!(place.look().await, None);
    assert!(!place.forget(None).await, "it is gone");
    assert!(place.is_held_from(BOB).await, "the lease stays");
    assert!(place.publish(ALICE, &value(order, "content"), None).await);
    assert!(place.hold(BOB).await > order, "the order stays");
}

pub(super) async fn forgetting_one_value_leaves_every_other(place: &Place<'_>) {
    let bytes = value(5, "content");
    assert!(place.publish(ALICE, &bytes, None).await);
    for other in [&b""[..], &bytes[..8], &value(5, "Content"), &value(4, "content"), &value(5, "content\0")] {
        assert!(!place.forget(Some(other)).await);
        assert_eq!(place.bytes().await.as_ref(), Some(&bytes));
    }
    assert!(place.forget(Some(&bytes)).await);
    assert_eq!(place.look().await, None);
    assert!(!place.forget(Some(&bytes)).await, "it is gone");
}

pub(super) async fn names_do_not_meet(place: &Place<'_>) {
    let others: Vec<_> = (0..20).map(|_| Place::new(place.store)).collect();
    let order = place.hold(ALICE).await;
    assert!(place.publish(BOB, &value(order, "content"), None).await);
    for (index, other) in (1..).zip(&others) {
        assert_eq!(other.look().await, None);
        assert!(!other.leave(ALICE).await && !other.renew(ALICE).await && !other.forget(None).await);
        other.hold(BOB).await;
        assert!(other.publish(BOB, &value(index, "other"), None).await);
    }
    for (index, other) in (1..).zip(&others) {
        assert_eq!(other.bytes().await, Some(value(index, "other")));
    }
    assert_eq!(place.bytes().await, Some(value(order, "content")));
    assert!(place.renew(ALICE).await);
}
