//! The certificates of the listener: what clients are shown, and what they must show.

use glance_config::{ListenConfig, TlsFiles, chain};
use glance_net::tls::{KeyPair, ServerFiles, ServerTls, TlsError};
use thiserror::Error;

/// Why TLS cannot be spoken with these files.
#[derive(Debug, Error)]
#[error("[DEFAULT] {option}")]
pub(crate) struct TlsFileError {
    option: &'static str,
    source: TlsError,
}

/// What the files hold, if the daemon is to speak TLS. Blocks to read them.
pub(crate) fn load(listen: &ListenConfig) -> Result<Option<ServerTls>, TlsFileError> {
    let tls = listen.tls().map(|given| ServerTls::load(files(given)));
    tls.transpose().map_err(refused)
}

/// Connections from now on get what the files hold now; after an error, what they did. Blocks to read
/// them.
pub(crate) fn reload(tls: Option<&ServerTls>, listen: &ListenConfig) {
    match (tls, listen.tls()) {
        (Some(tls), Some(given)) => {
            if let Err(error) = tls.reload(files(given)).map_err(refused) {
                log::error!("the certificates stay as they were: {}", chain(&error));
            }
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => {
            log::warn!("TLS is turned on and off by a restart only");
        }
    }
}

fn files(given: TlsFiles<'_>) -> ServerFiles<'_> {
    ServerFiles {
        own: KeyPair {
            cert_file: given.cert_file,
            key_file: given.key_file,
        },
        ca_file: given.ca_file,
    }
}

fn refused(source: TlsError) -> TlsFileError {
    let option = source.part().name();
    TlsFileError { option, source }
}
