//! What every engine has to show before hosts share over it: each promise of [`Store`], tried on the engine itself.
//!
//! Names are random, so what others keep in the same engine is not touched; leases and values end by its own clock.

mod leases;
mod values;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use tokenkeep::fleet::{FleetName, Joined, Owner, Publication, Store, Value};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(100);

const ALICE: Owner = Owner([0xa1; 16]);
/// Zeros, line ends and quotes: an owner is bytes.
const BOB: Owner = Owner(*b"\0\r\n$-1\r\n'\"\\%s\0\0\0");
const CAROL: Owner = Owner([0; 16]);

/// Holds an engine to the contract. Takes some ten seconds, which are those of two leases that end.
pub(crate) async fn keeps(engine: &str, store: &dyn Store) {
    macro_rules! claims {
        ($group:ident: $($claim:ident)*) => {
            $(held(engine, stringify!($claim), $group::$claim(&Place::new(store))).await;)*
        };
    }
    claims! { values:
        what_was_never_published_is_absent
        what_is_published_is_read_back_with_the_time_that_is_left
        a_value_is_any_bytes
        an_enormous_value_is_cut
        a_value_ends_when_its_time_is_over
        a_higher_order_replaces_and_no_other
        what_nobody_can_open_is_replaced_whatever_its_order
        forgetting_takes_the_value_and_nothing_else
        forgetting_one_value_leaves_every_other
        names_do_not_meet
    }
    claims! { leases:
        the_first_to_ask_has_the_lease_and_the_others_wait_and_see_the_value
        a_lease_that_was_given_back_is_the_next_ones
        a_lease_is_had_again_by_its_owner
        others_can_neither_renew_nor_leave
        a_lease_that_is_renewed_goes_on
        the_lease_of_the_dead_ends_by_itself
        orders_grow_and_exceed_the_floor
        publishing_gives_back_the_own_lease_and_no_others
        of_fifty_who_ask_at_once_one_has_the_lease
        questions_that_are_given_up_disturb_nobody
        getting_ready_asks_nothing_and_may_be_done_at_any_time
    }
}

/// Carries out one claim; where it does not hold, the panic says which and by whom.
async fn held(engine: &str, claim: &str, claimed: impl Future<Output = ()>) {
    let mut claimed = pin!(claimed);
    let outcome = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| claimed.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Err(panic).into(),
    });
    if let Err(panic) = outcome.await {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        panic!("{engine}: {claim}: {why}");
    }
}

/// A name that nobody else uses.
struct Place<'a> {
    store: &'a dyn Store,
    name: FleetName,
}

impl<'a> Place<'a> {
    fn new(store: &'a dyn Store) -> Self {
        let mut name = [0; 32];
        getrandom::fill(&mut name).expect("randomness");
        Self { store, name: FleetName::new(name) }
    }

    async fn look(&self) -> Option<Value> {
        self.store.look(self.name).await.expect("it answers")
    }

    /// The bytes of the value.
    async fn bytes(&self) -> Option<Vec<u8>> {
        self.look().await.map(|value| value.bytes)
    }

    async fn join(&self, owner: Owner, floor: u64) -> Joined {
        self.store.join(self.name, owner, floor).await.expect("it answers")
    }

    /// Asks for the lease, which is free, and returns its order.
    async fn hold(&self, owner: Owner) -> u64 {
        match self.join(owner, 0).await {
            Joined::Holder { order, .. } => order,
            Joined::Waiter { .. } => panic!("nobody else has the lease"),
        }
    }

    async fn is_held_from(&self, owner: Owner) -> bool {
        matches!(self.join(owner, 0).await, Joined::Waiter { .. })
    }

    async fn renew(&self, owner: Owner) -> bool {
        self.store.renew(self.name, owner).await.expect("it answers")
    }

    async fn leave(&self, owner: Owner) -> bool {
        self.store.leave(self.name, owner).await.expect("it answers")
    }

    async fn publish(&self, owner: Owner, bytes: &[u8], instead_of: Option<&[u8]>) -> bool {
        self.publish_for(HOUR, owner, bytes, instead_of).await
    }

    async fn publish_for(&self, lifetime: Duration, owner: Owner, bytes: &[u8], instead_of: Option<&[u8]>) -> bool {
        let instead_of = instead_of.map(<[u8]>::to_vec);
        let publication = Publication { owner, bytes: bytes.to_vec(), lifetime, instead_of };
        self.store.publish(self.name, publication).await.expect("it answers")
    }

    async fn forget(&self, only: Option<&[u8]>) -> bool {
        self.store.forget(self.name, only.map(<[u8]>::to_vec)).await.expect("it answers")
    }
}

/// A value of an order.
fn value(order: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    [&order.to_be_bytes(), content.as_ref()].concat()
}
