//! Connections, however many hosts an address names.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::io::AsyncDNSResolver;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, RedisFuture,
    ServerErrorKind, TlsCertificates, TlsMode, Value,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::bounded::Bounded;
use super::fault::fault;
use super::{Access, AccessSource, Login, tls};
use crate::config::{FleetUrl, Topology};
use crate::fleet::FleetError;

/// The caller has a deadline for everything; this only keeps the library's own from being shorter.
const LONG: Duration = Duration::from_secs(60);
/// How long a connection to a node of a cluster may take of a budget, TLS included: a silent node must leave time for
/// another. The share of the default budget is 100 ms, which a loaded machine exceeds. A longer budget, set by the
/// operator, gives each node more time as well.
fn share_of_a_node(budget: Duration) -> Duration {
    budget * 2 / 5
}
/// When the next of several hosts is tried, while the one before has not answered.
const NEXT: Duration = Duration::from_millis(40);

/// Makes connections.
pub(super) struct Dialer {
    url: FleetUrl,
    source: AccessSource,
    /// Whether what looked like one server turned out to be a node of a cluster.
    clustered: AtomicBool,
    /// How long a node of a cluster may take to be connected to.
    node: Duration,
    /// What was read for the next connection.
    prepared: Mutex<Option<Access>>,
}

/// A connection to one server, or to a cluster.
pub(super) enum Connection {
    One { connection: MultiplexedConnection, _driver: Driver },
    Cluster(ClusterConnection),
}

/// Ends what moves a connection's bytes when the connection is dropped.
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Dialer {
    pub(super) fn new(url: FleetUrl, source: AccessSource, budget: Duration) -> Dialer {
        let node = share_of_a_node(budget);
        Dialer { url, source, clustered: AtomicBool::new(false), node, prepared: Mutex::default() }
    }

    pub(super) fn url(&self) -> &FleetUrl {
        &self.url
    }

    pub(super) async fn connect(&self) -> Result<Connection, FleetError> {
        match self.url.topology() {
            Topology::Cluster => self.cluster().await,
            Topology::Single if self.clustered.load(Ordering::Relaxed) => self.cluster().await,
            Topology::Single => {
                let access = self.access().await?;
                first(self.url.hosts().map(|(host, port)| self.answering(host, port, &access))).await
            }
            Topology::Sentinel { service } => {
                let access = self.access().await?;
                let (host, port) = self.named_by_sentinels(service, &access).await?;
                self.server(&host, port, &access).await
            }
        }
    }

    /// Connects to one of several servers, and requires an answer from it: a server may take connections and not
    /// answer.
    async fn answering(&self, host: &str, port: u16, access: &Access) -> Result<Connection, FleetError> {
        let mut connection = self.server(host, port, access).await?;
        if self.url.hosts().nth(1).is_some() {
            // A command that every user of the store may send; an error is an answer.
            let mut question = redis::cmd("GETRANGE");
            question.arg("tokenkeep/v1/{}").arg(0).arg(0);
            let answer: Result<Value, RedisError> = question.query_async(&mut connection).await;
            if let Some(error) = answer.err().filter(RedisError::is_io_error) {
                return Err(fault(&error));
            }
        }
        Ok(connection)
    }

    /// Connects to one server: over TCP and TLS of our own, which trusts only the configured certificates, or else the
    /// system's.
    async fn server(&self, host: &str, port: u16, access: &Access) -> Result<Connection, FleetError> {
        self.connected(host, port, access, self.url.database()).await
    }

    async fn connected(&self, host: &str, port: u16, access: &Access, database: u32) -> Result<Connection, FleetError> {
        let unreachable = |error: io::Error| FleetError::Unreachable(error.kind().to_string());
        let addresses = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<_> =
            addresses.map_err(|_| FleetError::Unreachable("it has no address".to_owned()))?.collect();
        let stream = TcpStream::connect(&*addresses).await.map_err(unreachable)?;
        // What is small must not wait for more.
        stream.set_nodelay(true).map_err(unreachable)?;
        if !self.url.is_tls() {
            return self.introduced(stream, access.login.as_ref(), database).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| FleetError::Tls(error.to_string()))?;
        let connector = tls::connector(access.ca.as_deref())?;
        let stream = connector.connect(name, stream).await.map_err(|error| fault(&RedisError::from(error)))?;
        self.introduced(stream, access.login.as_ref(), database).await
    }

    async fn introduced<S>(&self, stream: S, login: Option<&Login>, database: u32) -> Result<Connection, FleetError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let info = information(login, database)?;
        let made = MultiplexedConnection::new_with_config(&info, Bounded::new(stream), config).await;
        let (connection, driver) = made.map_err(|error| match fault(&error) {
            error if database != 0 => instead_of_an_error(error, "it has no such database"),
            error => error,
        })?;
        let driver = Driver(tokio::spawn(driver).abort_handle());
        Ok(Connection::One { connection, _driver: driver })
    }

    /// Connects to a cluster by the hosts that are known.
    pub(super) async fn cluster(&self) -> Result<Connection, FleetError> {
        let access = self.access().await?;
        let mut builder =
            ClusterClientBuilder::new(self.addresses()).retries(2).connection_timeout(self.node).response_timeout(LONG);
        if let Some(login) = &access.login {
            if let Some(user) = &login.user {
                builder = builder.username(user);
            }
            builder = builder.password(password(login)?);
            if !self.url.is_tls() {
                builder = builder.async_dns_resolver(Loopback);
            }
        }
        if self.url.is_tls() {
            tls::provide();
            builder = builder.tls(TlsMode::Secure).certs(certificates(&access));
        }
        let client = builder.build().map_err(|error| fault(&error))?;
        let connection = match client.get_async_connection().await {
            Ok(connection) => connection,
            // The answer of a node to a connection of its own is clearer.
            Err(error) => match first(self.url.hosts().map(|(host, port)| self.server(host, port, &access))).await {
                Err(own) => return Err(own),
                Ok(_) => return Err(instead_of_an_error(fault(&error), "it is no cluster")),
            },
        };
        self.clustered.store(true, Ordering::Relaxed);
        Ok(Connection::Cluster(connection))
    }

    /// Asks the sentinels, without a password, for the server to write to.
    async fn named_by_sentinels(&self, service: &str, access: &Access) -> Result<(String, u16), FleetError> {
        let nobody = Access { login: None, ca: access.ca.clone() };
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(service);
        let named = first(self.url.hosts().map(|(host, port)| {
            let (nobody, question) = (&nobody, &question);
            async move {
                let mut sentinel = self.connected(host, port, nobody, 0).await?;
                let named = question.query_async(&mut sentinel).await;
                let named = named.map_err(|error| instead_of_an_error(fault(&error), "it is no sentinel"))?;
                let unknown = || FleetError::Unreachable("no sentinel knows this service".to_owned());
                Option::<(String, u16)>::ok_or_else(named, unknown)
            }
        }));
        match named.await? {
            (host, _) if access.login.is_some() && exposes(&self.url, &host) => Err(FleetError::Exposed),
            named => Ok(named),
        }
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): (&str, u16)| match self.url.is_tls() {
            false => ConnectionAddr::Tcp(host.to_owned(), port),
            true => ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None },
        };
        self.url.hosts().map(address).collect()
    }

    /// Reads what the next connection takes, before the time is counted.
    pub(super) async fn prepare(&self) -> Result<(), FleetError> {
        let access = self.read().await?;
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(access);
        Ok(())
    }

    async fn access(&self) -> Result<Access, FleetError> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match prepared {
            Some(access) => Ok(access),
            None => self.read().await,
        }
    }

    /// Reads what a connection takes in a thread of its own: it may wait for a keyring, a file or a program.
    async fn read(&self) -> Result<Access, FleetError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let source = self.source.clone();
        let read = move || {
            // No receiver is left if the caller ran out of time.
            let _ = tell.send(source());
        };
        let failed = |what: &str| FleetError::NoPassword(what.to_owned());
        std::thread::Builder::new().spawn(read).map_err(|_| failed("no thread can be started"))?;
        let access = told.await.map_err(|_| failed("a thread failed"))??;
        if access.login.is_some() && self.url.exposes_passwords() { Err(FleetError::Exposed) } else { Ok(access) }
    }
}

/// Replaces the error of a server that answers a question with nothing but `ERR` by its meaning.
fn instead_of_an_error(error: FleetError, meaning: &str) -> FleetError {
    match error {
        FleetError::Answered(code) if code == "ERR" => FleetError::Unreachable(meaning.to_owned()),
        error => error,
    }
}

fn certificates(access: &Access) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: access.ca.clone() }
}

fn information(login: Option<&Login>, database: u32) -> Result<RedisConnectionInfo, FleetError> {
    let mut info = RedisConnectionInfo::default().set_db(i64::from(database)).set_skip_set_lib_name();
    if let Some(login) = login {
        if let Some(user) = &login.user {
            info = info.set_username(user);
        }
        info = info.set_password(password(login)?);
    }
    Ok(info)
}

/// Returns whether a password sent to this host could be read on the way.
fn exposes(url: &FleetUrl, host: &str) -> bool {
    !url.is_tls() && loopback(host).is_none()
}

fn loopback(host: &str) -> Option<IpAddr> {
    host.parse().ok().filter(IpAddr::is_loopback)
}

/// Resolves only literal loopback addresses: without TLS a password goes nowhere else, whatever names a cluster gives
/// its nodes.
struct Loopback;

impl AsyncDNSResolver for Loopback {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let exposed = || RedisError::from(io::Error::from(io::ErrorKind::PermissionDenied));
            let address = SocketAddr::new(loopback(host).ok_or_else(exposed)?, port);
            Ok(Box::new(std::iter::once(address)) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

fn password(login: &Login) -> Result<&str, FleetError> {
    login.password.expose_text().ok_or_else(|| FleetError::NoPassword("it is not text".to_owned()))
}

/// Takes the first that succeeds. Each begins a little after the one before, so that a silent one costs little.
async fn first<T, F>(attempts: impl Iterator<Item = F>) -> Result<T, FleetError>
where
    F: Future<Output = Result<T, FleetError>>,
{
    let begun = |(at, attempt): (u32, F)| {
        Some(Box::pin(async move {
            tokio::time::sleep(NEXT * at).await;
            attempt.await
        }))
    };
    let mut attempts: Vec<_> = (0..).zip(attempts).map(begun).collect();
    let mut last = FleetError::Nonsense;
    poll_fn(move |context| {
        for slot in &mut attempts {
            match slot.as_mut().map(|attempt| attempt.as_mut().poll(context)) {
                Some(Poll::Ready(Ok(done))) => return Poll::Ready(Ok(done)),
                Some(Poll::Ready(Err(error))) => {
                    last = error;
                    *slot = None;
                }
                Some(Poll::Pending) | None => {}
            }
        }
        if attempts.iter().all(Option::is_none) {
            return Poll::Ready(Err(std::mem::replace(&mut last, FleetError::Nonsense)));
        }
        Poll::Pending
    })
    .await
}

/// Returns whether an answer is that of a node which knows a cluster.
pub(super) fn is_of_cluster(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}

impl Connection {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Connection::Cluster(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Connection::One { connection, .. } => connection.req_packed_command(command),
            Connection::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Connection::One { connection, .. } => connection.req_packed_commands(pipeline, offset, count),
            Connection::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Connection::One { connection, .. } => connection.get_db(),
            Connection::Cluster(connection) => connection.get_db(),
        }
    }
}
