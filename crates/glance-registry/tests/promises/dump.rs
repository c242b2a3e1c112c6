//! Dumps: what goes out of one database comes into another as it was, or not at all.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{ADMIN, Place, T1, at_once};

/// Images of the source: more than are written at a time.
const MANY: usize = 1100;

/// A database in a file with some of everything. `fraction`: SQL of a time's digits behind the second.
fn source(fraction: &str) -> Place {
    let place = Place::in_file();
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    let at = |hour: &str| {
        format!("printf('2026-01-01 {hour}:%02d:%02d.%06d', i / 60 % 60, i % 60, {fraction})")
    };
    let (created, updated, deleted) = (at("00"), at("01"), at("02"));
    let times = format!("{created}, {updated}, CASE i % 2 WHEN 1 THEN {deleted} END, i % 2");
    let n = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "
    );
    // In another order than their ids'.
    let id = "printf('%08x-0000-4000-8000-00000000abcd', i * 40503 % 65536)";
    place.execute(&format!(
        "{n} INSERT INTO images SELECT {id}, CASE i % 5 WHEN 0 THEN NULL ELSE 'ünï – 🐧 ' || i END, \
           i * 1000000007, CASE i % 2 WHEN 1 THEN 'deleted' ELSE 'active' END, {times}, 'qcow2', 'bare', \
           'd41d8cd98f00b204e9800998ecf8427e', 't' || (i % 10), i % 3, i % 7, i % 2 = 0, \
           CASE i % 4 WHEN 0 THEN i END, CASE i % 3 WHEN 0 THEN 'public' WHEN 1 THEN 'private' \
           ELSE 'shared' END FROM n; \
         {n} INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted_at, deleted) \
           SELECT {id}, 'os', 'a \"quoted\" \\ line' || char(10) || 'and a tab' || char(9), {times} FROM n; \
         {n} INSERT INTO image_properties (id, image_id, name, value, created_at, updated_at, deleted_at, deleted) \
           SELECT 10000 + i, {id}, 'naïve 🐧', CASE i % 3 WHEN 0 THEN NULL ELSE '' END, {times} FROM n; \
         {n} INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted_at, deleted, meta_data, status) \
           SELECT {id}, 'swift+https://u:hunter2@h/c/' || i, {times}, '{{\"a\": \"é\"}}', 'active' FROM n; \
         {n} INSERT INTO image_members SELECT i, {id}, 't' || ((i + 1) % 10), i % 2, {times}, 'accepted' FROM n; \
         {n} INSERT INTO image_tags (image_id, value, created_at, updated_at, deleted_at, deleted) \
           SELECT {id}, 'gold', {times} FROM n WHERE i < 100; \
         INSERT INTO retired_images VALUES ('ffffffff-0000-4000-8000-000000000001')"
    ));
    place
}

/// What an export of the database writes.
fn exported(place: &Place) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = place.manage_command(&["db_export"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.starts_with("exported "), "{said}");
    String::from_utf8(stdout).unwrap()
}

/// Writes a dump into a file and imports that.
fn import(place: &Place, dump: &str) -> (i32, String) {
    let file = place.path("dump");
    std::fs::write(&file, dump).unwrap();
    import_file(place, &file)
}

fn import_file(place: &Place, file: &Path) -> (i32, String) {
    place.manage(&["db_import", file.to_str().unwrap()])
}

/// A database of the tests' engine with tables and nothing in them.
fn empty() -> Place {
    synced(Place::new())
}

fn synced(place: Place) -> Place {
    assert_eq!(place.manage(&["db_sync"]).0, 0);
    place
}

fn images_in(place: &Place) -> u64 {
    let dump = exported(place);
    let rows = dump.lines().filter(|line| line.starts_with("{\"image\":"));
    u64::try_from(rows.count()).unwrap()
}

/// A dump as an engine gives it back whose times have whole seconds; without its last line, whose
/// checksum is another.
fn cut(dump: &str) -> String {
    let mut text = String::new();
    for line in dump.lines().filter(|line| !line.starts_with("{\"end\"")) {
        let mut rest = line;
        while let Some(dot) = rest.find('.').filter(|dot| dot + 8 <= rest.len()) {
            let (before, after) = rest.split_at(dot + 1);
            text.push_str(before);
            let digits = after.bytes().take(6).all(|byte| byte.is_ascii_digit());
            rest = match digits && after[6..].starts_with('"') {
                true => {
                    text.push_str("000000");
                    &after[6..]
                }
                false => after,
            };
        }
        text.push_str(rest);
        text.push('\n');
    }
    text
}

#[test]
fn a_dump_moves_everything_and_comes_out_again_the_same() {
    let dump = exported(&source("i"));
    let place = empty();
    let (status, text) = import(&place, &dump);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains(
            "1100 images, 2200 properties, 1100 locations, 1100 members, 99 tags, 1 retired ids"
        ),
        "{text}"
    );
    assert_eq!(text.contains("whole seconds"), place.has_whole_seconds());
    if place.has_whole_seconds() {
        assert!(cut(&exported(&place)) == cut(&dump));
    } else {
        assert!(exported(&place) == dump);
    }
    // Again, it has nothing to do.
    let (status, text) = import(&place, &dump);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("5600 of these rows were there already"),
        "{text}"
    );
    // The database is one to work with: what is new gets numbers of its own.
    let registry = place.start();
    let path = "/images/00003c6e-0000-4000-8000-00000000abcd";
    let image = registry.get(ADMIN, path).json()["image"].clone();
    assert_eq!(image["name"], "ünï – 🐧 2");
    let new = registry.create(
        T1,
        json!({"properties": {"a": "1"}, "location": "file:///x"}),
    );
    registry.put(T1, &format!("/images/{new}/members/t2"), &json!(null));
    let retired =
        json!({"image": {"id": "ffffffff-0000-4000-8000-000000000001", "status": "queued"}});
    assert_eq!(registry.post(T1, "/images", &retired).status, 409);
}

#[test]
fn a_dump_goes_through_all_engines_and_stays_the_same() {
    let dump = exported(&source("0"));
    let servers = ["POSTGRES_URL", "MARIADB_URL", "GLANCE_TEST_DATABASE"];
    let servers = servers.iter().filter_map(|name| std::env::var(name).ok());
    let servers = servers.filter(|url| !url.is_empty() && !url.starts_with("sqlite"));
    let places = servers.map(|url| Place::on(&url));
    for place in places.chain([Place::in_file()]) {
        let place = synced(place);
        let (status, text) = import(&place, &dump);
        assert_eq!(status, 0, "{text}");
        assert!(exported(&place) == dump);
    }
}

#[test]
fn a_database_that_glance_wrote_can_be_moved() {
    let place = synced(Place::with_glances_database());
    let file = place.path("dump");
    let (status, text) = place.manage(&["db", "export", file.to_str().unwrap()]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("1 images") || text.contains("2 images"),
        "{text}"
    );
    let other = synced(Place::in_file());
    let (status, text) = import_file(&other, &file);
    assert_eq!(status, 0, "{text}");
    assert!(exported(&other) == std::fs::read_to_string(&file).unwrap());
    // Nobody else may read what may hold credentials.
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn exports_to_one_file_leave_one_whole_dump() {
    let place = source("0");
    let expected = exported(&place);
    let file = place.path("dump");
    // What others put where the file may be written must not get the credentials.
    let open_to_all = place.path("open to all");
    std::fs::write(&open_to_all, "").unwrap();
    std::os::unix::fs::symlink(&open_to_all, place.path("dump.part")).unwrap();
    for (status, said) in at_once(3, |_| place.manage(&["db_export", file.to_str().unwrap()])) {
        assert_eq!(status, 0, "{said}");
    }
    assert!(std::fs::read_to_string(&file).unwrap() == expected);
    assert_eq!(std::fs::read(&open_to_all).unwrap(), b"");
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains(".part")).count(), 1);
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    let dump = exported(&source("0"));
    let place = empty();
    let mut child = place
        .manage_command(&["db_import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // So much that some of it has been written before the rest is waited for.
    let half = dump.match_indices('\n').nth(MANY + 1500).unwrap().0;
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&dump.as_bytes()[..half]).unwrap();
    let begun = Instant::now();
    while images_in(&place) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(pipe);
    // Another dump is not what was interrupted.
    let other = dump.replace("\"t7\"", "\"t8\"");
    assert_eq!(import(&place, &resealed(&other)).0, 1);
    let (status, text) = import(&place, &dump);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("were there already"), "{text}");
    assert!(exported(&place) == dump);
}

/// The dump with the checksum that belongs to its lines.
fn resealed(dump: &str) -> String {
    let (lines, last) = dump.trim_end().rsplit_once('\n').unwrap();
    let lines = format!("{lines}\n");
    let mut child = std::process::Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let sum = child.wait_with_output().unwrap().stdout;
    let sum = String::from_utf8(sum[..64].to_vec()).unwrap();
    let begins = last.find("\"sha256\":\"").unwrap() + 10;
    format!("{lines}{}{sum}\"}}}}\n", &last[..begins])
}

#[test]
fn a_damaged_dump_changes_nothing() {
    let dump = exported(&source("0"));
    assert_eq!(resealed(&dump), dump);
    let place = empty();
    let last = dump.rfind("{\"end").unwrap();
    for (damaged, reason) in [
        (dump[..last].to_owned(), "cut off"),
        (dump[..dump.len() / 2].to_owned(), "cut off"),
        (dump.replacen("\"t7\"", "\"t8\"", 1), "checksum"),
        (
            dump.replacen(dump.lines().nth(5).unwrap(), "{}", 1),
            "line 6 is no line of a dump",
        ),
        (
            dump.replace(&format!("{}\n", dump.lines().nth(5).unwrap()), ""),
            "1100 images, 2200 properties, 1100 locations, 1100 members, 99 tags, 1 retired ids, and it has 1099",
        ),
        (dump.replacen("\"format\":1", "\"format\":2", 1), "newer"),
    ] {
        let (status, text) = import(&place, &damaged);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(images_in(&place), 0, "{text}");
    }
    // What comes through a pipe is known to be damaged at its end only, but then it is said.
    let mut child = place
        .manage_command(&["db_import"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&dump.as_bytes()[..last]).unwrap();
    drop(pipe);
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(String::from_utf8_lossy(&stderr).contains("cut off"));
    let (status, text) = import(&place, &dump);
    assert_eq!(status, 0, "{text}");
}

#[test]
fn rows_that_are_not_the_dumps_are_refused_by_name() {
    let dump = exported(&source("0"));
    let place = empty();
    assert_eq!(import(&place, &dump).0, 0);
    let id = "00009e37-0000-4000-8000-00000000abcd";
    for (change, back, reason) in [
        (
            format!("UPDATE images SET owner = 'x' WHERE id = '{id}'"),
            format!("UPDATE images SET owner = 't1' WHERE id = '{id}'"),
            format!("image {id} is in the database already with another owner"),
        ),
        (
            "UPDATE image_locations SET value = 'swift://u:hunter3@x' WHERE id = 7".to_owned(),
            "UPDATE image_locations SET value = 'swift+https://u:hunter2@h/c/7' WHERE id = 7"
                .to_owned(),
            "location 7 is in the database already with another value".to_owned(),
        ),
        (
            format!(
                "INSERT INTO image_members (id, image_id, member, can_share, created_at, deleted, status) \
                 SELECT 90000, '{id}', 'x', can_share, created_at, deleted, 'pending' FROM image_members WHERE id = 1"
            ),
            "DELETE FROM image_members WHERE id = 90000".to_owned(),
            "the database holds members that are not the dump's".to_owned(),
        ),
    ] {
        place.execute(&change);
        let (status, text) = import(&place, &dump);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains(&reason), "{text}");
        assert!(!text.contains("hunter"), "{text}");
        place.execute(&back);
        assert_eq!(import(&place, &dump).0, 0);
    }
    // Nothing is added to somebody else's images.
    let other = empty();
    other.start().create(T1, json!({"name": "own"}));
    let (status, text) = import(&other, &dump);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("the database holds images that are not the dump's"),
        "{text}"
    );
    assert_eq!(images_in(&other), 1);
    // What an engine cannot hold is said by name.
    let fresh = empty();
    let name = "n".repeat(300);
    let long = dump.replacen("\"t1\"", &format!("\"{name}\""), 1);
    let (status, text) = import(&fresh, &resealed(&long));
    if fresh.is_file() {
        assert_eq!(status, 0, "{text}");
    } else {
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("the database refuses image"), "{text}");
    }
}

#[test]
fn a_dump_is_of_one_moment() {
    let place = Place::new();
    let registry = place.start();
    let body = json!({"image": {"status": "queued", "properties": {"a": "1", "b": "2"}}});
    let stop = AtomicBool::new(false);
    let dumps: Vec<String> = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(registry.post(T1, "/images", &body).status, 200);
                }
            });
        }
        let dumps = (0..5).map(|_| exported(&place)).collect();
        stop.store(true, Ordering::Relaxed);
        dumps
    });
    for dump in &dumps {
        let rows = |word: &str| dump.matches(&format!("{{\"{word}\":{{")).count();
        assert_eq!(rows("property"), 2 * rows("image"));
    }
    let other = empty();
    let (status, text) = import(&other, dumps.last().unwrap());
    assert_eq!(status, 0, "{text}");
}

#[test]
fn the_command_line_is_checked() {
    let place = empty();
    for (arguments, expected) in [
        (vec!["db_export", "a", "b"], 2),
        (vec!["db_import", "--x"], 2),
        (vec!["db_import", "/nonexistent/dump"], 1),
        (vec!["db_export", "/nonexistent/dump"], 1),
    ] {
        let (status, text) = place.manage(&arguments);
        assert_eq!(status, expected, "{text}");
    }
    let unsynced = Place::new();
    let (status, text) = unsynced.manage(&["db_export"]);
    assert_eq!(status, 1);
    assert!(text.contains("db_sync"), "{text}");
}
