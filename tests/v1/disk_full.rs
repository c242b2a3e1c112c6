//! A full disk: 413 as Glance says it, and nothing left behind. Needs root, for a small disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use functional::{Cloud, Request, Setup, patterned};

const SIZE: usize = 4 * 1024 * 1024;

/// A disk of 4 MiB at a directory, until dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where disks cannot be mounted.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"])
            .arg(at)
            .output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        if !mounted {
            println!("not told: a disk can be mounted by root only");
        }
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The daemons may still hold it: then it goes with them.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn on_a_small_disk(story: impl FnOnce(&Cloud)) {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    let Some(_disk) = SmallDisk::mount(&images) else {
        return;
    };
    let cloud = Setup::new()
        .api_in(
            "glance_store",
            "filesystem_store_datadir",
            &images.display().to_string(),
        )
        .start();
    story(&cloud);
    cloud.check_invariants(5);
    cloud.stop();
}

#[test]
fn ends_an_upload_and_leaves_nothing() {
    on_a_small_disk(|cloud| {
        let owner = cloud.newcomer();
        let data = patterned(SIZE + 1_000_000, 1);
        owner
            .send(owner.new_disk("sized").data(data.clone()))
            .expect(413);
        owner
            .send(owner.new_disk("chunked").chunked(data.clone(), 100_000))
            .expect(413);
        let id = owner.reserve("queued");
        owner
            .send(Request::put(format!("/v1/images/{id}")).chunked(data, 100_000))
            .expect(413);
        assert_eq!(owner.status(&id), "killed");
        cloud.nothing_is_stored();
        assert!(
            cloud
                .every_image()
                .iter()
                .all(|image| image["status"] == "killed")
        );
    });
}

#[test]
fn what_fits_is_kept_and_what_was_deleted_makes_room() {
    on_a_small_disk(|cloud| {
        let owner = cloud.newcomer();
        let first = owner.create("first", &patterned(2_500_000, 1));
        owner
            .send(owner.new_disk("second").data(patterned(2_500_000, 2)))
            .expect(413);
        assert_eq!(owner.download(&first).expect(200).body.len(), 2_500_000);
        owner.delete(&first).expect(200);
        owner.create("second", &patterned(2_500_000, 2));
    });
}
