//! What a daemon counts and times, Prometheus' text form of it, and the address to fetch it from.
//!
//! Everything is made of atomic numbers with labels that are known when the daemon starts:
//! counting takes no lock and allocates nothing, and no id or secret can become a label. Text is made
//! when somebody asks for it. (A library for this would keep its labels in a locked map; what is left
//! to write here is less than what would have to be wrapped.)

mod calls;
mod histogram;
mod number;
mod process;
mod requests;
mod server;
mod text;

pub use calls::{Calls, Outcome, Running};
pub use histogram::Histogram;
pub use number::{Counter, Gauge, Inside};
pub use process::process;
pub use requests::{Requests, RouteName};
pub use server::serve;
pub use text::{Kind, Text};
