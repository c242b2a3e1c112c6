//! Glance mode over a Pithos that is down: those images wait for it, and the others do not.

use functional::{
    Cloud, Fault, FaultProxy, Images, Request, Service, Setup, When, eventually, patterned,
};

/// A service whose images are in Pithos, behind `pithos`, and in files.
fn over(synnefo: &Service, pithos: &FaultProxy) -> Cloud {
    let endpoint = format!("http://{}/pithos/object-store/v1", pithos.address());
    let variable = |name: &str| synnefo.variable(name);
    Setup::new()
        .api_in("glance_store", "stores", "file,pithos")
        .api_in("glance_store", "default_store", "pithos")
        .api_in("glance_store", "pithos_store_endpoint", &endpoint)
        .api_in(
            "glance_store",
            "pithos_store_account",
            &variable("SYNNEFO_UUID_GLANCE"),
        )
        .api_in(
            "glance_store",
            "pithos_store_token",
            &variable("SYNNEFO_TOKEN_GLANCE"),
        )
        .api_in("glance_store", "pithos_store_timeout", "2")
        .both("service", "lease_seconds", "5")
        .api_in("service", "sweep_after", "2")
        .start()
}

fn in_files(owner: &Images<'_>, name: &str) -> Request {
    let new = owner.new_disk(name).header("x-image-meta-store", "file");
    new.data(name.as_bytes().to_vec())
}

#[test]
fn only_its_own_images_wait_for_it() {
    let synnefo = Service::start("synnefo", &[]);
    let pithos = FaultProxy::before(&synnefo.address("PITHOS_URL"));
    let cloud = over(&synnefo, &pithos);
    let owner = cloud.newcomer();
    let data = patterned(100_000, 1);
    let id = owner.create("in-pithos", &data);
    let going = owner.create("going", &data);
    pithos.refuse();

    let upload = owner.send(owner.new_disk("new").data(data.clone()));
    let download = owner.download(&id);
    let part = Request::get(format!("/v1/images/{id}")).header("Range", "bytes=5-9");
    for answer in [upload, download, owner.send(part)] {
        let answer = answer.expect(503);
        assert!(answer.header("Retry-After").is_some());
    }
    // What needs no data is there.
    owner.show(&id).expect(200);
    assert_eq!(owner.list("?name=in-pithos").len(), 1);
    assert!(owner.list("?name=new&status=active").is_empty());
    let renamed = Request::put(format!("/v1/images/{id}")).header("x-image-meta-name", "renamed");
    owner.send(renamed).expect(200);

    // And other stores do not notice.
    let made = owner.send(in_files(&owner, "beside")).expect(201).json();
    let beside = made["image"]["id"].as_str().unwrap().to_owned();
    assert_eq!(owner.download(&beside).expect(200).body, b"beside");
    owner.delete(&beside).expect(200);
    assert!(cloud.stored_files().is_empty());
    owner.delete(&going).expect(200);
    owner.download(&going).expect(404);
    assert_eq!(owner.status(&going), "deleted");

    pithos.accept();
    eventually("Pithos is back", 20, || owner.download(&id).status == 200);
    assert!(owner.download(&id).expect(200).body == data);
    assert!(owner.list("?name=new&status=active").is_empty());
    // The data of the image that went meanwhile goes, too: a minute after the deletion, which may
    // still be under way until then.
    eventually("nothing is left behind", 150, || {
        let found = cloud.inspect("verify");
        found.says(&["1 stored objects", "0 wrong"])
    });
}

#[test]
fn one_that_says_nothing_is_given_up() {
    let synnefo = Service::start("synnefo", &[]);
    let pithos = FaultProxy::before(&synnefo.address("PITHOS_URL"));
    let cloud = over(&synnefo, &pithos);
    let owner = cloud.newcomer();
    let id = owner.create("in-pithos", b"data");
    pithos.inject(When::asked("GET", "/images/"), Fault::StallHead);
    pithos.inject(When::asked("PUT", "/images/"), Fault::StallHead);
    let upload = owner.send(owner.new_disk("new").data(b"new".as_slice()));
    for answer in [owner.download(&id), upload] {
        let answer = answer.expect(503);
        assert!(answer.header("Retry-After").is_some());
    }
    owner.send(in_files(&owner, "beside")).expect(201);
    pithos.heal();
    assert_eq!(owner.download(&id).expect(200).body, b"data");
}
