//! Stories of the dialect plankton at level guide: a test for each line of the tables of Synnefo's
//! guides to its image API. Pithos and Astakos are those of `tests/synnefo`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a story that cannot go on has failed, and says so"
)]

mod addresses;
mod bad_input;
mod callers;
mod data;
mod dialects;
mod listing;
mod members;
mod objects;
mod operators;
mod quoting;
mod registering;
mod registering_wrongly;
mod shared_images;
mod showing;
mod story;
mod troubles;
mod unregistering;
mod updating;
