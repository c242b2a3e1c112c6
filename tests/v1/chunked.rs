//! Data whose length is not known beforehand.

use functional::{Cloud, md5_hex, patterned};

#[test]
fn is_stored_like_any_other() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let data = patterned(2_500_003, 2);
    for chunk in [977, 65_536, 1_048_576] {
        let answer = owner
            .send(owner.new_disk("chunked").chunked(data.clone(), chunk))
            .expect(201);
        let image = answer.json()["image"].clone();
        assert_eq!(image["size"], data.len());
        assert_eq!(image["checksum"], md5_hex(&data));
        let read = owner.download(image["id"].as_str().unwrap()).expect(200);
        assert!(read.body == data, "chunks of {chunk}");
    }
}

#[test]
fn an_empty_one_is_an_image_of_no_bytes() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let answer = owner
        .send(owner.new_disk("nothing").chunked("", 1))
        .expect(201);
    let image = answer.json()["image"].clone();

    assert_eq!(image["status"], "active");
    assert_eq!(image["size"], 0);
    assert_eq!(image["checksum"], md5_hex(b""));
    assert!(
        owner
            .download(image["id"].as_str().unwrap())
            .expect(200)
            .body
            .is_empty()
    );
}
