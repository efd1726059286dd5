//! Connections, however many hosts stand behind an address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisConnectionInfo, RedisError, RedisFuture,
    ServerErrorKind, TlsCertificates, TlsMode, Value,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::fault::fault;
use super::{Access, AccessSource, Login, tls};
use crate::config::{SharedUrl, Topology};
use crate::shared::SharedError;

/// The caller has a deadline for everything; this only keeps the library's own from being shorter.
const LONG: Duration = Duration::from_secs(60);

/// Makes connections.
pub(super) struct Dialer {
    url: SharedUrl,
    source: AccessSource,
    /// Whether what looked like one server turned out to be a node of a cluster.
    clustered: AtomicBool,
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
    pub(super) fn new(url: SharedUrl, source: AccessSource) -> Dialer {
        Dialer { url, source, clustered: AtomicBool::new(false) }
    }

    pub(super) fn url(&self) -> &SharedUrl {
        &self.url
    }

    pub(super) async fn connect(&self) -> Result<Connection, SharedError> {
        match self.url.topology() {
            Topology::Cluster => self.cluster().await,
            Topology::Single if self.clustered.load(Ordering::Relaxed) => self.cluster().await,
            Topology::Single => {
                let access = self.access().await?;
                let mut last = SharedError::Nonsense;
                for (host, port) in self.url.hosts() {
                    match self.server(host, port, &access).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Topology::Sentinel { service } => {
                let access = self.access().await?;
                let (host, port) = self.named_by_sentinels(service, &access).await?;
                self.server(&host, port, &access).await
            }
        }
    }

    /// Connects to one server: over TCP and TLS of our own, which trusts what was said and nobody else.
    async fn server(&self, host: &str, port: u16, access: &Access) -> Result<Connection, SharedError> {
        let unreachable = |error: std::io::Error| SharedError::Unreachable(error.kind().to_string());
        let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
        // What is small must not wait for more.
        stream.set_nodelay(true).map_err(unreachable)?;
        if !self.url.is_tls() {
            return self.introduced(stream, access.login.as_ref()).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| SharedError::Tls(error.to_string()))?;
        let connector = tls::connector(access.ca.as_deref())?;
        let stream = connector.connect(name, stream).await.map_err(|error| fault(&RedisError::from(error)))?;
        self.introduced(stream, access.login.as_ref()).await
    }

    async fn introduced<S>(&self, stream: S, login: Option<&Login>) -> Result<Connection, SharedError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let info = self.information(login)?;
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (connection, driver) = made.map_err(|error| fault(&error))?;
        let driver = Driver(tokio::spawn(driver).abort_handle());
        Ok(Connection::One { connection, _driver: driver })
    }

    fn information(&self, login: Option<&Login>) -> Result<RedisConnectionInfo, SharedError> {
        let mut info = RedisConnectionInfo::default().set_db(i64::from(self.url.database())).set_skip_set_lib_name();
        if let Some(login) = login {
            if let Some(user) = &login.user {
                info = info.set_username(user);
            }
            info = info.set_password(password(login)?);
        }
        Ok(info)
    }

    /// Connects to a cluster by the hosts that are known.
    pub(super) async fn cluster(&self) -> Result<Connection, SharedError> {
        let access = self.access().await?;
        let mut builder =
            ClusterClientBuilder::new(self.addresses()).retries(2).connection_timeout(LONG).response_timeout(LONG);
        if let Some(login) = &access.login {
            if let Some(user) = &login.user {
                builder = builder.username(user);
            }
            builder = builder.password(password(login)?);
        }
        if self.url.is_tls() {
            tls::provide();
            builder = builder.tls(TlsMode::Secure).certs(certificates(&access));
        }
        let client = builder.build().map_err(|error| fault(&error))?;
        let connection = client.get_async_connection().await.map_err(|error| fault(&error))?;
        self.clustered.store(true, Ordering::Relaxed);
        Ok(Connection::Cluster(connection))
    }

    /// Asks the sentinels which server is the one to write to.
    async fn named_by_sentinels(&self, service: &str, access: &Access) -> Result<(String, u16), SharedError> {
        let failed = |error: RedisError| fault(&error);
        let made = SentinelClientBuilder::new(self.addresses(), service, SentinelServerType::Master);
        let mut builder = made.map_err(failed)?;
        if let Some(login) = &access.login {
            if let Some(user) = &login.user {
                builder = builder.set_client_to_redis_username(user);
            }
            builder = builder.set_client_to_redis_password(password(login)?);
        }
        if self.url.is_tls() {
            tls::provide();
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates(access))
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(certificates(access));
        }
        let mut sentinels = builder.build().map_err(failed)?;
        let client = sentinels.async_get_client().await.map_err(failed)?;
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Ok((host.clone(), *port)),
            _ => Err(SharedError::Nonsense),
        }
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): (&str, u16)| match self.url.is_tls() {
            false => ConnectionAddr::Tcp(host.to_owned(), port),
            true => ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None },
        };
        self.url.hosts().map(address).collect()
    }

    /// Reads what a connection takes in a thread of its own: it may wait for a keyring, a file or a program.
    async fn access(&self) -> Result<Access, SharedError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let source = self.source.clone();
        let read = move || {
            // Nobody listens any more where the caller had no more time.
            let _ = tell.send(source());
        };
        let failed = |what: &str| SharedError::NoPassword(what.to_owned());
        std::thread::Builder::new().spawn(read).map_err(|_| failed("no thread can be started"))?;
        let access = told.await.map_err(|_| failed("a thread failed"))??;
        if access.login.is_some() && self.url.exposes_passwords() { Err(SharedError::Exposed) } else { Ok(access) }
    }
}

fn certificates(access: &Access) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: access.ca.clone() }
}

fn password(login: &Login) -> Result<&str, SharedError> {
    login.password.expose_text().ok_or_else(|| SharedError::NoPassword("it is not text".to_owned()))
}

/// Tells whether an answer is that of a node which knows a cluster.
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
