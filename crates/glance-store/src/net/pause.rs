//! Pauses between attempts.

pub(crate) use glance_net::pause;
