//! Parts of an image, and answers that save the transfer: beyond Glance, whose v1 ignores both.

use functional::{
    Cloud, FaultProxy, Identity, Images, Request, Response, Setup, WebServer, patterned,
};

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

/// A part costs one request at a store that tells the size of the whole with it; what needs no data
/// costs none. The store is behind `proxy`.
pub(crate) fn parts_cost_one_request(
    owner: &Images<'_>,
    proxy: &FaultProxy,
    id: &str,
    data: &[u8],
) {
    let image = || Request::get(format!("/v1/images/{id}"));
    let size = data.len();
    proxy.forget();
    for (request, status) in [
        (Request::head(format!("/v1/images/{id}")), 200),
        (image().header("Range", format!("bytes={size}-")), 416),
        (image().header("If-None-Match", "*"), 304),
        (image().header("If-Match", "\"other\""), 412),
        (
            image().header("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT"),
            304,
        ),
    ] {
        owner.send(request).expect(status);
        assert!(proxy.seen().is_empty(), "{status}");
    }
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=1000-".to_owned(), 1000, size),
        ("bytes=-5".to_owned(), size - 5, size),
    ] {
        proxy.forget();
        let part = owner.send(image().header("Range", &range)).expect(206);
        assert!(part.complete && part.body == data[from..to], "{range}");
        let place = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(part.header("Content-Range"), Some(place.as_str()));
        let seen = proxy.seen();
        let asked = format!("bytes={from}-{}", to - 1);
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].range.as_deref(), Some(asked.as_str()));
    }
}

#[test]
fn a_part_costs_its_source_one_request() {
    let (server, data) = (WebServer::start(), patterned(300_000, 5));
    server.put("image", &data);
    let proxy = FaultProxy::before(server.address());
    let cloud = Setup::new()
        .api_in("glance_store", "external_allow", "127.0.0.1")
        .start();
    let owner = cloud.newcomer();
    let url = format!("http://{}/image", proxy.address());
    let post = owner.new_disk("elsewhere");
    let made = owner.send(post.header("x-image-meta-location", url));
    let made = made.expect(201).json();
    let id = made["image"]["id"].as_str().unwrap();
    parts_cost_one_request(&owner, &proxy, id, &data);

    // What has become another source is no part of this image.
    for other in [&data[..200_000], &[&data[..], b"more"].concat()] {
        server.put("image", other);
        for range in ["bytes=0-9", "bytes=199990-200010"] {
            let part = Request::get(format!("/v1/images/{id}")).header("Range", range);
            owner.send(part).expect(404);
        }
    }
    cloud.stop();
}
