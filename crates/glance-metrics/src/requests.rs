//! Requests by route and status, and how long they took.

use std::time::Duration;

use crate::histogram::Histogram;
use crate::number::{Counter, Gauge};
use crate::text::{Kind, Text};

/// The statuses that are counted by themselves, in their order.
const STATUSES: [u16; 29] = [
    100, 200, 201, 204, 206, 300, 302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413,
    414, 416, 417, 431, 500, 501, 502, 503, 504, 505,
];

/// A route as labels tell it: never a path that somebody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteName {
    /// The method, `*` for any.
    pub method: &'static str,
    /// The path, with names in braces for what is in it.
    pub path: &'static str,
}

/// The requests to `ROUTES` routes, which are numbered from 0.
#[derive(Debug)]
pub struct Requests<const ROUTES: usize> {
    routes: [Route; ROUTES],
    /// Requests that are not answered yet.
    pub running: Gauge,
}

#[derive(Debug)]
struct Route {
    /// The last one counts what is no usual status.
    answers: [Counter; STATUSES.len() + 1],
    took: Histogram,
}

impl<const ROUTES: usize> Default for Requests<ROUTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const ROUTES: usize> Requests<ROUTES> {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            routes: [const {
                Route {
                    answers: [const { Counter::new() }; STATUSES.len() + 1],
                    took: Histogram::new(),
                }
            }; ROUTES],
            running: Gauge::new(),
        }
    }

    /// A request to the route of this number was answered with `status`, and the answer is over,
    /// `took` after the request's head was there.
    pub fn answered(&self, route: usize, status: u16, took: Duration) {
        let Some(route) = self.routes.get(route) else {
            return;
        };
        let status = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        route.answers[status].add(1);
        route.took.observe(took);
    }

    /// Writes what there is; `names` are those of the routes, `prefix` begins all names.
    pub fn write(&self, text: &mut Text, prefix: &str, names: &[RouteName]) {
        let routes = || {
            let labels = |name: &RouteName| [("method", name.method), ("route", name.path)];
            names.iter().map(labels).zip(&self.routes)
        };
        let name = format!("{prefix}_requests_total");
        text.family(&name, Kind::Counter, "Requests that were answered.");
        for (labels, route) in routes() {
            let statuses = STATUSES.iter().map(u16::to_string);
            let statuses = statuses.chain(["other".to_owned()]);
            for (answers, status) in route.answers.iter().zip(statuses) {
                if answers.get() > 0 {
                    let [method, path] = labels;
                    let labels = [method, path, ("status", status.as_str())];
                    text.sample(&name, &labels, answers.get());
                }
            }
        }
        let name = format!("{prefix}_request_duration_seconds");
        let help = "Time from a request's head to the end of its answer.";
        text.family(&name, Kind::Histogram, help);
        for (labels, route) in routes().filter(|(_, route)| !route.took.is_empty()) {
            route.took.write(text, &name, &labels);
        }
        let name = format!("{prefix}_requests_running");
        let help = "Requests that are being answered.";
        text.single(&name, Kind::Gauge, help, self.running.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_route_and_status() {
        assert!(STATUSES.is_sorted());
        let requests: Requests<2> = Requests::new();
        for (route, status) in [(0, 200), (0, 200), (1, 404), (1, 299), (2, 200)] {
            requests.answered(route, status, Duration::from_millis(1));
        }
        let names =
            [("GET", "/a/{id}"), ("*", "(other)")].map(|(method, path)| RouteName { method, path });
        let mut text = Text::new();
        requests.write(&mut text, "x", &names);
        let text = text.finish();
        let totals: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("x_requests_total"))
            .collect();
        assert_eq!(
            totals,
            [
                "x_requests_total{method=\"GET\",route=\"/a/{id}\",status=\"200\"} 2",
                "x_requests_total{method=\"*\",route=\"(other)\",status=\"404\"} 1",
                "x_requests_total{method=\"*\",route=\"(other)\",status=\"other\"} 1",
            ]
        );
    }
}
