//! Databases for tests, and what is asked of them.

use std::time::Duration;

use glance_core::query::{SortDirection, SortKey};

use super::conn::Conn;
use super::dialect::Engine;
use super::list::Page;
use super::scope::{Deleted, Filters, Scope};
use super::target::Target;
use super::{connect, migrate};

/// A new database of the engine that `GLANCE_TEST_DATABASE` names, SQLite if it names none, with our
/// tables. It goes when this is dropped.
pub(super) struct Fresh {
    pub(super) target: Target,
    server: Option<(Target, String)>,
    _directory: tempfile::TempDir,
}

impl Fresh {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let parse = |url: &str| Target::parse(url, false, Duration::from_secs(600)).unwrap();
        let named = std::env::var("GLANCE_TEST_DATABASE").unwrap_or_default();
        let (target, server) = if named.is_empty() || named.starts_with("sqlite") {
            let path = directory.path().join("glance.sqlite");
            (parse(&format!("sqlite:///{}", path.display())), None)
        } else {
            let name = format!("test_{}", uuid::Uuid::new_v4().simple());
            let (before, _) = named.rsplit_once('/').unwrap();
            let server = parse(&named);
            let made = connect(&server)
                .unwrap()
                .batch(&format!("CREATE DATABASE {name}"));
            made.unwrap();
            (parse(&format!("{before}/{name}")), Some((server, name)))
        };
        let fresh = Self {
            target,
            server,
            _directory: directory,
        };
        migrate::sync(&mut fresh.connect(), &fresh.target).unwrap();
        fresh
    }

    pub(super) fn connect(&self) -> Conn {
        connect(&self.target).unwrap()
    }
}

/// The first page of a tenant's list, as it is when nothing is asked for.
pub(super) fn page(owner: &str) -> Page {
    Page {
        scope: Scope::Tenant(Some(owner.to_owned())),
        deleted: Deleted::No,
        filters: Filters::default(),
        sort: SortKey::CreatedAt,
        direction: SortDirection::Descending,
        marker: None,
        limit: 25,
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            let force = match server.engine() {
                Engine::Postgres => " WITH (FORCE)",
                _ => "",
            };
            let gone = connect(server)
                .unwrap()
                .batch(&format!("DROP DATABASE {name}{force}"));
            // Another failure is told already.
            drop(gone);
        }
    }
}
