//! Parts of an image, and answers that save the transfer: beyond Glance, whose v1 ignores both.

use functional::{Cloud, Identity, Request, Response, patterned};

struct Stored<'a> {
    cloud: &'a Cloud,
    owner: Identity,
    id: String,
    data: Vec<u8>,
}

impl Stored<'_> {
    fn get(&self, headers: &[(&str, &str)]) -> Response {
        let request = Request::get(format!("/v1/images/{}", self.id)).by(&self.owner);
        let with = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        self.cloud.send(headers.iter().fold(request, with))
    }
}

fn stored(cloud: &Cloud) -> Stored<'_> {
    let data = patterned(300_000, 3);
    let owner = cloud.newcomer();
    let id = owner.create("ranged", &data);
    Stored {
        cloud,
        owner: owner.caller.clone(),
        id,
        data,
    }
}

#[test]
fn gives_the_part_that_was_asked_for() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    let size = image.data.len();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100000-200000", 100_000, 200_001),
        ("bytes=299999-", size - 1, size),
        ("bytes=1000-999999999", 1000, size),
        ("bytes=-5", size - 5, size),
        ("bytes=-999999999", 0, size),
    ] {
        let answer = image.get(&[("Range", range)]).expect(206);
        assert!(
            answer.complete && answer.body == image.data[from..to],
            "{range}"
        );
        let place = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(
            answer.header("Content-Range"),
            Some(place.as_str()),
            "{range}"
        );
        assert_eq!(answer.meta("Size"), size.to_string(), "{range}");
    }
}

#[test]
fn refuses_parts_beyond_the_end() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    for range in ["bytes=300000-", "bytes=999999999-", "bytes=-0"] {
        let answer = image.get(&[("Range", range)]).expect(416);
        assert_eq!(
            answer.header("Content-Range"),
            Some("bytes */300000"),
            "{range}"
        );
    }
}

#[test]
fn gives_everything_when_the_range_makes_no_sense() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    for range in ["bytes=5-2", "bytes=a-b", "bytes=", "lines=1-2", "bytes 1-2"] {
        let answer = image.get(&[("Range", range)]).expect(200);
        assert!(answer.body == image.data, "{range}");
    }
}

#[test]
fn many_ranges_never_cost_more_than_the_image() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    let many: Vec<String> = (0..2000).map(|_| "0-".to_owned()).collect();
    for range in [
        "bytes=0-0,-1".to_owned(),
        format!("bytes={}", many.join(",")),
    ] {
        let answer = image.get(&[("Range", &range)]);
        assert!(
            matches!(answer.status, 200 | 206 | 416),
            "{}",
            answer.status
        );
        assert!(answer.body.len() <= image.data.len() + 1000);
    }
}

#[test]
fn tells_that_it_gives_parts() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    let answer = image.get(&[]).expect(200);
    assert_eq!(answer.header("Accept-Ranges"), Some("bytes"));
    assert!(answer.header("Last-Modified").unwrap().ends_with(" GMT"));
}

#[test]
fn saves_the_transfer_of_what_the_client_has() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    let first = image.get(&[]).expect(200);
    let etag = first.header("Etag").unwrap();
    let modified = first.header("Last-Modified").unwrap();
    let quoted = format!("\"{etag}\"");
    let among = format!("\"other\", \"{etag}\"");

    for given in [etag, &quoted, &among, "*"] {
        let answer = image.get(&[("If-None-Match", given)]).expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("Etag"), Some(etag));
    }
    image.get(&[("If-None-Match", "\"other\"")]).expect(200);
    image.get(&[("If-Modified-Since", modified)]).expect(304);
    image
        .get(&[("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")])
        .expect(200);
    image.get(&[("If-Modified-Since", "yesterday")]).expect(200);
    // If-None-Match is the finer of the two, and decides alone.
    image
        .get(&[
            ("If-None-Match", "\"other\""),
            ("If-Modified-Since", modified),
        ])
        .expect(200);
}

#[test]
fn resumes_only_the_same_image() {
    let cloud = Cloud::anywhere();
    let image = stored(&cloud);
    let first = image.get(&[]).expect(200);
    let quoted = format!("\"{}\"", first.header("Etag").unwrap());
    let modified = first.header("Last-Modified").unwrap();

    let rest = &image.data[1000..];
    let resumed = image
        .get(&[("Range", "bytes=1000-"), ("If-Range", &quoted)])
        .expect(206);
    assert!(resumed.body == rest);
    let resumed = image
        .get(&[("Range", "bytes=1000-"), ("If-Range", modified)])
        .expect(206);
    assert!(resumed.body == rest);
    let whole = image
        .get(&[("Range", "bytes=1000-"), ("If-Range", "\"other\"")])
        .expect(200);
    assert!(whole.body == image.data);
    let old = "Sat, 01 Jan 2000 00:00:00 GMT";
    image
        .get(&[("Range", "bytes=1000-"), ("If-Range", old)])
        .expect(200);
}
