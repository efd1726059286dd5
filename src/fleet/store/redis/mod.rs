//! Redis and what speaks its protocol: one server, a cluster, or what sentinels name.

mod bounded;
mod connection;
mod fault;
mod scripts;
mod tls;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, RedisError};
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use self::connection::{Connection, Dialer};
use self::fault::{fault, is_worth_another};
use super::{Answer, FleetError, FleetName, Joined, Owner, Publication, Store, Value};
use crate::config::{BUDGET, FleetUrl};
use crate::system::secret::Secret;

/// How long an unused connection is kept: a device on the way may have dropped it, which only a timeout would show.
const IDLE: Duration = Duration::from_secs(15);

/// A user and a password that the engine knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The user of the access list; the default user if there is none.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

impl Login {
    /// Makes a login; without a user it is that of the default user.
    pub fn new(user: Option<String>, password: impl Into<Secret>) -> Login {
        Login { user, password: password.into() }
    }
}

/// What a connection takes, read when one is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The user that connects, and its password.
    pub(crate) login: Option<Login>,
    /// The PEM certificates that vouch for the server, instead of the system's.
    pub(crate) ca: Option<Vec<u8>>,
}

/// Reads what a connection takes; may block.
pub(crate) type AccessSource = Arc<dyn Fn() -> Result<Access, FleetError> + Send + Sync>;

/// Shares over Redis, Valkey or anything that speaks their protocol and runs scripts.
///
/// Connects at the first call and keeps the connection. Calls run in the tokio runtime that is entered; a keeper enters
/// one of its own.
pub struct RedisStore {
    dialer: Dialer,
    idle: Mutex<Option<Idle>>,
}

/// A connection that is not in use now.
struct Idle {
    connection: Connection,
    since: Instant,
    /// The runtime whose tasks move its bytes: one that is not driven at the moment moves none.
    runtime: Id,
}

impl Idle {
    fn is_usable(&self) -> bool {
        self.since.elapsed() < IDLE && Handle::try_current().is_ok_and(|runtime| runtime.id() == self.runtime)
    }
}

impl RedisStore {
    /// Makes a store of an address, a login, and the PEM certificates that vouch for the server instead of the
    /// system's. Connects to nothing yet.
    pub fn new(url: FleetUrl, login: Option<Login>, ca: Option<Vec<u8>>) -> RedisStore {
        let access = Access { login, ca };
        RedisStore::with_source(url, Arc::new(move || Ok(access.clone())), BUDGET)
    }

    /// As [`RedisStore::new`], with what a connection takes read when one is made, and the time that a call may take.
    pub(crate) fn with_source(url: FleetUrl, source: AccessSource, budget: Duration) -> RedisStore {
        RedisStore { dialer: Dialer::new(url, source, budget), idle: Mutex::default() }
    }

    /// Asks on the connection that is there, or a new one. A connection is taken out while it is used: it is not used
    /// again if its answer was not waited for.
    async fn ask<T: FromRedisValue>(&self, question: Question) -> Result<T, FleetError> {
        let mut clustered = false;
        if let Some(mut connection) = self.take_idle() {
            match connection.ask(&question).await {
                Ok(answer) => return self.answered(connection, answer),
                Err(error) if is_worth_another(&error) => clustered = connection::is_of_cluster(&error),
                Err(error) => return Err(fault(&error)),
            }
            // The password may have been changed since that connection was made.
            self.dialer.prepare().await?;
        }
        let mut connection = if clustered { self.dialer.cluster().await? } else { self.dialer.connect().await? };
        let first = connection.ask(&question).await;
        match first {
            Ok(answer) => self.answered(connection, answer),
            Err(error) if connection::is_of_cluster(&error) && !connection.is_cluster() => {
                let mut connection = self.dialer.cluster().await?;
                let answer = connection.ask(&question).await.map_err(|error| fault(&error))?;
                self.answered(connection, answer)
            }
            Err(error) => Err(fault(&error)),
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.filter(Idle::is_usable).map(|idle| idle.connection)
    }

    fn answered<T: FromRedisValue>(&self, connection: Connection, answer: redis::Value) -> Result<T, FleetError> {
        let idle = Idle { connection, since: Instant::now(), runtime: Handle::current().id() };
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(idle);
        T::from_redis_value(answer).map_err(|_| FleetError::Nonsense)
    }
}

/// What is sent together: one command, or several.
enum Question {
    One(Cmd),
    Several(Pipeline),
}

impl Connection {
    async fn ask(&mut self, question: &Question) -> Result<redis::Value, RedisError> {
        match question {
            Question::One(command) => command.query_async(self).await,
            Question::Several(pipeline) => pipeline.query_async(self).await,
        }
    }
}

impl Store for RedisStore {
    fn prepare(&self) -> Answer<'_, ()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = idle.as_ref().is_some_and(Idle::is_usable);
        drop(idle);
        Box::pin(async move { if connected { Ok(()) } else { self.dialer.prepare().await } })
    }

    fn look(&self, name: FleetName) -> Answer<'_, Option<Value>> {
        Box::pin(async move { Ok(scripts::value(self.ask(scripts::look(name)).await?)) })
    }

    fn join(&self, name: FleetName, owner: Owner, floor: u64) -> Answer<'_, Joined> {
        Box::pin(async move {
            let (order, bytes, left): (u64, Vec<u8>, i64) = self.ask(scripts::join(name, owner, floor)).await?;
            let value = scripts::value((bytes, left));
            Ok(if order == 0 { Joined::Waiter { value } } else { Joined::Holder { order, value } })
        })
    }

    fn renew(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        Box::pin(self.ask(scripts::renew(name, owner)))
    }

    fn leave(&self, name: FleetName, owner: Owner) -> Answer<'_, bool> {
        Box::pin(self.ask(scripts::leave(name, owner)))
    }

    fn publish(&self, name: FleetName, publication: Publication) -> Answer<'_, bool> {
        Box::pin(async move { self.ask(scripts::publish(name, &publication)).await })
    }

    fn forget(&self, name: FleetName, only: Option<Vec<u8>>) -> Answer<'_, bool> {
        Box::pin(async move { self.ask(scripts::forget(name, only.as_deref())).await })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("url", self.dialer.url()).finish_non_exhaustive()
    }
}
