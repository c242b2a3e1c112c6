//! Starts the server: actix's workers and dispatcher, over this layer's streams.

use std::{fmt, io, net::TcpListener, time::Duration};

use actix_http::{
    Extensions, HttpService, KeepAlive, Protocol, Request, Response, body::MessageBody,
};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::{Error, dev::AppConfig, error::DispatchError};
use glance_net::{Socket, tls::ServerTls};
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
use tokio::net::TcpStream;

use super::{gate::Limits, service::Outermost, stream::Stream};

/// How connections are served. The defaults are Glance's where Glance has the option.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that serve connections; at least one.
    pub workers: usize,
    /// Connections per worker; more wait in the listener's backlog.
    pub max_connections: usize,
    /// `http_keepalive`: whether a connection may be used for more than one request.
    pub keep_alive: bool,
    /// How long a connection may wait for its next request; `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a request head may take from its first byte to its last, a new connection until its
    /// first byte, and before that a handshake of TLS.
    pub head_timeout: Duration,
    /// `client_socket_timeout`: how long a client may send nothing, or take nothing, in the midst of
    /// a body; `None` for ever.
    pub socket_timeout: Option<Duration>,
    /// `max_header_line`, in bytes.
    pub max_header_line: usize,
    /// `tcp_keepidle`: how long a connection is silent before the kernel asks whether the client is
    /// still there.
    pub tcp_keepidle: Option<Duration>,
    /// Set: clients speak TLS.
    pub tls: Option<ServerTls>,
    /// How long transfers may go on after a graceful stop; whole seconds.
    pub shutdown_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            max_connections: 25_000,
            keep_alive: true,
            idle_timeout: Some(Duration::from_secs(900)),
            head_timeout: Duration::from_secs(10),
            socket_timeout: Some(Duration::from_secs(900)),
            max_header_line: 16_384,
            tcp_keepidle: Some(Duration::from_secs(600)),
            tls: None,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// Serves the application on a bound listener until the returned server is stopped.
///
/// The server must be polled (awaited or spawned); it takes no signals. A graceful stop by its handle
/// accepts no more connections, closes idle ones at once, lets running requests finish for
/// `shutdown_timeout` and cuts the rest.
///
/// # Errors
///
/// If the listener cannot be used.
pub fn serve<F, I, S, B>(listener: TcpListener, options: Options, factory: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let addr = listener.local_addr()?;
    let limits = Limits {
        keep_alive: options.keep_alive,
        line: options.max_header_line,
        head: options.head_timeout,
        idle: options.idle_timeout,
        socket: options.socket_timeout,
    };
    let (keepidle, patience, tls) = (options.tcp_keepidle, options.head_timeout, options.tls);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let builder = Server::build()
        .workers(options.workers.max(1))
        .max_concurrent_connections(options.max_connections)
        .shutdown_timeout(options.shutdown_timeout.as_secs())
        .disable_signals();
    let stop = builder.graceful_shutdown_signal();
    let builder = builder.listen(format!("{scheme} {addr}"), listener, move || {
        let (stop, starting, tls) = (stop.clone(), stop.clone(), tls.clone());
        let secure = tls.is_some();
        let app = factory()
            .into_factory()
            .map_err(|error| error.into().error_response());
        // The public constructor of actix-web's server does the same by a private name.
        let app = map_config(app, move |()| {
            AppConfig::__priv_test_new(secure, addr.to_string(), addr)
        });
        let service = HttpService::build()
            // This layer keeps all the deadlines itself.
            .keep_alive(if options.keep_alive {
                KeepAlive::Os
            } else {
                KeepAlive::Disabled
            })
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(Duration::ZERO)
            .local_addr(addr)
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .on_connect_ext(|stream: &Stream, data: &mut Extensions| {
                data.insert(stream.handle());
            })
            .finish(Outermost::new(app));
        fn_service(move |tcp: TcpStream| {
            let (stop, tls) = (starting.clone(), tls.clone());
            async move {
                if let Err(error) = prepare(&tcp, keepidle) {
                    log::debug!("socket options not set: {error}");
                }
                let peer = tcp.peer_addr().ok();
                // Each connection is a task: a handshake holds up no other connection.
                let socket = tokio::select! {
                    socket = Socket::accepted(tcp, tls.as_ref(), patience) => socket,
                    () = stop.notified() => None,
                };
                let socket = socket.ok_or(DispatchError::InternalError)?;
                Ok((Stream::new(socket, limits), Protocol::Http1, peer))
            }
        })
        .and_then(service)
    })?;
    Ok(builder.run())
}

/// Answers leave at once, and clients that vanished are noticed.
fn prepare(tcp: &TcpStream, keepidle: Option<Duration>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if let Some(keepidle) = keepidle {
        set_socket_keepalive(tcp, true)?;
        set_tcp_keepidle(tcp, keepidle)?;
    }
    Ok(())
}
