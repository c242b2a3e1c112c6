//! The daemon: listens, serves, reloads and stops.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use actix_server::ServerHandle;
use actix_web::web::{self, Data};
use glance_auth::AuthSetupError;
use glance_config::rules::{LiveRules, RuleSources, RulesError};
use glance_config::{Args, ConfigError, Loaded, RegistryConfig, chain, load_registry};
use glance_config::{log as logging, ready};
use glance_net::tls::ServerTls;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, Settings};
use crate::db::{Db, OpenError};
use crate::door::Door;
use crate::listen::listen;
use crate::storage::PlaceError;
use crate::tls::{self, TlsFileError};
use crate::{metrics, storage};

/// Why the daemon cannot run.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The configuration names no usable database.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The authentication cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    /// The policy cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// TLS cannot be spoken with these files.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The signals cannot be waited for, or the server failed.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

/// Serves until SIGTERM or SIGINT; then no new connection is accepted, and requests that run have
/// `[service] shutdown_timeout` to finish. The log is set up by now.
pub fn run(args: &Args, loaded: Loaded<RegistryConfig>) -> Result<(), ServerError> {
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    let config = loaded.config;
    warn_of_strangers(&config);
    let target = storage::target(&config.database)?;
    let threads = config.service.database_threads.get();
    let mut db = Db::open(&target, storage::limits(&config.database, &target, threads))?;
    if let Some(replica) = storage::replica(&config.database)? {
        let limits = storage::limits(&config.database, &replica, threads);
        db = db.with_replica(replica, limits)?;
    }
    let auth = glance_auth::from_config(
        config.paste_deploy.flavor.auth,
        &config.access,
        &config.keystone_authtoken,
        &config.astakos,
        &config.listen.bind_host.to_string(),
    )?;
    let rules = Arc::new(LiveRules::load_registry(&config, &loaded.path)?);
    if let Err(error) = rules.watch_files() {
        log::error!("policy files are read again on SIGHUP only: {error}");
    }
    let tls = tls::load(&config.listen)?;
    let secret = config.service.registry_secret.clone();
    let app = Data::new(App {
        db,
        auth,
        secret,
        rules,
        enabled: config.versions.enable_v1_registry,
        settings: settings(&config).into(),
        healthcheck: Arc::new(config.healthcheck.clone()).into(),
        port: config.listen.bind_port,
        running: AtomicUsize::new(0),
        begun: AtomicUsize::new(0),
        stopping: AtomicBool::new(false),
    });
    let metrics = config.metrics.bind().map_err(|(address, source)| {
        let address = address.to_string();
        ServerError::Bind { address, source }
    })?;
    if let Some(listener) = metrics {
        metrics::serve(listener, app.clone()).map_err(ServerError::Serve)?;
    }
    actix_web::rt::System::new().block_on(async {
        let address = config.listen.place();
        let server = listen(&config, tls.clone(), app.clone());
        let (server, door) = server.map_err(|source| ServerError::Bind {
            address: address.clone(),
            source,
        })?;
        let patience = config.service.shutdown_timeout;
        let stop = stop_when_told(patience, app.clone(), server.handle(), door)?;
        let secured = if tls.is_some() { ", with TLS" } else { "" };
        let reloads = reload_on_hangup(args.clone(), config.clone(), app, tls)?;
        if let Err(error) = ready::announce() {
            log::warn!("cannot announce that the daemon is ready: {error}");
        }
        log::info!("glance-registry listens on {address}{secured}");
        let outcome = server.await.map_err(ServerError::Serve);
        reloads.abort();
        stop.abort();
        log::info!("glance-registry stops");
        outcome
    })
}

/// Nobody asks these strangers who they are: they can be whoever they say.
fn warn_of_strangers(config: &RegistryConfig) {
    if config.believes_strangers() {
        log::warn!(
            "whoever reaches {} is believed to be whoever he says he is, an administrator too: \
             listen on a loopback address, or set [service] registry_secret in both daemons' files, \
             or ca_file, so that clients need a certificate",
            config.listen.place()
        );
    }
}

fn settings(config: &RegistryConfig) -> Settings {
    Settings {
        most_images: config.limits.api_limit_max.get(),
        usual_images: config.limits.limit_param_default.get(),
        request_id_length: config.limits.max_request_id_length,
    }
}

/// What lies between two looks at whether requests run.
const LOOK: Duration = Duration::from_millis(50);
/// So many looks must find that none runs and none has come before connections are closed: one that may
/// be on its way to us would be lost.
const QUIET: u32 = 4;

/// SIGTERM and SIGINT: no new connections, so that clients go to another registry at once; requests
/// that run finish, if they do in time and no second signal comes, and each is its connection's last.
/// Connections that idle are closed then: actix alone would wait for their peers.
fn stop_when_told(
    patience: Duration,
    app: Data<App>,
    server: ServerHandle,
    door: Door,
) -> Result<tokio::task::JoinHandle<()>, ServerError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Serve)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Serve)?;
    let mut told = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(actix_web::rt::spawn(async move {
        told().await;
        app.stopping.store(true, Ordering::SeqCst);
        server.pause().await;
        // The thread that accepts is told, and has not heard it yet.
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        drop(door);
        tokio::select! {
            () = quiet(&app) => {}
            () = actix_web::rt::time::sleep(patience) => {}
            () = told() => log::warn!("stopping at once: running requests are cut"),
        }
        server.stop(false).await;
    }))
}

/// Ends when no request runs, nor is likely to come.
async fn quiet(app: &App) {
    let (mut begun, mut looks) = (app.begun.load(Ordering::SeqCst), 0);
    while looks < QUIET {
        actix_web::rt::time::sleep(LOOK).await;
        let now = app.begun.load(Ordering::SeqCst);
        let silent = app.running.load(Ordering::SeqCst) == 0 && now == begun;
        looks = if silent { looks + 1 } else { 0 };
        begun = now;
    }
}

/// SIGHUP: log files are opened anew, and the options that can change do; the others are named.
fn reload_on_hangup(
    args: Args,
    mut present: RegistryConfig,
    app: Data<App>,
    tls: Option<ServerTls>,
) -> Result<tokio::task::JoinHandle<()>, ServerError> {
    let mut hangups = signal(SignalKind::hangup()).map_err(ServerError::Serve)?;
    Ok(actix_web::rt::spawn(async move {
        while hangups.recv().await.is_some() {
            let (args, rules, tls) = (args.clone(), app.rules.clone(), tls.clone());
            // Files are read and opened: not the reactor's work.
            let loaded = web::block(move || reload_files(&args, &rules, tls.as_ref())).await;
            match loaded {
                Ok(Ok(new)) => present = take_over(present, new, &app),
                Ok(Err(error)) => log::error!("nothing is reloaded: {error}"),
                Err(_) => return,
            }
        }
    }))
}

fn reload_files(
    args: &Args,
    rules: &LiveRules,
    tls: Option<&ServerTls>,
) -> Result<RegistryConfig, ConfigError> {
    if let Err(error) = logging::reopen() {
        log::error!("{error}");
    }
    let Loaded { config, path, .. } = load_registry(args)?;
    if let Err(error) = rules.reload(RuleSources::of_registry(&config, &path)) {
        log::error!("the rules stay as they were: {}", chain(&error));
    }
    if let Err(error) = logging::reconfigure(&config.log) {
        log::error!("the log stays as it was: {error}");
    }
    tls::reload(tls, &config.listen);
    Ok(config)
}

/// The configuration from now on: what takes a restart stays as it was.
fn take_over(present: RegistryConfig, new: RegistryConfig, app: &App) -> RegistryConfig {
    for change in RegistryConfig::changes(&present, &new) {
        if change.reloadable {
            log::info!("{} has changed", change.option);
        } else {
            log::warn!("{} has changed; it takes a restart", change.option);
        }
    }
    let mut slot = app.settings.write().unwrap_or_else(PoisonError::into_inner);
    *slot = settings(&new);
    let mut slot = app
        .healthcheck
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    *slot = Arc::new(new.healthcheck.clone());
    let mut listen = present.listen;
    (listen.cert_file, listen.key_file) = (new.listen.cert_file, new.listen.key_file);
    listen.ca_file = new.listen.ca_file;
    RegistryConfig {
        listen,
        limits: new.limits,
        log: new.log,
        healthcheck: new.healthcheck,
        policy: new.policy,
        ..present
    }
}
