//! A client that goes away in the middle.

use functional::{Cloud, Connection, Request, Setup, eventually, patterned};

fn id(number: u32) -> String {
    format!("{:08x}-4444-4222-8333-{number:012x}", std::process::id())
}

fn begun(cloud: &Cloud, request: Request) -> Connection {
    let mut connection = cloud.connect();
    connection.send_head(&request).unwrap();
    connection
}

#[test]
fn kills_the_image_it_uploaded_at_once() {
    let cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let post = |number| {
        owner
            .new_disk("cut")
            .by(&owner.caller)
            .header("x-image-meta-id", id(number))
            .header("Content-Type", "application/octet-stream")
    };
    let mut sized = begun(&cloud, post(1).header("Content-Length", "1000000"));
    sized.write(&patterned(300_000, 1)).unwrap();
    let mut chunked = begun(&cloud, post(2).header("Transfer-Encoding", "chunked"));
    chunked.write(b"5\r\n12345\r\n").unwrap();
    let silent = begun(&cloud, post(3).header("Content-Length", "1000000"));
    for number in 1..=3 {
        owner.becomes(&id(number), "saving", 5);
    }
    drop((sized, chunked, silent));

    for number in 1..=3 {
        owner.becomes(&id(number), "killed", 3);
    }
    eventually("no data stays", 3, || cloud.stored_files().is_empty());
    cloud.stop();
}

#[test]
fn leaves_nothing_open_after_many_cut_downloads() {
    let mut cloud = Setup::new().start();
    let owner = cloud.newcomer();
    let image = owner.create("big", &patterned(20_000_000, 2));
    let caller = owner.caller.clone();
    let open_files = |pid: u32| {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    };
    let pid = cloud.api().pid();
    let before = open_files(pid);
    for _ in 0..200 {
        let get = Request::get(format!("/v1/images/{image}")).by(&caller);
        begun(&cloud, get).read_up_to(1000).unwrap();
    }
    eventually("the files are closed", 5, || open_files(pid) <= before + 8);
    assert_eq!(
        cloud
            .images_of(&caller)
            .download(&image)
            .expect(200)
            .body
            .len(),
        20_000_000
    );
    cloud.stop();
}
