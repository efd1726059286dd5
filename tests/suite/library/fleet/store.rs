//! A store of the tests' own: it tells what it was asked, and fails when it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokenkeep::clock::Clock;
use tokenkeep::fleet::{Answer, FleetError, FleetName, Joined, MemoryFleet, Owner, Publication, Store, Value};

/// How a store is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Fine,
    /// Every question fails at once.
    Failing,
    /// No question is answered.
    Silent,
    /// Every answer takes 90 ms.
    Far,
}

/// A store in memory that is watched.
#[derive(Debug)]
pub(super) struct WatchedStore {
    store: MemoryFleet,
    mood: Mutex<Mood>,
    questions: Mutex<Vec<&'static str>>,
}

impl WatchedStore {
    pub(super) fn new() -> Arc<Self> {
        Self::of(MemoryFleet::default())
    }

    /// One whose leases and values end by this clock.
    pub(super) fn with_clock(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::of(MemoryFleet::new(clock))
    }

    fn of(store: MemoryFleet) -> Arc<Self> {
        Arc::new(Self { store, mood: Mutex::new(Mood::Fine), questions: Mutex::default() })
    }

    pub(super) fn is(&self, mood: Mood) {
        *self.mood.lock().expect("no holder panics") = mood;
    }

    /// What was asked since this was asked last; renewals, which come by the second, are left out.
    pub(super) fn questions(&self) -> Vec<&'static str> {
        let mut questions = std::mem::take(&mut *self.questions.lock().expect("no holder panics"));
        questions.retain(|question| *question != "renew");
        questions
    }

    /// Waits until a question was asked so often.
    pub(super) async fn wait_for(&self, question: &str, times: usize) {
        let asked = || self.questions.lock().expect("no holder panics").iter().filter(|&&is| is == question).count();
        for _ in 0..12_000 {
            if asked() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("waited in vain until it was asked to {question} {times} times");
    }

    fn asked<'a, T: Send + 'a>(
        &'a self,
        question: &'static str,
        ask: impl FnOnce(&'a MemoryFleet) -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        self.questions.lock().expect("no holder panics").push(question);
        let mood = *self.mood.lock().expect("no holder panics");
        Box::pin(async move {
            match mood {
                Mood::Fine => ask(&self.store).await,
                Mood::Failing => Err(FleetError::Answered("FAILING".to_owned())),
                Mood::Silent => std::future::pending().await,
                Mood::Far => {
                    tokio::time::sleep(Duration::from_millis(45)).await;
                    let answer = ask(&self.store).await;
                    tokio::time::sleep(Duration::from_millis(45)).await;
                    answer
                }
            }
        })
    }
}

impl Store for WatchedStore {
    fn look(&self, name: FleetName) -> Answer<'_, Option<Value>> {
        self.asked("look", move |store| store.look(name))
    }

    fn join(&self, name: FleetName, owner: Owner, floor: u64) -> Answer<'_, Joined> {
        self.asked("join", move |store| store.join(name, owner, floor))
    }

    fn renew(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        self.asked("renew", move |store| store.renew(name, owner))
    }

    fn leave(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        self.asked("leave", move |store| store.leave(name, owner))
    }

    fn publish(&self, name: FleetName, publication: Publication) -> Answer<'_, bool> {
        self.asked("publish", move |store| store.publish(name, publication))
    }

    fn forget(&self, name: FleetName, only: Option<Vec<u8>>) -> Answer<'_, bool> {
        self.asked("forget", move |store| store.forget(name, only))
    }
}
