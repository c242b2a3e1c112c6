//! Registrations: images that come and go with objects in Pithos.

use serde_json::{Value, json};

use crate::harness::{ADMIN, Place, Registry, T1, T2, at_once};

const ID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

fn new(name: &str) -> Value {
    json!({
        "register": true, "name": name, "size": 7, "checksum": "c".repeat(64),
        "disk_format": "raw", "container_format": "bare", "is_public": false, "owner": "t1",
        "place": {"url": "pithos://t1/images/a", "metadata": {"pithos_uuid": ID, "version": 1}},
        "properties": {"os": "x", "kernel": "5"}, "members": ["t1", "t2", "t2"],
    })
}

fn put(registry: &Registry, body: &Value) -> u16 {
    registry
        .put(ADMIN, &format!("/registrations/{ID}"), body)
        .status
}

fn show(registry: &Registry) -> Value {
    registry.get(ADMIN, &format!("/images/{ID}")).image()
}

fn members(registry: &Registry) -> Value {
    let answer = registry.get(ADMIN, &format!("/images/{ID}/members"));
    let members = answer.json()["members"].clone();
    let members = members.as_array().unwrap().iter();
    members.map(|member| member["member_id"].clone()).collect()
}

#[test]
fn registers_a_whole_image_in_one_call() {
    let place = Place::new();
    let registry = place.start();
    // What no table of Glance's could keep: emoji, and more characters than it has room for.
    let name = "\u{1f427}".repeat(256);
    assert_eq!(put(&registry, &new(&name)), 200);
    let image = show(&registry);
    assert_eq!(image["name"], name);
    assert_eq!(image["status"], "active");
    assert_eq!(image["checksum"], "c".repeat(64));
    assert_eq!(image["location"], "pithos://t1/images/a");
    assert_eq!(image["location_data"][0]["metadata"]["version"], 1);
    assert_eq!(image["properties"], json!({"os": "x", "kernel": "5"}));
    assert_eq!(members(&registry), json!(["t1", "t2"]));
    for tenant in [T1, T2] {
        let list = registry.get(tenant, "/images/detail").names();
        assert_eq!(list, std::slice::from_ref(&name));
    }
}

#[test]
fn changes_what_is_named_and_keeps_the_rest() {
    let place = Place::new();
    let registry = place.start();
    let nothing = json!({"name": "b"});
    assert_eq!(put(&registry, &nothing), 404);
    assert_eq!(put(&registry, &new("a")), 200);
    let before = show(&registry);

    let told = json!({"size": 9, "updated_at": "2001-01-01T00:00:00.000000",
        "place": {"url": "pithos://t1/images/b", "metadata": {"pithos_uuid": ID, "version": 2}}});
    assert_eq!(put(&registry, &told), 200);
    let image = show(&registry);
    assert_eq!((&image["size"], &image["name"]), (&json!(9), &json!("a")));
    // The record knows of a later change than it was told.
    assert_eq!(image["updated_at"], before["updated_at"]);
    assert_eq!(image["location"], "pithos://t1/images/b");
    let (old, new_) = (&before["location_data"][0], &image["location_data"][0]);
    assert_eq!(new_["id"], old["id"], "no row is left behind");

    place.let_time_pass();
    let change = json!({"properties": {"os": "y", "new": "1"}, "forget": ["kernel"],
        "is_public": true, "members": ["t3"]});
    assert_eq!(put(&registry, &change), 200);
    let image = show(&registry);
    assert_eq!(image["properties"], json!({"os": "y", "new": "1"}));
    assert_eq!(image["is_public"], true);
    assert_eq!(image["created_at"], before["created_at"]);
    assert!(image["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(members(&registry), json!(["t3"]));

    let reset = json!({"properties": {"only": "1"}, "purge_properties": true});
    assert_eq!(put(&registry, &reset), 200);
    assert_eq!(show(&registry)["properties"], json!({"only": "1"}));
}

#[test]
fn unregistered_images_come_back_as_new_ones() {
    let place = Place::new();
    let registry = place.start();
    assert_eq!(put(&registry, &new("a")), 200);
    let first = show(&registry);
    let path = format!("/registrations/{ID}");
    assert_eq!(registry.delete(ADMIN, &path).status, 204);
    assert_eq!(registry.delete(ADMIN, &path).status, 404);
    assert_eq!(registry.get(T1, &format!("/images/{ID}")).status, 404);
    assert!(registry.get(T1, "/images/detail").names().is_empty());
    assert_eq!(put(&registry, &json!({"name": "b"})), 404);
    // Nobody is asked to remove its data.
    let take = json!({"holder": "h", "seconds": 30, "scrub_seconds": 0, "limit": 100});
    let taken = registry.post(ADMIN, "/recovery", &take).json();
    assert_eq!(taken["items"], json!([]));

    place.let_time_pass();
    let mut again = new("b");
    again["properties"] = json!({"os": "z"});
    again["members"] = json!(["t1"]);
    assert_eq!(put(&registry, &again), 200);
    let second = show(&registry);
    assert_eq!(second["properties"], json!({"os": "z"}));
    assert_eq!(
        (&second["deleted"], &second["name"]),
        (&json!(false), &json!("b"))
    );
    assert!(second["created_at"].as_str() > first["created_at"].as_str());
    assert_eq!(members(&registry), json!(["t1"]));
    assert_eq!(second["location_data"].as_array().unwrap().len(), 1);

    // Also after Glance's own way of deleting, whatever it left half-done.
    assert_eq!(registry.turn(ADMIN, ID, "deleted", None), 200);
    assert_eq!(put(&registry, &new("c")), 200);
    assert_eq!(show(&registry)["status"], "active");
}

#[test]
fn images_of_another_kind_are_left_alone() {
    let place = Place::new();
    let registry = place.start();
    let glance = json!({"id": ID, "name": "g", "status": "active", "location": "pithos://t1/i/x"});
    registry.create(T1, glance);
    assert_eq!(put(&registry, &new("a")), 409);
    assert_eq!(put(&registry, &json!({"name": "a"})), 409);
    let path = format!("/registrations/{ID}");
    assert_eq!(registry.delete(ADMIN, &path).status, 404);
    assert_eq!(show(&registry)["name"], "g");
    // Ids of Glance's images are never used again.
    assert_eq!(registry.delete(T1, &format!("/images/{ID}")).status, 200);
    assert_eq!(put(&registry, &new("a")), 409);
}

#[test]
fn a_refused_registration_leaves_nothing() {
    let place = Place::new();
    let registry = place.start();
    let with = |field: &str, value: Value| {
        let mut body = new("a");
        body[field] = value;
        put(&registry, &body)
    };
    assert_eq!(with("property_quota", json!(1)), 413);
    assert_eq!(with("name", json!("a\u{0}b")), 400);
    assert_eq!(with("size", json!(-1)), 400);
    assert_eq!(with("owner", Value::Null), 400);
    assert_eq!(with("place", Value::Null), 400);
    let unmarked = json!({"url": "pithos://t1/images/a", "metadata": {}});
    assert_eq!(with("place", unmarked), 400);
    let path = format!("/registrations/{ID}");
    assert_eq!(registry.put(T1, &path, &new("a")).status, 403);
    assert_eq!(
        registry.put(ADMIN, "/registrations/x", &new("a")).status,
        400
    );
    assert_eq!(registry.delete(T1, &path).status, 403);
    assert_eq!(registry.get(ADMIN, &format!("/images/{ID}")).status, 404);

    assert_eq!(put(&registry, &new("a")), 200);
    let over = json!({"name": "b", "properties": {"c": "d"}, "property_quota": 2});
    assert_eq!(put(&registry, &over), 413);
    let image = show(&registry);
    assert_eq!(image["name"], "a");
    assert_eq!(image["properties"], json!({"os": "x", "kernel": "5"}));
}

#[test]
fn registering_one_object_many_times_at_once_makes_one_image() {
    let place = Place::new();
    let registry = place.start();
    let statuses = at_once(16, |number| put(&registry, &new(&format!("n{number}"))));
    assert_eq!(statuses, [200; 16]);
    assert_eq!(registry.get(T1, "/images/detail").names().len(), 1);
    assert_eq!(
        show(&registry)["location_data"].as_array().unwrap().len(),
        1
    );
}
