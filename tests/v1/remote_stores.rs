//! The life of images whose data is in a real server's store.

use functional::{Cloud, Request, Service, Setup, patterned};

const MIB: usize = 1 << 20;

/// Images of several kinds, from their upload to their deletion, in the default store of `cloud`.
fn live(cloud: &Cloud, store: &str, secrets: &[&str]) {
    let found = cloud.inspect("store-check");
    assert!(
        found.says(&[&format!("{store}: ok (write, stat, read, range, delete)")]),
        "{found:?}"
    );
    let owner = cloud.newcomer();
    let small = patterned(100_000, 1);
    let large = patterned(13 * MIB + 5, 2);
    let mut ids = vec![
        (owner.create("small", &small), &small),
        (owner.create("large", &large), &large),
    ];
    let chunked = owner
        .new_disk("chunked")
        .header("Content-Type", "application/octet-stream")
        .chunked(large.clone(), 70_000);
    let answer = owner.send(chunked).expect(201);
    let id = answer.json()["image"]["id"].as_str().unwrap().to_owned();
    ids.push((id, &large));

    for (id, data) in &ids {
        assert!(
            owner.download(id).expect(200).body == **data,
            "{id} comes back differently"
        );
        let middle = data.len() / 2;
        let part = Request::get(format!("/v1/images/{id}")).header(
            "Range",
            format!("bytes={}-{}", middle - 40_000, middle + 40_000),
        );
        let part = owner.send(part).expect(206);
        assert!(part.body == data[middle - 40_000..=middle + 40_000]);
        for answer in [owner.show(id), part] {
            let head = format!("{answer:?}");
            assert!(
                secrets.iter().all(|secret| !head.contains(secret)),
                "{head}"
            );
        }
    }
    // What they are held to on their way out.
    assert!(cloud.database().locates_by("crc64nvme"));

    // Another store by its name, beside the default.
    let beside = owner
        .new_disk("beside")
        .header("x-image-meta-store", "file");
    owner.send(beside.data("12345")).expect(201);
    assert_eq!(cloud.stored_files().len(), 1);
    let nowhere = owner
        .new_disk("nowhere")
        .header("x-image-meta-store", "rbd");
    owner.send(nowhere.data("12345")).expect(400);

    cloud.verify();
    for (id, _) in &ids {
        owner.delete(id).expect(200);
    }
    let found = cloud.inspect("verify");
    assert!(
        found.says(&["1 images", "1 stored objects", "0 wrong"]),
        "{found:?}"
    );
    let logs = cloud.logs();
    assert!(
        secrets.iter().all(|secret| !logs.contains(secret)),
        "a credential is in a log"
    );
}

pub(crate) fn with_swift(swift: &Service) -> Setup {
    Setup::new()
        .api_in("glance_store", "stores", "file,http,swift")
        .api_in("glance_store", "default_store", "swift")
        .api_in("glance_store", "swift_store_auth_version", "1")
        .api_in(
            "glance_store",
            "swift_store_auth_address",
            &swift.variable("SWIFT_AUTH_URL"),
        )
        .api_in(
            "glance_store",
            "swift_store_user",
            &swift.variable("SWIFT_USER"),
        )
        .api_in(
            "glance_store",
            "swift_store_key",
            &swift.variable("SWIFT_KEY"),
        )
        .api_in(
            "glance_store",
            "swift_store_create_container_on_put",
            "True",
        )
        .api_in("glance_store", "swift_store_large_object_size", "5")
        .api_in("glance_store", "swift_store_large_object_chunk_size", "4")
}

pub(crate) fn with_s3(server: &Service, prefix: &str) -> Setup {
    let variable = |name: &str| server.variable(&format!("{prefix}{name}"));
    Setup::new()
        .api_in("glance_store", "stores", "file,http,s3")
        .api_in("glance_store", "default_store", "s3")
        .api_in("glance_store", "s3_store_host", &variable("ENDPOINT"))
        .api_in(
            "glance_store",
            "s3_store_access_key",
            &variable("ACCESS_KEY"),
        )
        .api_in(
            "glance_store",
            "s3_store_secret_key",
            &variable("SECRET_KEY"),
        )
        .api_in("glance_store", "s3_store_region_name", &variable("REGION"))
        .api_in("glance_store", "s3_store_bucket", "images")
        .api_in("glance_store", "s3_store_bucket_url_format", "path")
        .api_in("glance_store", "s3_store_create_bucket_on_put", "True")
        .api_in("glance_store", "s3_store_large_object_size", "8")
        .api_in("glance_store", "s3_store_large_object_chunk_size", "5")
}

pub(crate) fn with_pithos(synnefo: &Service) -> Setup {
    Setup::new()
        .api_in("glance_store", "stores", "file,http,pithos")
        .api_in("glance_store", "default_store", "pithos")
        .api_in(
            "glance_store",
            "pithos_store_endpoint",
            &synnefo.variable("PITHOS_URL"),
        )
        .api_in(
            "glance_store",
            "pithos_store_account",
            &synnefo.variable("SYNNEFO_UUID_GLANCE"),
        )
        .api_in(
            "glance_store",
            "pithos_store_token",
            &synnefo.variable("SYNNEFO_TOKEN_GLANCE"),
        )
}

#[test]
fn swift_and_its_s3_side_keep_images() {
    let swift = Service::start("swift", &[]);
    let key = swift.variable("SWIFT_KEY");
    let cloud = with_swift(&swift).start();
    live(&cloud, "swift", &[]);
    cloud.stop();

    let secret = swift.variable("SWIFT_S3_SECRET_KEY");
    let cloud = with_s3(&swift, "SWIFT_S3_").start();
    live(&cloud, "s3", &[]);
    cloud.stop();

    // Credentials that Glance keeps in locations are encrypted where there is a key for that.
    for (setup, credential) in [
        (with_swift(&swift), &key),
        (with_s3(&swift, "SWIFT_S3_"), &secret),
    ] {
        let cloud = setup
            .api("metadata_encryption_key", "0123456789abcdef")
            .start();
        let owner = cloud.newcomer();
        let id = owner.create("secret", b"12345");
        assert_eq!(owner.download(&id).expect(200).body, b"12345");
        for text in ["swift+", "s3+", &format!(":{credential}@")] {
            assert!(
                !cloud.database().locates_by(text),
                "{text} is in the database"
            );
        }
        assert!(cloud.database().locates_by(&id));
        owner.delete(&id).expect(200);
        cloud.stop();
    }
}

#[test]
fn another_s3_server_keeps_images() {
    let server = Service::start("s3", &[]);
    let cloud = with_s3(&server, "S3_").start();
    live(&cloud, "s3", &[&server.variable("S3_SECRET_KEY")]);
    cloud.stop();
}

#[test]
fn pithos_keeps_images() {
    let synnefo = Service::start("synnefo", &[]);
    let token = synnefo.variable("SYNNEFO_TOKEN_GLANCE");
    let cloud = with_pithos(&synnefo).start();
    live(&cloud, "pithos", &[&token]);
    cloud.stop();
}

#[test]
fn a_store_that_is_down_is_no_trouble_for_the_others() {
    let nobody = functional::Port::take();
    let address = format!("http://{}/auth/v1.0", nobody.address());
    let cloud = Setup::new()
        .api_in("glance_store", "stores", "file,swift")
        .api_in("glance_store", "swift_store_auth_version", "1")
        .api_in("glance_store", "swift_store_auth_address", &address)
        .api_in("glance_store", "swift_store_user", "account:user")
        .api_in("glance_store", "swift_store_key", "nobody-may-see-this")
        .start();
    let owner = cloud.newcomer();
    for _ in 0..5 {
        let lost = owner.new_disk("lost").header("x-image-meta-store", "swift");
        let answer = owner.send(lost.data("12345")).expect(503);
        assert!(answer.header("Retry-After").is_some(), "{answer:?}");
        assert!(!answer.text().contains("127.0.0.1"), "{answer:?}");
        let id = owner.create("kept", b"12345");
        assert_eq!(owner.download(&id).expect(200).body, b"12345");
    }
    let mut statuses: Vec<_> = cloud
        .every_image()
        .iter()
        .map(|image| image["status"].as_str().unwrap().to_owned())
        .collect();
    statuses.sort();
    let expected = [["active"; 5], ["killed"; 5]].concat();
    assert_eq!(statuses, expected);
    let found = cloud.inspect("store-check");
    assert_eq!(found.status, Some(1));
    assert!(
        found.says(&["file: ok"]) && found.says(&["swift: write fails"]),
        "{found:?}"
    );
    let logs = cloud.logs();
    assert!(!logs.contains("nobody-may-see-this"));
    assert_eq!(
        logs.matches("store swift is in trouble").count(),
        1,
        "{logs}"
    );
    cloud.stop();
}
