//! A database and a file store that Glance 15 wrote are served as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use functional::{Cloud, Request, Setup, md5_hex};

/// Where the recorded locations point.
const GLANCE_IMAGES: &str = "/var/lib/glance/images";

/// Glance's file store at its place, until dropped.
struct GlanceStore;

impl GlanceStore {
    /// `None` where that place is taken or cannot be written.
    fn unpack(archive: &Path) -> Option<Self> {
        let free = !Path::new("/var/lib/glance").exists();
        if !free || std::fs::create_dir_all(GLANCE_IMAGES).is_err() {
            println!("not told: needs {GLANCE_IMAGES} for itself");
            return None;
        }
        let store = Self;
        let unpacked = Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .args(["-C", GLANCE_IMAGES])
            .status();
        assert!(unpacked.unwrap().success());
        Some(store)
    }
}

impl Drop for GlanceStore {
    fn drop(&mut self) {
        // What is left is in the way of the next run only, which says so.
        let _ = std::fs::remove_dir_all("/var/lib/glance");
    }
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/databases")
}

fn on_glances_database() -> Option<(GlanceStore, Cloud)> {
    let store = GlanceStore::unpack(&recorded().join("images.tar.gz"))?;
    let cloud = Setup::new()
        .on_glances_database()
        .api("metadata_encryption_key", "0123456789abcdef")
        .api_in("glance_store", "filesystem_store_datadir", GLANCE_IMAGES)
        .start();
    Some((store, cloud))
}

#[test]
fn every_image_is_served_and_new_ones_join() {
    let Some((_store, cloud)) = on_glances_database() else {
        return;
    };
    let administrator = cloud.administrator();
    let images = cloud.every_image();
    let listed: Vec<&str> = images
        .iter()
        .map(|image| image["id"].as_str().unwrap())
        .collect();
    for number in (1..=11).chain(20..=59) {
        // A community image is in nobody's list but its owner's, as in Glance.
        let id = format!("00000000-0000-4000-8000-{number:012}");
        assert_eq!(listed.contains(&id.as_str()), number != 10, "{id}");
        administrator.show(&id).expect(200);
    }
    let mut read = 0;
    for image in images.iter().filter(|image| image["status"] == "active") {
        let id = image["id"].as_str().unwrap();
        let shown = administrator.show(id).expect(200);
        assert_eq!(
            image["name"].as_str().unwrap_or_default(),
            shown.meta("Name")
        );
        if image["checksum"].is_null() {
            continue;
        }
        let data = administrator.download(id).expect(200).body;
        assert_eq!(image["checksum"], md5_hex(&data), "{id}");
        assert_eq!(image["size"], data.len(), "{id}");
        read += 1;
    }
    assert!(read > 20, "only {read} images have data");

    let owner = cloud.newcomer();
    let id = owner.create("new", b"12345");
    let rename = Request::put(format!("/v1/images/{id}")).header("x-image-meta-name", "renamed");
    owner.send(rename).expect(200);
    assert_eq!(owner.download(&id).expect(200).body, b"12345");
    owner.delete(&id).expect(200);
    assert!(!Path::new(GLANCE_IMAGES).join(&id).exists());
    cloud.stop();
}
