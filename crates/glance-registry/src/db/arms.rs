//! The arms of a list's statement: a source, an index to read it by, and where to begin.

use diesel::sqlite::SqliteConnection;
use glance_core::query::{SortDirection, SortKey};

use super::conditions::{Conditions, filters, segments};
use super::error::DbError;
use super::list::{Page, Size, is_small};
use super::scope::{Deleted, Scope, TextFilter};
use super::statement::{Bind, Statement};

/// So many rows that a filter finds are sorted rather than walked through in order.
const SMALL: i64 = 1000;
/// So many shared images of a tenant are sorted; each takes a look-up that walking does not.
const FEW_SHARED: i64 = 200;

/// Where images of a list come from. Sources of one list never share an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source<'a> {
    /// Those of one visibility.
    Visible(&'static str),
    /// Community images of one owner.
    Community(&'a str),
    /// One owner's, public ones excepted.
    Own(&'a str),
    /// Those shared with a tenant that has few: found by the tenant, then sorted.
    SharedFew(&'a str),
    /// Those shared with a tenant that has many: found among all that are shared, in order.
    SharedMany(&'a str),
    /// Those with a rare property, whosever: found by it, then sorted.
    Property(&'a str, &'a str),
}

/// The statement for a page, or none when it can only be empty.
pub(super) fn statement<Columns>(
    conn: &mut SqliteConnection,
    page: &Page,
    columns: &str,
) -> Result<Option<Statement<Columns>>, DbError> {
    if page.filters.impossible || page.limit == 0 {
        return Ok(None);
    }
    let mut arms: Vec<String> = Vec::new();
    let mut binds: Vec<Bind> = Vec::new();
    for source in sources(conn, page)? {
        for flag in page.deleted.flags() {
            // Memberships and properties go with their image.
            if *flag == 1
                && !matches!(
                    source,
                    Source::Visible(_) | Source::Own(_) | Source::Community(_)
                )
            {
                continue;
            }
            let Some(index) = driver(conn, page, source, *flag)? else {
                continue;
            };
            for segment in segments(page) {
                let mut arm = Conditions::default();
                let table = base(source, *flag, index, &mut arm);
                if matches!(source, Source::Property(..)) {
                    whose(&page.scope, &mut arm);
                }
                if page.deleted == Deleted::No {
                    arm.add("i.status <> 'killed'");
                }
                arm.append(segment);
                filters(&page.filters, &mut arm);
                arms.push(format!("SELECT {columns} FROM {table} WHERE {}", arm.text));
                binds.extend(arm.binds);
            }
        }
    }
    if arms.is_empty() {
        return Ok(None);
    }
    binds.push(Bind::from(page.limit));
    let sql = format!(
        "{} ORDER BY {} LIMIT ?",
        arms.join(" UNION ALL "),
        order(page, columns)
    );
    Ok(Some(if is_common(page) {
        Statement::kept(sql, binds)
    } else {
        Statement::passing(sql, binds)
    }))
}

/// Whether the statement's text is one of the few dozen that are worth keeping prepared.
fn is_common(page: &Page) -> bool {
    page.deleted == Deleted::No
        && page.sort == SortKey::CreatedAt
        && page.filters.properties.is_empty()
        && page.filters.count() <= usize::from(page.marker.is_none())
        && page
            .filters
            .texts()
            .all(|(_, filter)| matches!(filter, TextFilter::Is(_)))
}

fn sources<'a>(conn: &mut SqliteConnection, page: &'a Page) -> Result<Vec<Source<'a>>, DbError> {
    for (name, value) in &page.filters.properties {
        let mut found = Conditions::default();
        let table = base(Source::Property(name, value), 0, SortKey::Id, &mut found);
        let table = table.split(" CROSS JOIN ").next().unwrap_or_default();
        let text = "p.name = ? AND p.value = ? AND p.deleted = 0";
        match is_small(conn, &format!("{table} WHERE {text}"), found.binds, SMALL)? {
            Size::Empty => return Ok(Vec::new()),
            Size::Small => return Ok(vec![Source::Property(name, value)]),
            Size::Large => {}
        }
    }
    Ok(match &page.scope {
        Scope::Tenant(None) => vec![Source::Visible("public")],
        Scope::Tenant(Some(owner)) => {
            let mut sources = vec![Source::Visible("public"), Source::Own(owner)];
            let members =
                "image_members m INDEXED BY ix_list_members WHERE m.member = ? AND m.deleted = 0";
            match is_small(conn, members, vec![Bind::from(owner.as_str())], FEW_SHARED)? {
                Size::Empty => {}
                Size::Small => sources.push(Source::SharedFew(owner)),
                Size::Large => sources.push(Source::SharedMany(owner)),
            }
            sources
        }
        Scope::NotPublic(owner) => not_public(owner.as_deref()),
        Scope::Everything(owner) => {
            let mut sources = not_public(owner.as_deref());
            sources.push(Source::Visible("public"));
            sources
        }
    })
}

fn not_public(owner: Option<&str>) -> Vec<Source<'_>> {
    let mut sources = vec![Source::Visible("shared"), Source::Visible("private")];
    sources.extend(owner.map(Source::Community));
    sources
}

/// The table to read, with its index, and the conditions that make the source.
fn base(source: Source<'_>, deleted: u8, index: SortKey, arm: &mut Conditions) -> String {
    let index = index.as_str();
    let visible = format!("images i INDEXED BY ix_list_visible_{index}");
    match source {
        Source::Visible(visibility) => {
            arm.add(&format!(
                "i.visibility = '{visibility}' AND i.deleted = {deleted}"
            ));
            visible
        }
        Source::Community(owner) => {
            arm.with(
                &format!("i.visibility = 'community' AND i.deleted = {deleted} AND i.owner = ?"),
                owner,
            );
            visible
        }
        Source::Own(owner) => {
            arm.with(
                &format!("i.owner = ? AND i.deleted = {deleted} AND i.visibility <> 'public'"),
                owner,
            );
            format!("images i INDEXED BY ix_list_own_{index}")
        }
        Source::SharedFew(member) => {
            // A table that Glance wrote may hold a membership twice.
            let members = "(SELECT DISTINCT image_id FROM image_members INDEXED BY ix_list_members \
                 WHERE member = ? AND deleted = 0) m";
            arm.binds.push(Bind::from(member));
            arm.with(
                "i.visibility = 'shared' AND i.deleted = 0 AND i.owner IS NOT ?",
                member,
            );
            format!("{members} CROSS JOIN images i ON i.id = m.image_id")
        }
        Source::SharedMany(member) => {
            arm.with(
                "i.visibility = 'shared' AND i.deleted = 0 AND i.owner IS NOT ?",
                member,
            );
            arm.with(IS_MEMBER, member);
            visible
        }
        Source::Property(name, value) => {
            arm.with("p.name = ?", name);
            arm.with("p.value = ? AND p.deleted = 0 AND i.deleted = 0", value);
            "image_properties p INDEXED BY ix_list_properties CROSS JOIN images i ON i.id = p.image_id"
                .to_owned()
        }
    }
}

const IS_MEMBER: &str = "EXISTS (SELECT 1 FROM image_members o WHERE o.image_id = i.id \
     AND o.member = ? AND o.deleted = 0)";

/// Whose images, as a condition on few rows that were found otherwise.
fn whose(scope: &Scope, arm: &mut Conditions) {
    let (Scope::Tenant(owner) | Scope::NotPublic(owner) | Scope::Everything(owner)) = scope;
    match (scope, owner) {
        (Scope::Tenant(None), _) => arm.add("i.visibility = 'public'"),
        (Scope::Tenant(_), Some(owner)) => {
            arm.with("(i.visibility = 'public' OR i.owner = ?", owner);
            arm.text.push_str(" OR (i.visibility = 'shared'");
            arm.with(IS_MEMBER, owner);
            arm.text.push_str("))");
        }
        (_, Some(owner)) => arm.with("(i.visibility <> 'community' OR i.owner = ?)", owner),
        (_, None) => arm.add("i.visibility <> 'community'"),
    }
    if matches!(scope, Scope::NotPublic(_)) {
        arm.add("i.visibility <> 'public'");
    }
}

/// The key of the index to read a source by: the page's own order, unless a filter leaves so few
/// images that they are better found by it and sorted. None: the filter leaves none.
fn driver(
    conn: &mut SqliteConnection,
    page: &Page,
    source: Source<'_>,
    deleted: u8,
) -> Result<Option<SortKey>, DbError> {
    if matches!(source, Source::SharedFew(_) | Source::Property(..)) {
        return Ok(Some(page.sort));
    }
    for (key, text, values) in selections(page) {
        // Within one value, each index is in the default order already.
        if page.sort == SortKey::CreatedAt && text.ends_with(" = ?") {
            return Ok(Some(key));
        }
        if key == page.sort {
            return Ok(Some(key));
        }
        let mut found = Conditions::default();
        let table = base(source, deleted, key, &mut found);
        found.add(&text);
        found.binds.extend(values);
        match is_small(
            conn,
            &format!("{table} WHERE {}", found.text),
            found.binds,
            SMALL,
        )? {
            Size::Empty => return Ok(None),
            Size::Small => return Ok(Some(key)),
            Size::Large => {}
        }
    }
    Ok(Some(page.sort))
}

/// Filters that an index can find images by, as its key, a condition and the condition's values.
fn selections(page: &Page) -> Vec<(SortKey, String, Vec<Bind>)> {
    let mut found = Vec::new();
    for (column, filter) in page.filters.texts() {
        if let (TextFilter::Is(value), Ok(key)) = (filter, column.parse()) {
            found.push((
                key,
                format!("i.{column} = ?"),
                vec![Bind::from(value.as_str())],
            ));
        }
    }
    if let Some(time) = &page.filters.changes_since {
        found.push((
            SortKey::UpdatedAt,
            "i.updated_at > ?".to_owned(),
            vec![Bind::from(time.as_str())],
        ));
    }
    let mut size = Conditions::default();
    size.number("i.size >= ?", page.filters.size_min);
    size.number("i.size <= ?", page.filters.size_max);
    if !size.text.is_empty() {
        found.push((SortKey::Size, size.text, size.binds));
    }
    found
}

/// The order, by the columns' places: a merged statement knows no other names.
fn order(page: &Page, columns: &str) -> String {
    let direction = match page.direction {
        SortDirection::Ascending => "ASC",
        SortDirection::Descending => "DESC",
    };
    let place = |key: SortKey| {
        let at = columns
            .split(", ")
            .position(|column| column.trim() == format!("i.{}", key.as_str()));
        format!("{} {direction}", at.map_or(1, |at| at + 1))
    };
    let keys: &[SortKey] = match page.sort {
        SortKey::Id => &[SortKey::Id],
        SortKey::CreatedAt => &[SortKey::CreatedAt, SortKey::Id],
        other => &[other, SortKey::CreatedAt, SortKey::Id],
    };
    keys.iter()
        .map(|key| place(*key))
        .collect::<Vec<_>>()
        .join(", ")
}
