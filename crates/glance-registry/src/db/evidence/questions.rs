//! What the daemon asks its database, one after the other.

use glance_core::identity::Identity;
use glance_core::query::{SortDirection, SortKey};
use glance_core::timestamp::Timestamp;
use glance_core::wire::TakeOver;

use crate::db::clock::SqlTime;
use crate::db::conn::Conn;
use crate::db::list::{self, Page};
use crate::db::scope::{Deleted, Filters, Scope, TextFilter};
use crate::db::testing::page;
use crate::db::{dump, images, leases, members, purge, recovery};

/// Something that the daemon, or glance-manage, asks.
pub(super) struct Question {
    pub(super) title: String,
    pub(super) ask: Box<dyn Fn(&mut Conn)>,
    /// Its answer has to do with every row.
    pub(super) may_read_all: bool,
}

fn question(title: impl Into<String>, ask: impl Fn(&mut Conn) + 'static) -> Question {
    Question {
        title: title.into(),
        ask: Box::new(ask),
        may_read_all: false,
    }
}

/// An image that is there, shared, and not deleted.
const ID: &str = "00002ee2-0000-4000-8000-000000000000";

fn tenant(name: &str) -> Identity {
    Identity {
        tenant: Some(name.to_owned()),
        ..Identity::default()
    }
}

fn admin() -> Identity {
    Identity {
        is_admin: true,
        ..tenant("admin")
    }
}

fn short(title: impl Into<String>, page: Page) -> Question {
    question(title, move |conn| {
        drop(list::summaries(conn, &page).unwrap())
    })
}

/// As `page`, behind the image in the middle.
fn deep(title: impl Into<String>, page: Page) -> Question {
    question(title, move |conn| {
        let marker = list::position(conn, &admin(), ID, false, page.sort).unwrap();
        let page = Page {
            marker: Some(marker),
            ..page.clone()
        };
        drop(list::summaries(conn, &page).unwrap());
    })
}

fn filtered(title: &str, filters: Filters) -> Question {
    let title = format!("List of a tenant, filtered by {title}");
    short(
        title,
        Page {
            filters,
            ..page("t7")
        },
    )
}

fn is(text: &str) -> Option<TextFilter> {
    Some(TextFilter::Is(text.to_owned()))
}

pub(super) fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for sort in SortKey::ALL {
        let page = Page { sort, ..page("t7") };
        let title = format!("List of a tenant, by {}", sort.as_str());
        all.push(short(title.clone(), page.clone()));
        all.push(deep(format!("{title}, behind a marker"), page));
    }
    all.extend(scopes());
    all.extend(filters());
    all.push(question("List with properties and locations", |conn| {
        drop(list::detailed(conn, &tenant("t7"), &page("t7"), true).unwrap());
    }));
    all.push(question("List with properties alone", |conn| {
        drop(list::detailed(conn, &tenant("t7"), &page("t7"), false).unwrap());
    }));
    all.extend(single());
    all.extend(daemons());
    all
}

fn scopes() -> Vec<Question> {
    let scoped = |scope| Page { scope, ..page("") };
    let rising = Page {
        direction: SortDirection::Ascending,
        ..page("t7")
    };
    let deleted = |deleted| Page {
        deleted,
        ..scoped(Scope::Everything(None))
    };
    vec![
        short("List of a tenant, rising", rising),
        short(
            "List of a tenant that shares few images of others",
            page("few7"),
        ),
        short(
            "List of a tenant that shares thousands of images of others",
            page("many"),
        ),
        deep(
            "List of a tenant that shares thousands, behind a marker",
            page("many"),
        ),
        short("List of nobody: public images", scoped(Scope::Tenant(None))),
        short(
            "List of what is not public",
            scoped(Scope::NotPublic(Some("t7".to_owned()))),
        ),
        short(
            "List of everything",
            scoped(Scope::Everything(Some("t7".to_owned()))),
        ),
        short("List of deleted images", deleted(Deleted::Yes)),
        short("List of everything, deleted or not", deleted(Deleted::Any)),
    ]
}

fn filters() -> Vec<Question> {
    let none = Filters::default;
    let property = |name: &str, value: &str| Filters {
        properties: vec![(name.to_owned(), value.to_owned())],
        ..none()
    };
    let since = |text: &str| Filters {
        changes_since: Some(SqlTime::from(Timestamp::parse(text).unwrap())),
        ..none()
    };
    let named = |name: &str| Filters {
        name: is(name),
        ..none()
    };
    let sizes = |size_min, size_max| Filters {
        size_min,
        size_max,
        ..none()
    };
    let formats = Filters {
        disk_format: is("iso"),
        ..none()
    };
    let status = Filters {
        status: is("active"),
        ..none()
    };
    let container = Filters {
        container_format: is("bare"),
        ..none()
    };
    let minima = Filters {
        min_ram: Some(0),
        protected: Some(false),
        ..none()
    };
    vec![
        filtered("a name that one has", named("name 56")),
        filtered("a name that many have", named("common")),
        filtered("a narrow range of sizes", sizes(Some(100), Some(200))),
        filtered("a wide range of sizes", sizes(Some(100), None)),
        filtered("status", status),
        filtered("disk format", formats),
        filtered("container format", container),
        filtered("memory and protection", minima),
        filtered("a property that one has", property("build", "56")),
        filtered("a property that all have", property("os", "linux")),
        filtered("a recent change", since("2026-01-01T05:33:00")),
        filtered("a change long ago", since("2025-01-01T00:00:00")),
    ]
}

fn single() -> Vec<Question> {
    vec![
        question("An image, for a member", |conn| {
            drop(images::find(conn, &tenant("many"), ID, true).unwrap());
        }),
        question("An image without its locations", |conn| {
            drop(images::find(conn, &tenant("many"), ID, false).unwrap());
        }),
        question("The members of an image", |conn| {
            drop(members::list_members(conn, &admin(), ID).unwrap());
        }),
        question("The images that are shared with a tenant", |conn| {
            drop(members::shared_images(conn, &admin(), "few7").unwrap());
        }),
        question(
            "A tenant's images that are shared with another one",
            |conn| {
                drop(members::shared_images(conn, &tenant("few8"), "few7").unwrap());
            },
        ),
        question("An update", |conn| {
            let update = images::Update {
                property_quota: Some(100),
                purge_properties: true,
                ..images::Update::default()
            };
            let made = conn.change(|conn| images::update(conn, &admin(), ID, &update));
            drop(made.unwrap());
        }),
        question("A creation", |conn| {
            let new = images::NewImage {
                id: glance_core::id::ImageId::generate(),
                status: glance_core::image::ImageStatus::Queued,
                created_at: None,
                updated_at: None,
                values: images::Values::default(),
                property_quota: None,
            };
            drop(
                conn.change(|conn| images::insert(conn, &admin(), &new))
                    .unwrap(),
            );
        }),
        question("A deletion", |conn| {
            let id = "00002eea-0000-4000-8000-000000000000";
            drop(
                conn.change(|conn| images::delete(conn, &admin(), id))
                    .unwrap(),
            );
        }),
    ]
}

fn daemons() -> Vec<Question> {
    let lease = leases::Lease {
        holder: "daemon".to_owned(),
        seconds: 30,
        store: "file".to_owned(),
        bytes: 1,
        quota: Some(1 << 50),
    };
    let request = TakeOver {
        holder: "daemon".to_owned(),
        seconds: 30,
        scrub_seconds: 0,
        limit: 32,
    };
    let mut all = vec![
        question("A lease, with a quota of the owner's", move |conn| {
            conn.batch(&format!(
                "UPDATE images SET status = 'queued' WHERE id = '{ID}'"
            ))
            .unwrap();
            let taken = conn.change(|conn| leases::acquire(conn, &admin(), ID, &lease));
            taken.unwrap();
        }),
        question("Leases renewed", |conn| {
            drop(
                conn.change(|conn| leases::renew(conn, "daemon", 30, &[]))
                    .unwrap(),
            );
        }),
        question("Recovery", move |conn| {
            drop(
                conn.change(|conn| recovery::take_over(conn, &request))
                    .unwrap(),
            );
        }),
        question("Images counted by status, for the metrics", |conn| {
            drop(crate::db::images_by_status(conn).unwrap());
        }),
        question("Old rows for `db_purge`", |conn| {
            purge::purge(conn, 0, 1, |_, _| {}).unwrap();
        }),
    ];
    for table in &dump::TABLES {
        all.push(question(
            format!("A page of {} for `db_export`", table.name),
            |conn| {
                let first = dump::page(conn, table, None, 10).unwrap();
                drop(dump::page(conn, table, first.last(), 10).unwrap());
            },
        ));
    }
    // A count reads the index of all images that are not deleted. Glance's tables have no index for the
    // time of a deletion, and a purge, which nobody waits for, gets none of ours.
    for question in &mut all {
        let concerns_all = ["counted", "db_purge", "db_export"];
        question.may_read_all = concerns_all
            .iter()
            .any(|word| question.title.contains(word));
    }
    all
}
