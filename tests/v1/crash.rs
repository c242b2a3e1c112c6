//! `kill -9` at any point of an upload: after a restart every image is in a definite state, no
//! byte is orphaned, and what was answered with success is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use functional::{Cloud, Connection, Identity, Request, Setup, md5_hex, patterned};

const LENGTH: usize = 3_000_000;

fn short_lease() -> Setup {
    Setup::new()
        .both("service", "lease_seconds", "3")
        .api("user_storage_quota", "10000000")
}

/// After a restart: nothing hangs, nothing is left, and the whole quota can be used again.
fn recovers(cloud: Cloud, caller: &Identity) {
    cloud.check_invariants(60);
    let owner = cloud.images_of(caller);
    for id in owner.list("") {
        owner.delete(&id).expect(200);
    }
    owner.create("all of the quota", &patterned(10_000_000, 9));
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn the_api_dies_before_the_first_byte() {
    let mut cloud = short_lease().start();
    let caller = Identity::member();
    let _upload = cloud.images_of(&caller).begin_upload(LENGTH);
    cloud.take_api().kill();
    cloud.start_api();
    recovers(cloud, &caller);
}

#[test]
fn the_api_dies_in_the_middle_of_a_body() {
    let mut cloud = short_lease().start();
    let caller = Identity::member();
    let mut upload = cloud.images_of(&caller).begin_upload(LENGTH);
    upload.write(&patterned(LENGTH / 2, 1)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    cloud.take_api().kill();
    cloud.start_api();
    recovers(cloud, &caller);
}

#[test]
fn the_api_dies_between_the_last_byte_and_the_answer() {
    for pause in [0, 2, 5, 10, 20, 40] {
        let mut cloud = short_lease().start();
        let caller = Identity::member();
        let mut upload = cloud.images_of(&caller).begin_upload(LENGTH);
        upload.write(&patterned(LENGTH, 1)).unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        cloud.take_api().kill();
        let promised = upload
            .response(false)
            .is_ok_and(|answer| answer.status == 201);
        cloud.start_api();
        if promised {
            assert_eq!(cloud.images_of(&caller).list("?status=active").len(), 1);
        }
        recovers(cloud, &caller);
    }
}

/// Where glance-api ends at once when told so by `GLANCE_FAILPOINT`.
const POINTS_OF_AN_UPLOAD: [&str; 4] = [
    "upload-after-lease",
    "upload-after-saving",
    "upload-after-store",
    "upload-after-activate",
];

#[test]
fn the_api_dies_at_each_step_of_an_upload() {
    for point in POINTS_OF_AN_UPLOAD {
        let mut cloud = short_lease()
            .api_environment("GLANCE_FAILPOINT", point)
            .start();
        let caller = Identity::member();
        let post = Request::post("/v1/images").raw_disk(point).by(&caller);
        let answer = cloud.try_send(post.data(patterned(LENGTH, 1)));
        assert!(answer.is_err(), "{point}: it lives and answers");
        cloud.api().wait(10);
        assert!(
            cloud.api().log().contains(point),
            "{point}: it did not die there"
        );
        cloud.take_api();
        cloud.start_api();
        cloud.check_invariants(60);
        let images = cloud.every_image();
        assert_eq!(images.len(), 1, "{point}");
        let expected = match point {
            // Everything was recorded but not yet answered.
            "upload-after-activate" => "active",
            _ => "killed",
        };
        functional::eventually(point, 30, || cloud.every_image()[0]["status"] == expected);
        recovers(cloud, &caller);
    }
}

fn dies_at_a_step_of_a_deletion(point: &str) {
    let mut cloud = short_lease()
        .api_environment("GLANCE_FAILPOINT", point)
        .start();
    let caller = Identity::member();
    let id = cloud.images_of(&caller).create("doomed", b"12345");
    let delete = Request::delete(format!("/v1/images/{id}")).by(&caller);
    let answer = cloud.try_send(delete);
    assert!(answer.is_err(), "{point}: it lives and answers");
    cloud.api().wait(10);
    cloud.take_api();
    cloud.start_api();
    assert_ne!(
        cloud.images_of(&caller).download(&id).status,
        200,
        "{point}"
    );
    // Whoever deletes may take a minute; only then somebody else finishes it.
    functional::eventually(point, 100, || {
        cloud.administrator().status(&id) == "deleted"
            && cloud.stored_files().is_empty()
            && cloud.images_of(&caller).list("").is_empty()
    });
    recovers(cloud, &caller);
}

#[test]
fn the_api_dies_at_each_step_of_a_deletion() {
    std::thread::scope(|scope| {
        for point in ["delete-after-mark", "delete-after-data"] {
            scope.spawn(|| dies_at_a_step_of_a_deletion(point));
        }
    });
}

#[test]
fn the_registry_dies_and_comes_back_during_an_upload() {
    let mut cloud = short_lease().start();
    let caller = Identity::member();
    let mut upload = cloud.images_of(&caller).begin_upload(LENGTH);
    upload.write(&patterned(LENGTH / 2, 1)).unwrap();
    cloud.take_registry().kill();
    cloud.start_registry();
    upload.write(&patterned(LENGTH - LENGTH / 2, 2)).unwrap();
    upload.response(false).unwrap().expect(201);
    recovers(cloud, &caller);
}

#[test]
fn both_die_at_once() {
    let mut cloud = short_lease().start();
    let caller = Identity::member();
    let mut upload = cloud.images_of(&caller).begin_upload(LENGTH);
    upload.write(&patterned(LENGTH / 2, 1)).unwrap();
    cloud.take_api().kill();
    cloud.take_registry().kill();
    cloud.start_registry();
    cloud.start_api();
    recovers(cloud, &caller);
}

#[test]
fn an_upload_whose_daemon_is_stopped_longer_than_its_lease_cannot_win() {
    let mut cloud = short_lease().start();
    let caller = Identity::member();
    let mut upload = cloud.images_of(&caller).begin_upload(LENGTH);
    upload.write(&patterned(LENGTH / 2, 1)).unwrap();
    cloud.api().signal(functional::Signal::STOP);
    std::thread::sleep(Duration::from_secs(8));
    cloud.api().signal(functional::Signal::CONT);
    let _ = upload.write(&patterned(LENGTH - LENGTH / 2, 2));
    // Either the lease outlived the pause, and the image is there, or it did not, and it is not.
    let won = upload
        .response(false)
        .is_ok_and(|answer| answer.status == 201);
    let active = cloud.images_of(&caller).list("?status=active").len();
    assert_eq!(active, usize::from(won));
    recovers(cloud, &caller);
}

/// Uploads and deletes without pause; what was answered with success goes into `kept`.
fn work(
    address: &str,
    caller: &Identity,
    running: &AtomicBool,
    seeds: &AtomicU32,
    kept: &Mutex<Vec<(String, String)>>,
) {
    while running.load(Ordering::Relaxed) {
        let data = patterned(400_000, seeds.fetch_add(1, Ordering::Relaxed));
        let post = Request::post("/v1/images")
            .raw_disk("storm")
            .by(caller)
            .data(data.clone());
        let answer =
            Connection::open(address).and_then(|mut connection| connection.exchange(&post));
        let Ok(answer) = answer else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        if answer.status != 201 || !answer.complete {
            continue;
        }
        let id = answer.json()["image"]["id"].as_str().unwrap().to_owned();
        if data[0].is_multiple_of(3) {
            let delete = Request::delete(format!("/v1/images/{id}")).by(caller);
            // Whether it was deleted is unknown when the answer does not come.
            let _ =
                Connection::open(address).and_then(|mut connection| connection.exchange(&delete));
            continue;
        }
        kept.lock().unwrap().push((id, md5_hex(&data)));
    }
}

#[test]
fn a_storm_of_uploads_outlives_a_storm_of_kills() {
    let mut cloud = Setup::new().both("service", "lease_seconds", "3").start();
    let caller = Identity::member();
    let address = cloud.address().to_owned();
    let (running, seeds, kept) = (
        AtomicBool::new(true),
        AtomicU32::new(1),
        Mutex::new(Vec::new()),
    );
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| work(&address, &caller, &running, &seeds, &kept));
        }
        for round in 0..6 {
            std::thread::sleep(Duration::from_millis(400 + 137 * round));
            if round % 2 == 0 {
                cloud.take_api().kill();
                cloud.start_api();
            } else {
                cloud.take_registry().kill();
                cloud.start_registry();
            }
        }
        running.store(false, Ordering::Relaxed);
    });
    cloud.check_invariants(60);
    let owner = cloud.images_of(&caller);
    let kept = kept.into_inner().unwrap();
    assert!(!kept.is_empty(), "no upload succeeded at all");
    for (id, checksum) in &kept {
        assert_eq!(
            md5_hex(&owner.download(id).expect(200).body),
            *checksum,
            "{id}"
        );
    }
    cloud.stop();
}
