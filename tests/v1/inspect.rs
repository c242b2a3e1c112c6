//! `glance-manage store-check` and `glance-manage verify`.

use functional::{Setup, patterned};

#[test]
fn a_cloud_in_use_has_nothing_wrong() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    cloud.verify();
    for n in 0..3 {
        owner.create("image", &patterned(100_000, n));
    }
    owner.reserve("reserved");
    let gone = owner.create("gone", b"12345");
    owner.delete(&gone).expect(200);
    cloud.verify();
    let found = cloud.inspect("verify");
    assert!(
        found.says(&["4 images", "1 without data", "3 stored objects", "0 wrong"]),
        "{found:?}"
    );
    cloud.stop();
}

#[test]
fn each_thing_wrong_is_told_in_a_line() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let ids: Vec<String> = (0..4)
        .map(|n| owner.create("image", &patterned(1000, n)))
        .collect();
    let path = |id: &str| cloud.data_directory().join(id);
    std::fs::remove_file(path(&ids[0])).unwrap();
    std::fs::write(path(&ids[1]), vec![0; 999]).unwrap();
    std::fs::write(path(&ids[2]), vec![0; 1000]).unwrap();
    let orphan = "11111111-2222-4333-8444-555555555555";
    std::fs::write(path(orphan), b"left behind").unwrap();
    std::fs::write(path("notes.txt"), b"an operator's").unwrap();

    let found = cloud.inspect("verify");
    assert_eq!(found.status, Some(1), "{found:?}");
    assert!(found.says(&[&ids[0], "gone"]), "{found:?}");
    assert!(
        found.says(&[&ids[1], "999 bytes", "instead of 1000"]),
        "{found:?}"
    );
    assert!(
        found.says(&["file", orphan, "11 bytes", "no image"]),
        "{found:?}"
    );
    assert!(
        found.says(&["1 not named like images", "3 wrong"]),
        "{found:?}"
    );

    let found = cloud.inspect("verify --checksums");
    assert!(found.says(&[&ids[2], "another checksum"]), "{found:?}");
    assert!(found.says(&["4 wrong"]), "{found:?}");
    cloud.stop();
}

#[test]
fn what_cannot_be_found_out_is_not_called_right() {
    let mut cloud = Setup::new().start();
    cloud.newcomer().create("image", b"12345");
    cloud.take_registry().stop();
    let found = cloud.inspect("verify");
    assert_eq!(found.status, Some(3), "{found:?}");
    assert_eq!(cloud.inspect("verify --everything").status, Some(2));
}

#[test]
fn stores_are_tried_one_by_one() {
    let mut cloud = Setup::new().prepare();
    let found = cloud.inspect("store-check");
    assert_eq!(found.status, Some(0), "{found:?}");
    assert!(
        found.says(&["file: ok (write, stat, read, range, delete)"]),
        "{found:?}"
    );
    assert!(
        found.says(&["http: ok (read-only, nothing to try)"]),
        "{found:?}"
    );
    assert!(cloud.stored_files().is_empty());
    assert_eq!(cloud.inspect("store-check file").lines.len(), 1);
    assert_eq!(cloud.inspect("store-check nonsense").status, Some(3));

    cloud.set_api("glance_store", "filesystem_store_datadir", "/proc/nowhere");
    let found = cloud.inspect("store-check");
    assert_eq!(found.status, Some(1), "{found:?}");
    assert!(
        found.says(&["file: is not configured well", "/proc/nowhere"]),
        "{found:?}"
    );
    assert!(found.says(&["http: ok"]), "{found:?}");
}
