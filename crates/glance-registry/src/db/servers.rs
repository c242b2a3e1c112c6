//! Connections to PostgreSQL and to MySQL.

use std::future::Future;
use std::sync::Once;
use std::time::Duration;

use diesel::ConnectionError;
use diesel::sql_types::Text;
use diesel_async::{AsyncMysqlConnection, AsyncPgConnection, SimpleAsyncConnection};
use glance_config::chain;
use glance_net::tls::Trust;
use mysql_async::{Opts, OptsBuilder, SslOpts};
use tokio::runtime::Runtime;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conn::{Conn, Link, Server};
use super::dialect::Engine;
use super::statement::Statement;
use super::target::{Encryption, Place, Wish};

/// What opening a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an answer may take to come in beyond the time that the server has for it.
const WAY: Duration = Duration::from_secs(5);

/// What PostgreSQL is told of plans: they are made once for a statement, not again for each page that
/// is asked for, and lead through indexes, of which each list has one with all of its order. A
/// version that lacks one of the settings does without. The language of messages is for what is read of
/// errors, and only a superuser may choose it.
const SETTINGS: &str = "SELECT set_config(name, CASE name \
     WHEN 'plan_cache_mode' THEN 'force_generic_plan' WHEN 'lc_messages' THEN 'C' ELSE 'off' END, false) \
     FROM pg_settings WHERE name IN \
     ('plan_cache_mode', 'enable_seqscan', 'enable_incremental_sort', 'jit') \
     OR name = 'lc_messages' AND current_setting('is_superuser') = 'on'";

/// The language of PostgreSQL's messages, where it is not the one in which they are read.
const LANGUAGE: &str = "SELECT setting FROM pg_settings \
     WHERE name = 'lc_messages' AND setting <> '' AND setting !~ '^(C|POSIX|en)([._-]|$)'";

/// A connection that is ready for any statement.
pub(super) fn connect(place: &Place) -> Result<Conn, ConnectionError> {
    let runtime = runtime()?;
    let patience = place.deadline + WAY;
    let link = match place.engine {
        Engine::Mysql => {
            let conn = in_time(&runtime, mysql(place))?;
            Link::Mysql(Box::new(Server {
                conn,
                runtime,
                patience,
                lost: false,
            }))
        }
        Engine::Postgres | Engine::Sqlite => {
            let conn = in_time(&runtime, postgres(place))?;
            Link::Postgres(Box::new(Server {
                conn,
                runtime,
                patience,
                lost: false,
            }))
        }
    };
    let mut conn = Conn::new(link);
    if place.engine == Engine::Postgres {
        LANGUAGE_LOOKED_AT.call_once(|| look_at_language(&mut conn));
    }
    Ok(conn)
}

static LANGUAGE_LOOKED_AT: Once = Once::new();

/// Tells of messages that will not be understood.
fn look_at_language(conn: &mut Conn) {
    if let Ok(language) =
        Statement::<Text>::passing(LANGUAGE, Vec::new()).get_result::<String>(conn)
    {
        log::warn!(
            "PostgreSQL tells its errors in the language of {language}: what could be tried again, as after a \
             deadlock, is answered with 500 until it has lc_messages = 'C'"
        );
    }
}

/// Runs what one connection needs, on the thread that asks it.
pub(super) fn runtime() -> Result<Runtime, ConnectionError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| bad(&error))
}

pub(super) fn in_time<T>(
    runtime: &Runtime,
    connecting: impl Future<Output = Result<T, ConnectionError>>,
) -> Result<T, ConnectionError> {
    let timed = async { tokio::time::timeout(PATIENCE, connecting).await };
    let silent = |_| ConnectionError::BadConnection("the server does not answer".to_owned());
    runtime.block_on(timed).map_err(silent)?
}

fn bad(error: &dyn std::error::Error) -> ConnectionError {
    ConnectionError::BadConnection(chain(error))
}

/// Whether another attempt may do better: a server that refuses who asks, or what for, will refuse again.
pub(super) fn is_passing(error: &ConnectionError) -> bool {
    !matches!(error, ConnectionError::InvalidConnectionUrl(_))
}

fn not_by_postgres(error: tokio_postgres::Error) -> ConnectionError {
    // The classes of: who may come in, no such database, values that settings do not take, rights.
    let refused = ["28", "3D", "22", "42"];
    let code = error.code().map_or("", SqlState::code);
    match refused.iter().any(|class| code.starts_with(class)) {
        true => ConnectionError::InvalidConnectionUrl(chain(&error)),
        false => bad(&error),
    }
}

fn not_by_mysql(error: mysql_async::Error) -> ConnectionError {
    // No right to the database, wrong user or password (twice), no such database.
    match &error {
        mysql_async::Error::Server(refusal) if [1044, 1045, 1698, 1049].contains(&refusal.code) => {
            ConnectionError::InvalidConnectionUrl(chain(&error))
        }
        _ => bad(&error),
    }
}

/// As PostgreSQL's settings take it.
fn millis(time: Duration) -> u128 {
    time.as_millis().min(i32::MAX.unsigned_abs().into())
}

/// A connection to PostgreSQL: to the first of the hosts that can be written to.
pub(super) async fn postgres(place: &Place) -> Result<AsyncPgConnection, ConnectionError> {
    let mut config = Config::new();
    config
        .dbname(&place.database)
        .application_name("glance-registry")
        .options(format!(
            "{2} -c statement_timeout={0} -c lock_timeout={0} -c idle_in_transaction_session_timeout={1}",
            millis(place.deadline),
            millis(place.deadline + WAY),
            place.options
        ))
        .connect_timeout(PATIENCE / 2)
        .keepalives_idle(Duration::from_secs(60))
        .ssl_mode(match place.encryption.wish {
            Wish::Never => SslMode::Disable,
            Wish::Preferred => SslMode::Prefer,
            Wish::Required => SslMode::Require,
        });
    // A name that is none is libpq's: the user that runs the program.
    config.user(place.user.as_deref().unwrap_or("glance"));
    if let Some(password) = &place.password {
        config.password(password);
    }
    let port = place.port.unwrap_or(5432);
    let mut ports = Vec::new();
    if let Some(folder) = &place.socket {
        config.host_path(folder);
        ports.push(port);
    }
    for (host, own) in &place.hosts {
        config.host(host);
        ports.push(own.unwrap_or(port));
    }
    for port in &ports {
        config.port(*port);
    }
    if ports.len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let unencrypted = place.encryption.wish == Wish::Never || place.hosts.is_empty();
    let mut conn = if unencrypted {
        let (client, connection) = config.connect(NoTls).await.map_err(not_by_postgres)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    } else {
        let tls = MakeRustlsConnect::new(trust(&place.encryption)?);
        let (client, connection) = config.connect(tls).await.map_err(not_by_postgres)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await?
    };
    conn.batch_execute(SETTINGS)
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

fn trust(encryption: &Encryption) -> Result<rustls::ClientConfig, ConnectionError> {
    let trust = Trust {
        ca_file: encryption.authorities.as_deref(),
        insecure: !encryption.verified,
    };
    trust.config().map_err(|error| bad(&error))
}

/// A connection to MySQL or MariaDB, at READ COMMITTED.
pub(super) async fn mysql(place: &Place) -> Result<AsyncMysqlConnection, ConnectionError> {
    let mut options = OptsBuilder::default()
        .user(place.user.clone())
        .pass(place.password.clone())
        .db_name(Some(place.database.clone()))
        .prefer_socket(false)
        .stmt_cache_size(0)
        // As in the other engines, a row counts as changed that has its new values already.
        .client_found_rows(true)
        .tcp_keepalive(Some(60_000_u32));
    if let Some(socket) = &place.socket {
        options = options.socket(Some(socket.clone()));
    } else if let Some((host, port)) = place.hosts.first() {
        options = options
            .ip_or_hostname(host.clone())
            .tcp_port(port.or(place.port).unwrap_or(3306));
    }
    if place.encryption.wish != Wish::Never && place.socket.is_none() {
        options = options.ssl_opts(Some(encryption(&place.encryption)));
    }
    let conn = mysql_async::Conn::new(Opts::from(options)).await;
    let conn = conn.map_err(not_by_mysql)?;
    let mut conn = AsyncMysqlConnection::try_from(conn).await?;
    let seconds = place.deadline.as_secs().max(1);
    let millis = place.deadline.as_millis();
    let setup = format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION innodb_lock_wait_timeout = {seconds}; \
         SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'; \
         SET SESSION group_concat_max_len = 1073741824; \
         SET SESSION autocommit = 1"
    );
    conn.batch_execute(&setup)
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    // The first is for what is read of errors, which servers may tell in other languages. The next
    // two are MariaDB's, which else reads all memberships of a tenant to find those of a page; the
    // others MySQL's, which rounds times where MariaDB cuts them off. Each refuses what is the
    // other's, and that is all right.
    for own in [
        "SET SESSION lc_messages = 'en_US'".to_owned(),
        format!("SET SESSION max_statement_time = {seconds}"),
        "SET SESSION optimizer_switch = 'exists_to_in=off'".to_owned(),
        format!("SET SESSION max_execution_time = {millis}"),
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',TIME_TRUNCATE_FRACTIONAL')".to_owned(),
    ] {
        let _ = conn.batch_execute(&own).await;
    }
    Ok(conn)
}

fn encryption(encryption: &Encryption) -> SslOpts {
    let authorities: Vec<_> = encryption
        .authorities
        .iter()
        .cloned()
        .map(Into::into)
        .collect();
    SslOpts::default()
        .with_disable_built_in_roots(!authorities.is_empty())
        .with_root_certs(authorities)
        .with_danger_accept_invalid_certs(!encryption.verified)
        .with_danger_skip_domain_validation(!encryption.identified)
}
