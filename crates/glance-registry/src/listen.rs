//! Where the daemon listens: sockets, TLS, and actix's dispatcher over them.

use std::io;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::error::DispatchError;
use actix_web::web::{self, Data};
use actix_web::{App as Actix, Error};
use glance_config::{ListenConfig, RegistryConfig};
use glance_net::Socket;
use glance_net::tls::ServerTls;
use rustix::net::sockopt;
use tokio::net::TcpStream;

use crate::app::{App, serve};

/// How long a client may take to hear that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Listens, and serves as soon as the returned server is polled; with TLS, if there is any.
pub(crate) fn listen(
    config: &RegistryConfig,
    tls: Option<ServerTls>,
    app: Data<App>,
) -> io::Result<Server> {
    let listen = &config.listen;
    let address = (listen.bind_host, listen.bind_port);
    let (keep_alive, keep_idle) = (keep_alive(listen), listen.keep_idle());
    let patience = config.service.head_timeout();
    let builder = Server::build()
        .workers(workers(listen))
        .backlog(listen.backlog.get())
        .max_concurrent_connections(16_384)
        .disable_signals();
    let stop = builder.graceful_shutdown_signal();
    let builder = builder.bind("registry", address, move || {
        let (stop, starting) = (stop.clone(), stop.clone());
        let (app, tls) = (app.clone(), tls.clone());
        let application = Actix::new()
            .app_data(app)
            .default_service(web::to(serve))
            .into_factory()
            .map_err(|error: Error| error.error_response());
        let application = map_config(application, |()| AppConfig::default());
        let service = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(patience)
            .client_disconnect_timeout(FAREWELL)
            .local_addr(address.into())
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .finish(application);
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
        .and_then(service)
    })?;
    Ok(builder.run())
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
