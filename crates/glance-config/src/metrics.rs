//! Where the daemon's numbers can be fetched.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use crate::value::OptionValue;

options! {
    /// Where the daemon's numbers can be fetched. These are not Glance's.
    pub struct MetricsConfig in "metrics" {
        /// The address that answers GET /metrics in Prometheus' text form, to anybody who reaches
        /// it: better a loopback address or one of a network for monitoring. Unset: none.
        /// Each daemon of a host needs one of its own.
        listen: Option<MetricsAddress> = unset, restart;
    }
}

impl MetricsConfig {
    /// Listens there, if anywhere. An error comes with the address.
    pub fn bind(&self) -> Result<Option<TcpListener>, (SocketAddr, io::Error)> {
        let Some(MetricsAddress(address)) = self.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).map_err(|error| (address, error))?;
        ::log::info!("metrics are at http://{address}/metrics");
        if !address.ip().is_loopback() {
            ::log::warn!("[metrics] listen: whoever reaches {address} can read the metrics");
        }
        Ok(Some(listener))
    }
}

/// An address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsAddress(pub SocketAddr);

impl OptionValue for MetricsAddress {
    const ACCEPTS: &'static str = "address:port; an IPv6 address in brackets";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        let (host, port) = text.rsplit_once(':').ok_or(None)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.contains(':') && !bracketed {
            return Err(None);
        }
        let port = port.parse().map_err(|_| None)?;
        Ok(Self(SocketAddr::new(IpAddr::parse(host)?, port)))
    }

    fn shown(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_with_ports() {
        let shown = |text| MetricsAddress::parse(text).map(|address| address.shown().remove(0));
        assert_eq!(shown("127.0.0.1:9180").unwrap(), "127.0.0.1:9180");
        assert_eq!(shown("localhost:1").unwrap(), "127.0.0.1:1");
        assert_eq!(shown("[::1]:9180").unwrap(), "[::1]:9180");
        for wrong in [
            "9180",
            "127.0.0.1",
            "::1:9180",
            "host:80",
            ":80",
            "1.2.3.4:x",
        ] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }
}
