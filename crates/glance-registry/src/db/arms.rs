//! The arms of a list's statement: a source, an index to read it by, and where to begin.

use glance_core::query::{SortDirection, SortKey};

use super::conditions::{Conditions, Names, filters, segments};
use super::conn::Conn;
use super::dialect::Engine;
use super::error::DbError;
use super::list::Page;
use super::scope::{Deleted, Scope, TextFilter};
use super::sizes::is_small;
use super::statement::{Bind, Statement};

/// So many rows that are found otherwise than in a page's order are sorted for it.
const FEW: i64 = 200;
/// So many are sorted, too, where a walk in order may find them at the end of [`MANY`] others.
const SOME: i64 = 2000;
/// More than can be walked through for a page.
const MANY: i64 = 10_000;

/// All visibilities but the public one.
const HIDDEN: [&str; 3] = ["private", "shared", "community"];

/// Where images of a list come from. Sources of one list never share an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source<'a> {
    /// Those of one visibility.
    Visible(&'static str),
    /// Community images of one owner.
    Community(&'a str),
    /// One owner's, public ones excepted, or those of one visibility.
    Own(&'a str, Option<&'static str>),
    /// Those that others share with a tenant: a table of their own, with an index for each order.
    Shared(&'a str),
    /// Those with a rare property, whosever: found by it, then sorted.
    Property(&'a str, &'a str),
}

impl Source<'_> {
    fn names(self, driver: SortKey) -> Names {
        Names {
            driver,
            shared: matches!(self, Self::Shared(_)),
        }
    }
}

/// The statement for a page, or none when it can only be empty.
pub(super) fn statement<Columns>(
    conn: &mut Conn,
    page: &Page,
    columns: &str,
) -> Result<Option<Statement<Columns>>, DbError> {
    if page.filters.impossible || page.limit == 0 {
        return Ok(None);
    }
    let engine = conn.engine();
    // No text of PostgreSQL's holds NUL, and it takes none to compare with.
    if engine == Engine::Postgres && page.filters.any_nul() {
        return Ok(None);
    }
    let mut arms: Vec<Conditions> = Vec::new();
    for source in sources(conn, page)? {
        for flag in page.deleted.flags() {
            // Memberships and properties go with their image.
            if *flag == 1
                && !matches!(
                    source,
                    Source::Visible(_) | Source::Own(..) | Source::Community(_)
                )
            {
                continue;
            }
            let index = driver(conn, page, source, *flag == 1)?;
            let names = source.names(index);
            let columns = names.replaced(columns);
            for segment in segments(engine, page, names) {
                let mut arm = Conditions::default();
                let table = base(engine, source, *flag == 1, index, &mut arm);
                let images = images_of(engine, source);
                match source {
                    Source::Property(..) => whose(engine, &page.scope, &mut arm),
                    // So it is, unless triggers were off; what is private again must not be seen even then.
                    Source::Shared(_) => {
                        arm.add(&format!("{} = 'shared'", engine.aside_text("i.visibility")))
                    }
                    _ => {}
                }
                if page.deleted == Deleted::No {
                    arm.add("i.status <> 'killed'");
                }
                arm.append(segment);
                filters(engine, &page.filters, names, &mut arm);
                arm.text = format!("SELECT {columns} FROM {table}{images} WHERE {}", arm.text);
                arms.push(arm);
            }
        }
    }
    if arms.is_empty() {
        return Ok(None);
    }
    let order = order(engine, page, columns);
    let Conditions { text: sql, binds } = engine.merged(&arms, &order, page.limit);
    Ok(Some(if is_common(page) {
        Statement::kept(sql, binds)
    } else {
        Statement::passing(sql, binds)
    }))
}

/// Whether the statement's text is one of those that are worth keeping prepared: a few dozen are in
/// use, and there can be no more than some hundred.
fn is_common(page: &Page) -> bool {
    let filters = &page.filters;
    if filters.count() == 0 && page.deleted == Deleted::No {
        return true;
    }
    let range = filters.size_min.is_some() && filters.size_max.is_some();
    page.sort == SortKey::CreatedAt
        && page.marker.is_none()
        && filters.count() <= 1 + usize::from(range)
        && filters
            .texts()
            .all(|(_, filter)| matches!(filter, TextFilter::Is(_)))
}

fn sources<'a>(conn: &mut Conn, page: &'a Page) -> Result<Vec<Source<'a>>, DbError> {
    let engine = conn.engine();
    for (name, value) in &page.filters.properties {
        let found = engine.property("p", name, value);
        let table = format!(
            "image_properties p {} WHERE {}",
            engine.by_index("ix_list_properties"),
            found.text
        );
        if is_small(conn, &table, found.binds, SOME)? {
            return Ok(vec![Source::Property(name, value)]);
        }
    }
    Ok(match &page.scope {
        Scope::Tenant(None) => vec![Source::Visible("public")],
        Scope::Tenant(Some(owner)) => {
            let mut sources = vec![Source::Visible("public")];
            match engine {
                // Without partial indexes, a walk would pass over the public ones.
                Engine::Mysql => sources.extend(HIDDEN.map(|of| Source::Own(owner, Some(of)))),
                _ => sources.push(Source::Own(owner, None)),
            }
            sources.push(Source::Shared(owner));
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

/// Whether rows that were found among all of their source are better sorted for a page than met with
/// on a walk through all of them, in order.
fn is_sorted(
    conn: &mut Conn,
    (found, binds): (String, Vec<Bind>),
    (all, of_all): (String, Vec<Bind>),
) -> Result<bool, DbError> {
    Ok(is_small(conn, &found, binds.clone(), FEW)?
        || (is_small(conn, &found, binds, SOME)? && !is_small(conn, &all, of_all, MANY)?))
}

fn not_public(owner: Option<&str>) -> Vec<Source<'_>> {
    let mut sources = vec![Source::Visible("shared"), Source::Visible("private")];
    sources.extend(owner.map(Source::Community));
    sources
}

/// The table to read, with its index, and the conditions that make the source.
fn base(
    engine: Engine,
    source: Source<'_>,
    deleted: bool,
    key: SortKey,
    arm: &mut Conditions,
) -> String {
    let key = key.as_str();
    let flag = engine.flag(deleted);
    let visible = format!(
        "images i {}",
        engine.by_index(&format!("ix_list_visible_{key}"))
    );
    match source {
        Source::Visible(visibility) => {
            arm.add(&format!(
                "i.visibility = '{visibility}' AND i.deleted = {flag}"
            ));
            visible
        }
        Source::Community(owner) => {
            arm.with(
                &format!("i.visibility = 'community' AND i.deleted = {flag} AND i.owner = ?"),
                owner,
            );
            visible
        }
        Source::Own(owner, visibility) => {
            let visibility = match visibility {
                Some(visibility) => format!("= '{visibility}'"),
                None => "<> 'public'".to_owned(),
            };
            arm.with(
                &format!("i.owner = ? AND i.deleted = {flag} AND i.visibility {visibility}"),
                owner,
            );
            format!(
                "images i {}",
                engine.by_index(&format!("ix_list_own_{key}"))
            )
        }
        Source::Shared(member) => {
            arm.with("s.member = ?", member);
            let index = match key {
                "id" => engine.by_key("shared_images"),
                key => engine.by_index(&format!("ix_shared_{key}")),
            };
            format!("shared_images s {index}")
        }
        Source::Property(name, value) if engine == Engine::Postgres => {
            let found = engine.property("p", name, value);
            let ids = format!(
                "SELECT p.image_id FROM image_properties p WHERE {}",
                found.text
            );
            arm.add(&format!("i.id = ANY (ARRAY({ids})) AND i.deleted = {flag}"));
            arm.binds.extend(found.binds);
            "images i".to_owned()
        }
        Source::Property(name, value) => {
            arm.append(engine.property("p", name, value));
            arm.add(&format!("i.deleted = {flag}"));
            format!(
                "image_properties p {}",
                engine.by_index("ix_list_properties")
            )
        }
    }
}

/// Behind the table to read, where it is not that of the images: the images.
fn images_of(engine: Engine, source: Source<'_>) -> String {
    let found = match source {
        Source::Shared(_) => "s",
        Source::Property(..) if engine != Engine::Postgres => "p",
        _ => return String::new(),
    };
    format!(
        " {} images i {} ON i.id = {found}.image_id",
        engine.then_join(),
        engine.by_key("images")
    )
}

/// Whose images, as a condition on few rows that were found otherwise.
fn whose(engine: Engine, scope: &Scope, arm: &mut Conditions) {
    let (Scope::Tenant(owner) | Scope::NotPublic(owner) | Scope::Everything(owner)) = scope;
    match (scope, owner) {
        (Scope::Tenant(None), _) => arm.add("i.visibility = 'public'"),
        (Scope::Tenant(_), Some(owner)) => {
            arm.with("(i.visibility = 'public' OR i.owner = ?", owner);
            arm.text.push_str(&format!(
                " OR EXISTS (SELECT 1 FROM shared_images o {} WHERE o.member = ? AND o.image_id = i.id{}))",
                engine.by_key("shared_images"),
                engine.for_each()
            ));
            arm.binds.push(Bind::from(owner.as_str()));
        }
        (_, Some(owner)) => arm.with("(i.visibility <> 'community' OR i.owner = ?)", owner),
        (_, None) => arm.add("i.visibility <> 'community'"),
    }
    if matches!(scope, Scope::NotPublic(_)) {
        arm.add("i.visibility <> 'public'");
    }
}

/// The key of the index to read a source by: the page's own order, unless a filter leaves so few
/// images that they are better found by it and sorted.
fn driver(
    conn: &mut Conn,
    page: &Page,
    source: Source<'_>,
    deleted: bool,
) -> Result<SortKey, DbError> {
    if matches!(source, Source::Property(..)) {
        return Ok(page.sort);
    }
    for (key, text, values) in selections(page, source) {
        // Within one value, each index is in the default order already.
        if page.sort == SortKey::CreatedAt && text.ends_with(" = ?") {
            return Ok(key);
        }
        if key == page.sort {
            return Ok(key);
        }
        let mut all = Conditions::default();
        let table = base(conn.engine(), source, deleted, key, &mut all);
        let selection =
            |among: &Conditions| (format!("{table} WHERE {}", among.text), among.binds.clone());
        let all_of_it = selection(&all);
        all.add(&text);
        all.binds.extend(values);
        if is_sorted(conn, selection(&all), all_of_it)? {
            return Ok(key);
        }
    }
    Ok(page.sort)
}

/// Filters that an index can find images by, as its key, a condition and the condition's values.
fn selections(page: &Page, source: Source<'_>) -> Vec<(SortKey, String, Vec<Bind>)> {
    let name = |key| source.names(key).of(key);
    let mut found = Vec::new();
    for (column, filter) in page.filters.texts() {
        if let (TextFilter::Is(value), Ok(key)) = (filter, column.parse()) {
            found.push((
                key,
                format!("{} = ?", name(key)),
                vec![Bind::from(value.as_str())],
            ));
        }
    }
    if let Some(time) = &page.filters.changes_since {
        found.push((
            SortKey::UpdatedAt,
            format!("{} > ?", name(SortKey::UpdatedAt)),
            vec![Bind::from(time)],
        ));
    }
    let mut size = Conditions::default();
    let bytes = name(SortKey::Size);
    size.number(&format!("{bytes} >= ?"), page.filters.size_min);
    size.number(&format!("{bytes} <= ?"), page.filters.size_max);
    if !size.text.is_empty() {
        found.push((SortKey::Size, size.text, size.binds));
    }
    found
}

/// The order, by the columns' places: a merged statement knows no other names.
pub(super) fn order(engine: Engine, page: &Page, columns: &str) -> String {
    let ascending = page.direction == SortDirection::Ascending;
    let direction = match page.direction {
        SortDirection::Ascending => "ASC",
        SortDirection::Descending => "DESC",
    };
    let place = |key: SortKey| {
        let at = columns
            .split(", ")
            .position(|column| column.trim() == format!("i.{}", key.as_str()));
        let nullable = !matches!(key, SortKey::Id | SortKey::CreatedAt | SortKey::Status);
        let nulls = engine.nulls_least(ascending, nullable);
        format!("{} {direction}{nulls}", at.map_or(1, |at| at + 1))
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
