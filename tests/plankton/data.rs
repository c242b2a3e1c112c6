//! GET /images/ID: the guide has none, for data is Pithos' business; unless we are to pass it on.

use functional::{Synnefo, patterned};

use crate::story::{NOBODYS, Story, fault, get};

#[test]
fn data_is_to_be_had_from_pithos() {
    let story = Story::begin();
    let id = story.register(&story.alice, "x", b"data");
    for id in [id.as_str(), NOBODYS] {
        story
            .send(&story.alice, get(&format!("/images/{id}")))
            .expect(501);
    }
}

#[test]
fn data_is_passed_on_if_so_configured() {
    let setup = Synnefo::shared().image_service();
    let story = Story::with(setup.api_in("plankton", "proxy_data", "true"));
    let (alice, bob) = (&story.alice, &story.bob);
    let data = patterned((9 << 20) + 77, 1);
    let id = story.register(alice, "big", &data);
    let path = format!("/images/{id}");
    let whole = story.send(alice, get(&path)).expect(200);
    assert!(whole.complete && whole.body == data);
    assert_eq!(
        whole.header("Content-Length"),
        Some(data.len().to_string().as_str())
    );
    let part = story.send(alice, get(&path).header("Range", "bytes=4194300-4194310"));
    let part = part.expect(206);
    assert_eq!(part.body, data[4_194_300..=4_194_310]);
    let end = format!("bytes {}-{}/{}", data.len() - 5, data.len() - 1, data.len());
    let last = story
        .send(alice, get(&path).header("Range", "bytes=-5"))
        .expect(206);
    assert_eq!(last.header("Content-Range"), Some(end.as_str()));
    let past = get(&path).header("Range", format!("bytes={}-", data.len()));
    story.send(alice, past).expect(416);
    fault(story.send(bob, get(&path)), 405);
    story.add_member(alice, &id, &bob.uuid).expect(204);
    assert!(story.send(bob, get(&path)).expect(200).body == data);
    fault(story.send(alice, get(&format!("/images/{NOBODYS}"))), 404);
    // An object that was overwritten is the image's data now.
    story.upload(alice, "big", b"other");
    assert_eq!(story.send(alice, get(&path)).expect(200).body, b"other");
}
