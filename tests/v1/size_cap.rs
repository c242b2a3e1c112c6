//! `image_size_cap`: no image is larger, however it is sent.

use functional::{Request, Setup, patterned};

#[test]
fn an_announced_one_is_refused_before_anything_is_made() {
    let cloud = Setup::new().api("image_size_cap", "100000").start();
    let owner = cloud.newcomer();
    let refused = [
        owner.new_disk("large").data(patterned(100_001, 1)),
        owner
            .new_disk("large")
            .header("x-image-meta-size", "100001"),
        owner
            .new_disk("large")
            .header("x-image-meta-size", "100001")
            .chunked("12345", 5),
    ];
    for request in refused {
        let answer = owner.send(request).expect(400);
        assert!(
            answer.text().contains("larger than 100000 bytes"),
            "{}",
            answer.text()
        );
    }
    assert!(cloud.every_image().is_empty());
    owner.create("just", &patterned(100_000, 1));
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn an_unannounced_one_is_cut_off_and_killed() {
    let cloud = Setup::new().api("image_size_cap", "100000").start();
    let owner = cloud.newcomer();
    owner
        .send(
            owner
                .new_disk("large")
                .chunked(patterned(100_001, 1), 10_000),
        )
        .expect(413);
    let id = owner.reserve("large");
    owner
        .send(Request::put(format!("/v1/images/{id}")).chunked(patterned(5_000_000, 1), 10_000))
        .expect(413);
    assert_eq!(owner.status(&id), "killed");
    cloud.nothing_is_stored();
    owner
        .send(
            owner
                .new_disk("just")
                .chunked(patterned(100_000, 1), 10_000),
        )
        .expect(201);
    cloud.check_invariants(5);
    cloud.stop();
}
