//! The file store's options, as far as one sees them on the disk.

use std::os::unix::fs::PermissionsExt;

use functional::{Cloud, Setup};

fn with_directories(cloud: &Cloud, names: &[&str]) -> Vec<bool> {
    let holds_data = |name: &&str| {
        let entries = std::fs::read_dir(cloud.path(name)).unwrap();
        entries.flatten().any(|entry| entry.path().is_file())
    };
    names.iter().map(holds_data).collect()
}

#[test]
fn data_is_a_file_named_by_the_id() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.create("plain", b"12345");
    assert_eq!(cloud.stored_files(), [cloud.data_directory().join(&id)]);
    assert_eq!(
        std::fs::read(cloud.data_directory().join(&id)).unwrap(),
        b"12345"
    );
    cloud.stop();
}

#[test]
fn files_get_the_permissions_asked_for() {
    let cloud = Setup::new()
        .api_in("glance_store", "filesystem_store_file_perm", "604")
        .start();
    let id = cloud.newcomer().create("readable", b"12345");
    let metadata = std::fs::metadata(cloud.data_directory().join(id)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o604);
    cloud.stop();
}

#[test]
fn the_directory_of_the_highest_priority_is_filled_first() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let mut cloud = Setup::new().prepare();
    // Repeated, as oslo has it for options of several values.
    let directories = format!(
        "{}:10\nfilesystem_store_datadirs = {}:200\nfilesystem_store_datadirs = {}",
        path("low"),
        path("high"),
        path("none")
    );
    cloud.set_api("glance_store", "filesystem_store_datadir", "");
    cloud.set_api("glance_store", "filesystem_store_datadirs", &directories);
    cloud.start_registry();
    cloud.start_api();
    let owner = cloud.newcomer();
    let id = owner.create("placed", b"12345");
    let names = ["low", "high", "none"].map(path);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(with_directories(&cloud, &names), [false, true, false]);
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    owner.delete(&id).expect(200);
    assert_eq!(with_directories(&cloud, &names), [false, false, false]);
    cloud.stop();
}

#[test]
fn both_names_of_the_store_are_taken() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    for name in ["file", "filesystem"] {
        let request = owner
            .new_disk("stored")
            .header("x-image-meta-store", name)
            .data("12345");
        owner.send(request).expect(201);
    }
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn data_that_is_not_what_was_recorded_is_never_served_as_such() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.create("damaged", b"1234567890");
    let path = cloud.data_directory().join(&id);
    std::fs::write(&path, b"12345").unwrap();
    let answer = owner.download(&id);
    assert!(
        answer.status >= 400 || !answer.complete,
        "{}",
        answer.status
    );

    // Nor is what is no file at all, or leads somewhere else.
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    let answer = owner.download(&id);
    assert!(answer.status >= 400, "{}", answer.status);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(owner.download(&id).status >= 400);
    cloud.stop();
}
