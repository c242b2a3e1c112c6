//! The life of the daemon: configuration, start, signals, reload, stop.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use actix_server::ServerHandle;
use glance_auth::{Astakos, AuthSetupError, Authenticator};
use glance_config::rules::{LiveRules, RuleSources, RulesError};
use glance_config::{ApiConfig, Args, AuthFlavor, ConfigError, Loaded, chain};
use glance_core::crypt::{CryptError, MetadataKey};
use glance_net::tls::ServerTls;
use glance_registry_client::RegistryClient;
use glance_store::error::StartError;
use glance_store::stores::Stores;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::{self, AppState};
use crate::plankton::Dialect;
use crate::registry::{Registry, RegistryTlsError};
use crate::service::{ImageService, Leases, OwnToken, Upkeep};
use crate::tls::{self, TlsFileError};
use crate::{connection, metrics};

/// Why the daemon did not start, or stopped by itself.
#[derive(Debug, Error)]
enum DaemonError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be set up.
    #[error("the log cannot be set up")]
    Log(#[from] glance_config::log::LogError),
    /// A store cannot be used.
    #[error(transparent)]
    Store(#[from] StartError),
    /// The flavor of authentication cannot be used so.
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    /// The policy or the property protection cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The key of the locations cannot be used.
    #[error("metadata_encryption_key cannot be used")]
    Key(#[from] CryptError),
    /// The registry cannot be reached with these files.
    #[error(transparent)]
    Registry(#[from] RegistryTlsError),
    /// TLS cannot be spoken with these files.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Host and port.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The server itself failed.
    #[error("the server failed")]
    Server(#[source] io::Error),
}

impl DaemonError {
    /// The exit status; 3 for a store is Glance's.
    fn status(&self) -> u8 {
        match self {
            Self::Store(_) => 3,
            _ => 1,
        }
    }
}

/// Runs the daemon until it is told to stop. Start-up errors go to standard error in one line.
pub fn run() -> ExitCode {
    // One serves transfers as fast as many.
    glance_config::arenas::limit(1);
    let args = glance_config::args::parse("glance-api", env!("CARGO_PKG_VERSION"));
    let outcome = start(args);
    if let Err(error) = &outcome {
        eprintln!("ERROR: {}", chain(error));
    }
    glance_config::log::flush();
    outcome.map_or_else(
        |error| ExitCode::from(error.status()),
        |()| ExitCode::SUCCESS,
    )
}

fn start(args: Args) -> Result<(), DaemonError> {
    let Loaded {
        config,
        path,
        warnings,
    } = glance_config::load_api(&args)?;
    glance_config::log::init(&config.log)?;
    for warning in &warnings {
        log::warn!("{warning}");
    }
    let metadata_key = metadata_key(&config)?;
    let flavor = config.paste_deploy.flavor.auth;
    let bind_host = config.listen.bind_host.to_string();
    let authenticator = glance_auth::from_config(
        flavor,
        &config.access,
        &config.keystone_authtoken,
        &config.astakos,
        &bind_host,
    )?;
    // Each dialect has callers of its own where Astakos is told.
    let in_plankton: Arc<dyn Authenticator> = match config.astakos.auth_url {
        Some(_) if config.dialects.dialects.plankton => {
            Arc::new(Astakos::for_users(&config.access, &config.astakos)?)
        }
        _ => authenticator.clone(),
    };
    let rules = Arc::new(LiveRules::load(&config, &path)?);
    let stores = Arc::new(Stores::open(&config)?);
    let tls = tls::load(&config.listen)?;
    let registry = Arc::new(Registry::open(&config)?);
    let listener = listen(&config)?;
    let metrics = config.metrics.bind().map_err(|(address, source)| {
        let address = address.to_string();
        DaemonError::Listen { address, source }
    })?;
    let copies = config.external.copy_from_parallel.get();
    let leases = Leases::new(Uuid::new_v4().to_string(), config.service.lease(), copies);
    if let Some(metrics) = metrics {
        let registries = registry.options.registries.clone();
        metrics::serve(metrics, stores.clone(), leases.clone(), registries)
            .map_err(DaemonError::Server)?;
    }
    let options = connection_options(&config, tls.clone());
    let as_started = Arc::new(config);
    let (publish, current) = watch::channel(as_started.clone());
    let service = {
        let (stores, registry, current) = (stores.clone(), registry.clone(), current.clone());
        let vouching = authenticator.service_token();
        let own_token = own_token(flavor, &*authenticator);
        // Each reactor thread has a client of the registry of its own.
        move || {
            let mut client = RegistryClient::new(&registry.options);
            if let Some(token) = vouching.clone() {
                // Upkeep keeps it fresh.
                client = client.vouched_by(Arc::new(move || token.held()));
            }
            let (stores, leases) = (stores.clone(), leases.clone());
            ImageService::new(
                client,
                stores,
                leases,
                metadata_key.clone(),
                current.clone(),
            )
            .proven_by(own_token.clone())
        }
    };
    actix_rt::System::new().block_on(async move {
        let upkeep = Upkeep::new(service(), own_token(flavor, &*authenticator));
        let watcher = RegistryClient::new(&registry.options);
        let (for_app, rules_of_app, watched_rules) = (service, rules.clone(), rules.clone());
        let server = connection::serve(listener, options, move || {
            let state = AppState::new(for_app(), authenticator.clone(), rules_of_app.clone());
            let dialect = Dialect::from_config(&as_started, in_plankton.clone());
            app::app(state.with_plankton(dialect))
        })
        .map_err(DaemonError::Server)?;
        let reload = Reload {
            args,
            stores,
            rules,
            registry,
            tls,
            publish,
        };
        let cut = heed_signals(server.handle(), reload).map_err(DaemonError::Server)?;
        actix_rt::spawn(async move { watcher.watch().await });
        actix_rt::spawn(upkeep.run());
        if let Err(error) = watched_rules.watch_files() {
            log::error!("policy files are read again on SIGHUP only: {error}");
        }
        if let Err(error) = glance_config::ready::announce() {
            log::warn!("whoever started this daemon cannot be told that it is ready: {error}");
        }
        tokio::select! {
            outcome = server => outcome.map_err(DaemonError::Server)?,
            () = cut => log::warn!("stopping at once: running transfers are cut"),
        }
        log::info!("stopped");
        Ok(())
    })
}

/// How this daemon proves to the registry who it is.
pub(crate) fn own_token(flavor: AuthFlavor, authenticator: &dyn Authenticator) -> OwnToken {
    match (flavor, authenticator.service_token()) {
        (_, Some(token)) => OwnToken::Real(token),
        (AuthFlavor::FakeAuth, None) => OwnToken::Fake,
        (_, None) => OwnToken::None,
    }
}

/// The key that locations are encrypted with, if they are.
pub(crate) fn metadata_key(config: &ApiConfig) -> Result<Option<Arc<MetadataKey>>, CryptError> {
    let Some(key) = &config.location.metadata_encryption_key else {
        return Ok(None);
    };
    let key = MetadataKey::new(&String::from_utf8_lossy(key.bytes()))?;
    Ok(Some(Arc::new(key)))
}

fn listen(config: &ApiConfig) -> Result<TcpListener, DaemonError> {
    let failed = |source| DaemonError::Listen {
        address: config.listen.place(),
        source,
    };
    // The configuration has been refused if there is none.
    let address = config.listen.address();
    let address = address.ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
    let listener = TcpListener::bind(address).map_err(failed)?;
    // The standard library listens with a backlog of its own; listening again only changes that.
    let backlog = i32::try_from(config.listen.backlog.get()).unwrap_or(i32::MAX);
    rustix::net::listen(&listener, backlog).map_err(|error| failed(error.into()))?;
    let address = listener.local_addr().map_err(failed)?;
    log::info!(
        "glance-api {} listens on {address}{}",
        env!("CARGO_PKG_VERSION"),
        config.listen.tls().map_or("", |_| ", with TLS")
    );
    Ok(listener)
}

fn connection_options(config: &ApiConfig, tls: Option<ServerTls>) -> connection::Options {
    let listen = &config.listen;
    connection::Options {
        workers: listen.worker_threads(),
        keep_alive: listen.http_keepalive,
        idle_timeout: listen.client_socket_timeout.limit(),
        head_timeout: config.service.head_timeout(),
        socket_timeout: listen.client_socket_timeout.limit(),
        max_header_line: listen.max_header_line.get(),
        tcp_keepidle: Some(listen.keep_idle()),
        tls,
        shutdown_timeout: config.service.shutdown_timeout,
        ..connection::Options::default()
    }
}

/// What SIGHUP renews.
struct Reload {
    args: Args,
    stores: Arc<Stores>,
    rules: Arc<LiveRules>,
    registry: Arc<Registry>,
    tls: Option<ServerTls>,
    publish: watch::Sender<Arc<ApiConfig>>,
}

/// SIGTERM and SIGINT stop gracefully; SIGHUP reloads. It ends when a second one wants all to end at once,
/// which the server itself would not hear before it has stopped.
fn heed_signals(
    server: ServerHandle,
    reload: Reload,
) -> io::Result<impl Future<Output = ()> + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let reload = Arc::new(reload);
    Ok(async move {
        loop {
            tokio::select! {
                _ = stop_signal(&mut terminate, &mut interrupt) => break,
                _ = hangup.recv() => {
                    let reload = reload.clone();
                    // It reads files.
                    let _ = tokio::task::spawn_blocking(move || reload.run()).await;
                }
            }
        }
        log::info!("stopping: running transfers may finish");
        let graceful = server.stop(true);
        tokio::select! {
            // What is left is to wait for the server itself.
            () = graceful => std::future::pending().await,
            () = stop_signal(&mut terminate, &mut interrupt) => {}
        }
    })
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

impl Reload {
    /// Takes over what can change while transfers run, and names what cannot. After an error
    /// everything stays as it was.
    fn run(&self) {
        let Loaded {
            config,
            path,
            warnings,
        } = match glance_config::load_api(&self.args) {
            Ok(loaded) => loaded,
            Err(error) => {
                log::error!("not reloaded: {}", chain(&error));
                return;
            }
        };
        for warning in &warnings {
            log::warn!("{warning}");
        }
        for change in ApiConfig::changes(&self.publish.borrow(), &config) {
            if !change.reloadable {
                log::warn!("{} changed; it takes effect after a restart", change.option);
            }
        }
        if let Err(error) = glance_config::log::reconfigure(&config.log) {
            log::error!("the log stays as it was: {}", chain(&error));
        }
        if let Err(error) = self.stores.reload(&config.store) {
            log::error!("the stores stay as they were: {}", chain(&error));
        }
        if let Err(error) = self.rules.reload(RuleSources::of_api(&config, &path)) {
            log::error!("the rules stay as they were: {}", chain(&error));
        }
        self.registry.reload(&config);
        tls::reload(self.tls.as_ref(), &config.listen);
        self.publish.send_replace(Arc::new(config));
        log::info!("reloaded {}", path.display());
    }
}
