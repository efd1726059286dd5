//! What an engine keeps for one name, and the rules by which it changes: the only place that states them in Rust. The
//! memory store runs on it, the model of the protocol checks it, and the contract holds other engines to it.

use std::time::Duration;

use super::{Joined, LARGEST_VALUE, LEASE, Owner, Publication, Value, order_of};

/// What is kept for one name. Times are counted from any moment, as long as it is always the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::fleet) struct Slot {
    value: Option<(Vec<u8>, Duration)>,
    lease: Option<(Owner, Duration)>,
    order: u64,
}

impl Slot {
    /// Lets go of what has ended by `now`.
    pub(in crate::fleet) fn expire(&mut self, now: Duration) {
        self.value.take_if(|(_, ends)| *ends <= now);
        self.lease.take_if(|(_, ends)| *ends <= now);
    }

    pub(in crate::fleet) fn look(&self, now: Duration) -> Option<Value> {
        self.value.as_ref().map(|(bytes, ends)| Value {
            bytes: bytes[..bytes.len().min(LARGEST_VALUE + 1)].to_vec(),
            left: Some(ends.saturating_sub(now)),
        })
    }

    pub(in crate::fleet) fn join(&mut self, owner: Owner, floor: u64, now: Duration) -> Joined {
        let value = self.look(now);
        if self.lease.is_some_and(|(holder, _)| holder != owner) {
            return Joined::Waiter { value };
        }
        self.lease = Some((owner, now + LEASE));
        self.order = self.order.max(floor) + 1;
        Joined::Holder { order: self.order, value }
    }

    pub(in crate::fleet) fn renew(&mut self, owner: Owner, now: Duration) -> bool {
        match &mut self.lease {
            Some((holder, ends)) if *holder == owner => {
                *ends = now + LEASE;
                true
            }
            _ => false,
        }
    }

    pub(in crate::fleet) fn leave(&mut self, owner: Owner) -> bool {
        self.lease.take_if(|(holder, _)| *holder == owner).is_some()
    }

    pub(in crate::fleet) fn publish(&mut self, publication: &Publication, now: Duration) -> bool {
        let stays = self.value.as_ref().is_some_and(|(present, _)| {
            let read = &present[..present.len().min(LARGEST_VALUE + 1)];
            order_of(present) >= publication.order() && publication.instead_of.as_deref() != Some(read)
        });
        if !stays {
            self.value = Some((publication.bytes.clone(), now + publication.lifetime));
        }
        self.leave(publication.owner);
        !stays
    }

    pub(in crate::fleet) fn forget(&mut self, only: Option<&[u8]>) -> bool {
        let read = |bytes: &[u8]| only.is_none_or(|only| only == &bytes[..bytes.len().min(LARGEST_VALUE + 1)]);
        self.value.take_if(|(bytes, _)| read(bytes)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A slot and what time it is there.
    #[derive(Default)]
    struct Kept {
        slot: Slot,
        now: Duration,
    }

    #[derive(Clone, Debug)]
    enum Step {
        RequestKey(Duration),
        Join { who: Owner, floor: u64 },
        Renew(Owner),
        Leave(Owner),
        Publish(Publication, Instead),
        Forget { only: bool },
    }

    /// What a publisher reports that it could not open.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Instead {
        Nothing,
        WhatIsThere,
        WhatIsNot,
    }

    impl Kept {
        /// Takes a step; returns the order of the lease, if it was taken, and whether the step was done.
        fn take(&mut self, step: &Step) -> (u64, bool) {
            let Kept { slot, now } = self;
            match step {
                Step::RequestKey(time) => {
                    *now += *time;
                    slot.expire(*now);
                    (0, true)
                }
                Step::Join { who, floor } => match slot.join(*who, *floor, *now) {
                    Joined::Holder { order, .. } => (order, true),
                    Joined::Waiter { .. } => (0, false),
                },
                Step::Renew(who) => (0, slot.renew(*who, *now)),
                Step::Leave(who) => (0, slot.leave(*who)),
                Step::Publish(publication, instead) => {
                    let instead_of = match instead {
                        Instead::Nothing => None,
                        Instead::WhatIsThere => self.read(),
                        Instead::WhatIsNot => Some(vec![0; 9]),
                    };
                    let publication = Publication { instead_of, ..publication.clone() };
                    (0, self.slot.publish(&publication, self.now))
                }
                Step::Forget { only } => {
                    let read = self.read().filter(|_| *only);
                    (0, self.slot.forget(read.as_deref()))
                }
            }
        }

        fn read(&self) -> Option<Vec<u8>> {
            self.slot.look(self.now).map(|value| value.bytes)
        }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let who = || (0_u8..3).prop_map(|who| Owner([who; 16]));
        let instead = prop_oneof![Just(Instead::Nothing), Just(Instead::WhatIsThere), Just(Instead::WhatIsNot)];
        let publication = (who(), 0_u64..12, 1_u64..9_000).prop_map(|(owner, order, lifetime)| Publication {
            owner,
            bytes: [&order.to_be_bytes()[..], &owner.0].concat(),
            lifetime: Duration::from_millis(lifetime),
            instead_of: None,
        });
        let step = prop_oneof![
            (0_u64..4_000).prop_map(|time| Step::RequestKey(Duration::from_millis(time))),
            (who(), 0_u64..12).prop_map(|(who, floor)| Step::Join { who, floor }),
            who().prop_map(Step::Renew),
            who().prop_map(Step::Leave),
            (publication, instead).prop_map(|(publication, instead)| Step::Publish(publication, instead)),
            any::<bool>().prop_map(|only| Step::Forget { only }),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #[test]
        fn each_lease_has_a_higher_order_than_all_before_it_and_than_its_floor(steps in steps()) {
            let (mut kept, mut last) = (Kept::default(), 0);
            for step in steps {
                let (order, done) = kept.take(&step);
                if let (Step::Join { floor, .. }, true) = (&step, done) {
                    prop_assert!(order > last && order > *floor);
                    last = order;
                }
            }
        }

        #[test]
        fn a_lease_is_its_owners_until_they_give_it_back_or_let_it_end(steps in steps()) {
            let (mut kept, mut lease) = (Kept::default(), None::<(Owner, Duration)>);
            for step in steps {
                let (_, done) = kept.take(&step);
                lease.take_if(|(_, ends)| *ends <= kept.now);
                let held_by = |who: &Owner| lease.is_some_and(|(holder, _)| holder == *who);
                match &step {
                    Step::Join { who, .. } => {
                        prop_assert_eq!(done, lease.is_none() || held_by(who));
                        lease = if done { Some((*who, kept.now + LEASE)) } else { lease };
                    }
                    Step::Renew(who) => {
                        prop_assert_eq!(done, held_by(who));
                        lease = if done { Some((*who, kept.now + LEASE)) } else { lease };
                    }
                    Step::Leave(who) => {
                        prop_assert_eq!(done, held_by(who));
                        lease.take_if(|(holder, _)| holder == who);
                    }
                    Step::Publish(Publication { owner, .. }, _) => drop(lease.take_if(|(holder, _)| holder == owner)),
                    Step::RequestKey(_) | Step::Forget { .. } => {}
                }
                prop_assert_eq!(kept.slot.lease, lease);
            }
        }

        #[test]
        fn a_value_stays_until_it_ends_is_forgotten_or_gives_way_to_a_higher_order_or_to_who_cannot_open_it(
            steps in steps(),
        ) {
            let (mut kept, mut value) = (Kept::default(), None::<(Vec<u8>, Duration)>);
            for step in steps {
                let (_, done) = kept.take(&step);
                value.take_if(|(_, ends)| *ends <= kept.now);
                match &step {
                    Step::Publish(new, instead) => {
                        let higher = value.as_ref().is_none_or(|(old, _)| order_of(old) < new.order());
                        prop_assert_eq!(done, higher || *instead == Instead::WhatIsThere);
                        value = if done { Some((new.bytes.clone(), kept.now + new.lifetime)) } else { value };
                    }
                    Step::Forget { .. } => prop_assert_eq!(done, value.take().is_some()),
                    _ => {}
                }
                prop_assert_eq!(&kept.slot.value, &value);
                let left = kept.slot.look(kept.now).and_then(|value| value.left);
                prop_assert_eq!(left, value.as_ref().map(|(_, ends)| *ends - kept.now));
            }
        }
    }

    #[test]
    fn what_is_too_large_to_be_read_whole_gives_way_to_who_read_what_can_be_read() {
        let publication = |bytes: Vec<u8>, instead_of| Publication {
            owner: Owner([1; 16]),
            bytes,
            lifetime: Duration::from_secs(60),
            instead_of,
        };
        let mut kept = Kept::default();
        assert!(kept.slot.publish(&publication(vec![255; LARGEST_VALUE + 9], None), kept.now));
        let read = kept.read().expect("a value");
        assert_eq!(read.len(), LARGEST_VALUE + 1);
        assert!(!kept.slot.publish(&publication(vec![1; 9], None), kept.now));
        assert!(kept.slot.publish(&publication(vec![1; 9], Some(read)), kept.now));
        assert_eq!(kept.read(), Some(vec![1; 9]));
    }
}
