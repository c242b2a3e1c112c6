//! Quotas hold against many requests at once.

use functional::{Cloud, Identity, Request, Response, Setup, patterned};

const AT_ONCE: usize = 32;

fn at_once(cloud: &Cloud, request: impl Fn(usize) -> Request + Sync) -> Vec<Response> {
    std::thread::scope(|scope| {
        let request = &request;
        let send = |number| scope.spawn(move || cloud.send(request(number)));
        let threads: Vec<_> = (0..AT_ONCE).map(send).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn count(answers: &[Response], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
}

#[test]
fn storage_is_never_exceeded() {
    let cloud = Setup::new().api("user_storage_quota", "1000000B").start();
    let owner = cloud.newcomer();
    let answers = at_once(&cloud, |number| {
        let data = patterned(100_000, number as u32);
        Request::post("/v1/images")
            .raw_disk("quota")
            .by(&owner.caller)
            .data(data)
    });
    let (made, refused) = (count(&answers, 201), count(&answers, 413));
    assert_eq!(
        made + refused,
        AT_ONCE,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert!(made <= 10, "{made} images of 100,000 bytes in 1,000,000");
    // Refused ones give their room back: what is left can be filled.
    for number in made..10 {
        owner.create("fill", &patterned(100_000, number as u32));
    }
    owner.send(owner.new_disk("more").data("x")).expect(413);
    let victim = owner.list("")[0].clone();
    owner.delete(&victim).expect(200);
    owner.create("again", &patterned(100_000, 99));
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn storage_holds_for_bodies_of_unknown_length() {
    let cloud = Setup::new().api("user_storage_quota", "1000000").start();
    let owner = cloud.newcomer();
    let answers = at_once(&cloud, |number| {
        let data = patterned(200_000, number as u32);
        Request::post("/v1/images")
            .raw_disk("quota")
            .by(&owner.caller)
            .chunked(data, 9000)
    });
    let (made, refused) = (count(&answers, 201), count(&answers, 413));
    assert_eq!(
        made + refused,
        AT_ONCE,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert!(made <= 5, "{made} images of 200,000 bytes in 1,000,000");
    cloud.check_invariants(5);
    // It is one owner's quota, not everybody's.
    cloud.newcomer().create("other", &patterned(900_000, 1));
    cloud.stop();
}

#[test]
fn members_are_never_too_many() {
    let cloud = Setup::new().api("image_member_quota", "10").start();
    let owner = cloud.newcomer();
    let id = owner.reserve("shared");
    let answers = at_once(&cloud, |number| {
        Request::put(format!("/v1/images/{id}/members/tenant-{number}")).by(&owner.caller)
    });
    let (made, refused) = (count(&answers, 204), count(&answers, 413));
    assert_eq!(
        made + refused,
        AT_ONCE,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    let members = owner
        .send(Request::get(format!("/v1/images/{id}/members")))
        .expect(200)
        .json();
    let members = members["members"].as_array().unwrap().len();
    assert!(
        members <= 10 && members == made,
        "{members} members, {made} were told so"
    );
    cloud.stop();
}

#[test]
fn properties_are_never_too_many() {
    let cloud = Setup::new().api("image_property_quota", "10").start();
    let owner = cloud.newcomer();
    let with = |request: Request, count: usize, prefix: &str| {
        (0..count).fold(request, |request, number| {
            request.header(&format!("x-image-meta-property-{prefix}{number}"), "v")
        })
    };
    owner
        .send(with(owner.new_disk("many"), 11, "p"))
        .expect(413);
    let id = owner
        .send(with(owner.new_disk("enough"), 10, "p"))
        .expect(201);
    let id = id.json()["image"]["id"].as_str().unwrap().to_owned();
    owner
        .send(with(Request::put(format!("/v1/images/{id}")), 11, "q"))
        .expect(413);

    let id = owner.reserve("grown");
    let answers = at_once(&cloud, |number| {
        Request::put(format!("/v1/images/{id}"))
            .by(&owner.caller)
            .header("x-glance-registry-purge-props", "false")
            .header(&format!("x-image-meta-property-p{number}"), "v")
    });
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 413))
    );
    let list = owner
        .send(Request::get("/v1/images/detail?name=grown"))
        .expect(200)
        .json();
    let properties = list["images"][0]["properties"].as_object().unwrap().len();
    assert!(properties <= 10, "{properties} properties");
    cloud.stop();
}

#[test]
fn the_administrator_has_a_quota_too() {
    let cloud = Setup::new().api("user_storage_quota", "10B").start();
    let administrator = cloud.images_of(&Identity::admin());
    administrator
        .send(administrator.new_disk("large").data("12345678901"))
        .expect(413);
    administrator.create("small", b"1234567890");
    cloud.check_invariants(5);
    cloud.stop();
}
