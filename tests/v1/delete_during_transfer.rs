//! DELETE is safe at any time: it wins at once, and nothing stays behind.

use functional::{Cloud, Connection, Request, Setup, eventually, patterned};

fn started_upload(cloud: &Cloud, request: &Request, first: &[u8]) -> Connection {
    let mut connection = cloud.connect();
    connection.send_head(request).unwrap();
    connection.write(first).unwrap();
    connection
}

#[test]
fn ends_an_upload_with_412_and_leaves_no_data() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = owner.reserve("doomed");
    let put = Request::put(format!("/v1/images/{id}"))
        .by(&owner.caller)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "2000000");
    let mut upload = started_upload(&cloud, &put, &patterned(1_000_000, 1));
    owner.becomes(&id, "saving", 5);

    owner.delete(&id).expect(200);
    assert_eq!(owner.status(&id), "-");
    // The server may have answered and closed already.
    let _ = upload.write(&patterned(1_000_000, 2));
    upload.response(false).unwrap().expect(412);
    assert_eq!(cloud.administrator().status(&id), "deleted");
    eventually("no data stays", 5, || cloud.stored_files().is_empty());
    cloud.stop();
}

#[test]
fn ends_a_slow_upload_without_waiting_for_its_body() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let id = format!("{:08x}-3333-4222-8333-444455556666", std::process::id());
    let post = Request::post("/v1/images")
        .raw_disk("doomed")
        .by(&owner.caller)
        .header("x-image-meta-id", &id)
        .header("Content-Type", "application/octet-stream")
        .header("Content-Length", "2000000");
    let mut upload = started_upload(&cloud, &post, b"a few bytes, and then silence");
    owner.becomes(&id, "saving", 5);

    owner.delete(&id).expect(200);
    eventually("no data stays", 10, || cloud.stored_files().is_empty());
    // Whether it is told at once or when it goes on, it is never told of success.
    let _ = upload.write(&patterned(2_000_000 - 29, 2));
    let status = upload.response(false).map_or(412, |answer| answer.status);
    assert_eq!(status, 412);
    cloud.nothing_is_stored();
    cloud.stop();
}

#[test]
fn lets_a_running_download_end_whole() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let data = patterned(30_000_000, 3);
    let id = owner.create("read", &data);
    let mut download = cloud.connect();
    let get = Request::get(format!("/v1/images/{id}")).by(&owner.caller);
    download.send_head(&get).unwrap();
    download.response_head().unwrap().expect(200);
    let mut read = download.read_up_to(100_000).unwrap();

    owner.delete(&id).expect(200);
    owner.download(&id).expect(404);
    cloud.nothing_is_stored();
    read.extend(download.read_up_to(data.len() - read.len()).unwrap());
    assert!(read == data, "{} of {} bytes", read.len(), data.len());
    cloud.stop();
}

#[test]
fn leaves_nothing_when_it_meets_the_end_of_an_upload() {
    for delayed in ["False", "True"] {
        let cloud = Setup::new()
            .api("delayed_delete", delayed)
            .api("scrub_time", "3600")
            .both("service", "lease_seconds", "3")
            .start();
        let owner = cloud.newcomer();
        for number in 0..60 {
            let id = owner.reserve("doomed");
            let put = Request::put(format!("/v1/images/{id}"))
                .by(&owner.caller)
                .header("Content-Type", "application/octet-stream")
                .data(patterned(200_000, number));
            std::thread::scope(|scope| {
                let upload = scope.spawn(|| cloud.send(put).status);
                std::thread::sleep(std::time::Duration::from_micros(u64::from(number) * 100));
                let deleted = owner.delete(&id).status;
                let uploaded = upload.join().unwrap();
                assert_eq!(deleted, 200, "{number}");
                assert!(
                    [200, 403, 404, 409, 412].contains(&uploaded),
                    "{number}: {uploaded}"
                );
            });
            assert_eq!(owner.status(&id), "-");
        }
        cloud.check_invariants(20);
        if delayed == "False" {
            cloud.nothing_is_stored();
        }
        cloud.stop();
    }
}
