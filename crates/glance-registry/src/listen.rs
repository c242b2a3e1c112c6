//! Where the daemon listens: sockets, TLS, and actix's dispatcher over them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::AppConfig;
use actix_web::error::DispatchError;
use actix_web::web::{self, Data};
use actix_web::{App as Actix, Error};
use glance_config::{ListenConfig, RegistryConfig};
use glance_net::Socket;
use glance_net::tls::ServerTls;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::app::{App, serve};
use crate::door::{Door, Listener};

/// How long a client may take to hear that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Listens, and serves as soon as the returned server is polled; with TLS, if there is any. Blocks
/// to look at the file system. The door is the way to be left alone again.
pub(crate) fn listen(
    config: &RegistryConfig,
    tls: Option<ServerTls>,
    app: Data<App>,
) -> io::Result<(Server, Door)> {
    let listen = &config.listen;
    let keep_idle = listen.keep_idle();
    let patience = config.service.head_timeout();
    let (listener, door) = Listener::bind(config)?;
    let builder = Server::build()
        .workers(workers(listen))
        .max_concurrent_connections(16_384)
        .disable_signals();
    let stop = builder.graceful_shutdown_signal();
    let stopped = {
        let stop = stop.clone();
        move || {
            let stop = stop.clone();
            async move { stop.notified().await }
        }
    };
    let dispatcher = Dispatcher {
        keep_alive: keep_alive(listen),
        patience,
        app,
    };
    let builder = match listener {
        Listener::Tcp(listener) => builder.listen("registry", listener, move || {
            let (starting, tls) = (stop.clone(), tls.clone());
            fn_service(move |tcp: TcpStream| {
                let (stop, tls) = (starting.clone(), tls.clone());
                async move {
                    prepare(&tcp, keep_idle);
                    let peer = tcp.peer_addr().ok();
                    let socket = tokio::select! {
                        socket = Socket::accepted(tcp, tls.as_ref(), patience) => socket,
                        () = stop.notified() => None,
                    };
                    let socket = socket.ok_or(DispatchError::InternalError)?;
                    Ok((socket, Protocol::Http1, peer))
                }
            })
            .and_then(dispatcher.service(stopped.clone()))
        }),
        Listener::Unix(listener) => builder.listen_uds("registry", listener, move || {
            fn_service(|socket: UnixStream| async move { Ok((socket, Protocol::Http1, None)) })
                .and_then(dispatcher.service(stopped.clone()))
        }),
    }?;
    Ok((builder.run(), door))
}

/// What stands over a connection, whatever it is.
#[derive(Clone)]
struct Dispatcher {
    keep_alive: KeepAlive,
    patience: Duration,
    app: Data<App>,
}

impl Dispatcher {
    /// actix's dispatcher and the application. What `stopped` gives is there when all is to end.
    fn service<T, F, R>(
        &self,
        stopped: F,
    ) -> impl ServiceFactory<
        (T, Protocol, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<T, F, R>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        F: Fn() -> R + 'static,
        R: Future<Output = ()> + 'static,
    {
        let application = Actix::new()
            .app_data(self.app.clone())
            .default_service(web::to(serve))
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let application = map_config(application, |()| AppConfig::default());
        HttpService::build()
            .keep_alive(self.keep_alive)
            .client_request_timeout(self.patience)
            .client_disconnect_timeout(FAREWELL)
            .graceful_shutdown_signal(stopped)
            .finish(application)
    }
}

/// Reactor threads. They only parse and write JSON; the database has threads of its own, so half of
/// the CPUs are enough.
fn workers(listen: &ListenConfig) -> usize {
    match listen.workers {
        Some(_) => listen.worker_threads(),
        None => listen.worker_threads().div_ceil(2),
    }
}

fn keep_alive(listen: &ListenConfig) -> KeepAlive {
    match listen.client_socket_timeout.limit() {
        _ if !listen.http_keepalive => KeepAlive::Disabled,
        Some(timeout) => KeepAlive::Timeout(timeout),
        None => KeepAlive::Os,
    }
}

/// Small answers must not wait for the peer's acknowledgement, and dead peers must be found out.
fn prepare(tcp: &TcpStream, idle: Duration) {
    // A socket that refuses these is slower, and no worse.
    let _ = tcp.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(tcp, true);
    let _ = sockopt::set_tcp_keepidle(tcp, idle);
}
