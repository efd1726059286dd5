//! What the issuer remembers: orders, requests that arrived, traffic. Both ports share it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::http::Answer;
use crate::protocol::{
    Behaviour, Certificate, ConnectionBehaviour, ConnectionOrder, Order, Recorded, Settings, Traffic,
};
use crate::provider::Provider;

pub(crate) struct Issuer {
    inner: Mutex<Inner>,
    /// What `POST /reset` returns to.
    initial: Settings,
    traffic: Counters,
    /// Marked on every arrival, for those who wait for one.
    changed: watch::Sender<()>,
    /// Marked by `POST /release`.
    released: watch::Sender<()>,
}

struct Inner {
    settings: Settings,
    orders: VecDeque<Order>,
    connection_orders: VecDeque<ConnectionOrder>,
    requests: Vec<Recorded>,
    provider: Provider,
}

#[derive(Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    bytes_received: AtomicU64,
}

/// Ends when what was held at its making is released.
pub(crate) struct Release(watch::Receiver<()>);

impl Release {
    pub(crate) async fn wait(mut self) {
        // An error says that the issuer is going away, which ends the wait as well.
        let _ = self.0.changed().await;
    }
}

/// Counts a connection as open for as long as it lives.
pub(crate) struct OpenConnection<'a>(&'a Issuer);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.traffic.open.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.send_replace(());
    }
}

impl Issuer {
    pub(crate) fn new(provider: Provider, settings: Settings, orders: Vec<Order>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                settings: settings.clone(),
                orders: orders.into(),
                connection_orders: VecDeque::new(),
                requests: Vec::new(),
                provider,
            }),
            initial: settings,
            traffic: Counters::default(),
            changed: watch::Sender::new(()),
            released: watch::Sender::new(()),
        }
    }

    /// Counts a new connection and says what happens to it.
    pub(crate) fn connect(&self) -> (OpenConnection<'_>, Option<ConnectionBehaviour>) {
        self.traffic.accepted.fetch_add(1, Ordering::Relaxed);
        self.traffic.open.fetch_add(1, Ordering::Relaxed);
        let behaviour = take_next(&mut self.inner().connection_orders, |_| true, |order| &mut order.times)
            .map(|order| order.behaviour);
        self.changed.send_replace(());
        (OpenConnection(self), behaviour)
    }

    pub(crate) fn receive(&self, bytes: usize) {
        self.traffic.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Records a request and says what happens to it.
    pub(crate) fn arrive(&self, request: &Recorded) -> (Behaviour, Release) {
        // Subscribed before anyone can see the arrival, so that a release that follows it is never missed.
        let release = Release(self.released.subscribe());
        let mut inner = self.inner();
        inner.requests.push(request.clone());
        let wanted = |order: &Order| order.path == "*" || order.path == request.path;
        let order = take_next(&mut inner.orders, wanted, |order| &mut order.times);
        drop(inner);
        self.changed.send_replace(());
        (order.map_or(Behaviour::Normal, |order| order.behaviour), release)
    }

    /// The true answer, after the latency of the token endpoint.
    pub(crate) async fn answer(&self, request: &Recorded) -> Answer {
        let latency = self.inner().settings.latency_ms;
        if request.path == "/token" && latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let mut inner = self.inner();
        let settings = inner.settings.clone();
        inner.provider.answer(request, &settings)
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.inner().settings.certificate
    }

    pub(crate) fn order(&self, order: Order) {
        let orders = &mut self.inner().orders;
        orders.retain(|earlier| earlier.path != order.path || earlier.times.is_some());
        orders.push_back(order);
    }

    pub(crate) fn order_connections(&self, order: ConnectionOrder) {
        let orders = &mut self.inner().connection_orders;
        orders.retain(|earlier| earlier.times.is_some());
        orders.push_back(order);
    }

    /// Merges the given members into the settings; an unknown one changes nothing.
    pub(crate) fn change_settings(&self, changes: Map<String, Value>) -> serde_json::Result<()> {
        let mut inner = self.inner();
        let mut merged = serde_json::to_value(&inner.settings)?;
        for (name, value) in changes {
            merged[name] = value;
        }
        inner.settings = serde_json::from_value(merged)?;
        Ok(())
    }

    pub(crate) fn release(&self) {
        self.released.send_replace(());
    }

    /// Forgets orders, settings, requests and traffic; tokens stay good, open connections stay counted.
    pub(crate) fn reset(&self) {
        let mut inner = self.inner();
        inner.settings = self.initial.clone();
        inner.orders.clear();
        inner.connection_orders.clear();
        inner.requests.clear();
        drop(inner);
        self.traffic.accepted.store(0, Ordering::Relaxed);
        self.traffic.bytes_received.store(0, Ordering::Relaxed);
        self.release();
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.inner().requests.clone()
    }

    /// Requests that arrived, at one path or at all.
    pub(crate) fn count(&self, path: Option<&str>) -> usize {
        let at_path = |request: &&Recorded| path.is_none_or(|path| request.path == path);
        self.inner().requests.iter().filter(at_path).count()
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            accepted: self.traffic.accepted.load(Ordering::Relaxed),
            open: self.traffic.open.load(Ordering::Relaxed),
            bytes_received: self.traffic.bytes_received.load(Ordering::Relaxed),
        }
    }

    /// Waits until the condition holds; it is looked at after each arrival, connect and disconnect.
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        while !condition(self) && changed.changed().await.is_ok() {}
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

/// Uses up one time of the first order that is wanted.
fn take_next<T: Clone>(
    orders: &mut VecDeque<T>,
    wanted: impl Fn(&T) -> bool,
    times: impl Fn(&mut T) -> &mut Option<u32>,
) -> Option<T> {
    orders.retain_mut(|order| *times(order) != Some(0));
    let order = orders.iter_mut().find(|order| wanted(order))?;
    let taken = order.clone();
    if let Some(left) = times(order) {
        *left -= 1;
    }
    Some(taken)
}
