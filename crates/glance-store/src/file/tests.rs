//! The file store on real files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, add, bytes, collect, data, eventually, nobody};
use crate::data::Batch;

fn options(dirs: &[(&Path, u32)]) -> FileStoreOptions {
    let datadirs = dirs
        .iter()
        .map(|(path, priority)| DataDir {
            path: path.to_path_buf(),
            priority: *priority,
        })
        .collect();
    FileStoreOptions {
        datadirs,
        ..Default::default()
    }
}

/// A store in a directory of its own.
fn store() -> (FileStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (FileStore::open(&options(&[(dir.path(), 0)])).unwrap(), dir)
}

/// The same on a file system that knows no files without a name.
fn named_store() -> (FileStore, TempDir) {
    let (store, dir) = store();
    store.shared.datadirs[0].give_names(rustix::io::Errno::OPNOTSUPP);
    (store, dir)
}

/// Every file below `dir`.
fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn in_file(dir: &Path, name: &str) -> LocationUrl {
    LocationUrl::new(format!("file://{}/{name}", dir.display()))
}

#[tokio::test]
async fn keeps_every_promise() {
    let (store, dir) = store();
    conformance::all(&store).await;
    assert!(
        store.shared.datadirs[0].is_nameless(),
        "this file system must know nameless files"
    );
    eventually(async || files(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn keeps_every_promise_with_hidden_names() {
    let (store, dir) = named_store();
    conformance::all(&store).await;
    assert!(dir.path().join(".incoming").is_dir());
    eventually(async || files(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn keeps_every_promise_over_several_directories() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(&options(&[(one.path(), 7), (two.path(), 7)])).unwrap();
    conformance::all(&store).await;
    eventually(async || files(one.path()).is_empty() && files(two.path()).is_empty()).await;
}

#[tokio::test]
async fn errors_name_no_path() {
    let (store, dir) = store();
    conformance::errors_name_no_path(&store, dir.path().to_str().unwrap()).await;
}

#[tokio::test]
async fn lays_files_out_as_glance_does() {
    let (store, dir) = store();
    let id = ImageId::generate();
    let location = add(&store, &id, data(b"data", None)).await.unwrap();
    assert_eq!(location, in_file(dir.path(), id.as_str()));
    let path = dir.path().join(id.as_str());
    assert_eq!(fs::read(&path).unwrap(), b"data");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777 & !0o640, 0);
}

#[tokio::test]
async fn reads_what_glance_wrote() {
    let (store, dir) = store();
    let id = "00000000-0000-4000-8000-00000000000A";
    fs::write(dir.path().join(id), b"Glance's").unwrap();
    let path = dir.path().display();
    for text in [
        format!("file://{path}/{id}"),
        format!("filesystem://{path}/{id}"),
        format!("file://{path}//{id}"),
    ] {
        let got = store
            .get(&LocationUrl::new(text), None, &nobody())
            .await
            .unwrap();
        assert_eq!(collect(got).await.unwrap(), b"Glance's");
    }
}

#[tokio::test]
async fn reaches_nothing_but_images_in_its_directories() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("images");
    let store = FileStore::open(&options(&[(&dir, 0)])).unwrap();
    let id = || ImageId::generate().to_string();
    let (outside, link, folder, pipe) = (id(), id(), id(), id());
    fs::write(outer.path().join(&outside), b"secret").unwrap();
    fs::write(dir.join("notes"), b"secret").unwrap();
    symlink(outer.path().join(&outside), dir.join(&link)).unwrap();
    fs::create_dir(dir.join(&folder)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join(&pipe), rustix::fs::Mode::RWXU).unwrap();
    fs::create_dir(dir.join("sub")).unwrap();
    fs::write(dir.join("sub").join(&outside), b"secret").unwrap();

    let before = files(outer.path());
    for location in [
        in_file(outer.path(), &outside),
        in_file(&dir, "notes"),
        in_file(&dir, ".."),
        in_file(&dir, &format!("../{outside}")),
        in_file(&dir, &format!("sub/{outside}")),
        in_file(&dir, &format!("sub/../{outside}")),
        in_file(&dir, &format!("%2e%2e/{outside}")),
        in_file(&dir, ""),
        in_file(&dir, &link),
        in_file(&dir, &folder),
        in_file(&dir, &pipe),
    ] {
        let text = location.expose();
        let bad = |error| matches!(error, StoreError::BadLocation);
        assert!(
            store.get(&location, None, &nobody()).await.is_err_and(bad),
            "{text}"
        );
        assert!(
            store.stat(&location, &nobody()).await.is_err_and(bad),
            "{text}"
        );
        assert!(
            store.delete(&location, &nobody()).await.is_err_and(bad),
            "{text}"
        );
    }
    assert_eq!(files(outer.path()), before);
}

#[tokio::test]
async fn a_missing_directory_is_not_a_missing_image() {
    let (store, dir) = store();
    let location = add(&store, &ImageId::generate(), data(b"data", None))
        .await
        .unwrap();
    let elsewhere = dir.path().with_extension("gone");
    fs::rename(dir.path(), &elsewhere).unwrap();
    for result in [
        store.delete(&location, &nobody()).await,
        store.stat(&location, &nobody()).await.map(drop),
    ] {
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    }
    let added = add(&store, &ImageId::generate(), data(b"data", None)).await;
    assert!(
        matches!(added, Err(StoreError::Unavailable(_))),
        "{added:?}"
    );
    fs::rename(&elsewhere, dir.path()).unwrap();
    assert!(store.stat(&location, &nobody()).await.is_ok());
}

#[tokio::test]
async fn a_file_that_lost_its_end_is_an_error() {
    let (store, dir) = store();
    let id = ImageId::generate();
    let location = add(&store, &id, data(&bytes(1_000), None)).await.unwrap();
    let file = fs::File::options()
        .write(true)
        .open(dir.path().join(id.as_str()))
        .unwrap();
    file.set_len(500).unwrap();
    let range = ByteRange {
        offset: 400,
        length: 600,
    };
    let got = store.get(&location, Some(range), &nobody()).await;
    assert!(matches!(got, Err(StoreError::OutOfRange)), "{got:?}");
    assert_eq!(
        store.stat(&location, &nobody()).await.unwrap().size,
        Some(500)
    );
}

#[tokio::test]
async fn fills_the_highest_priority_that_has_room() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let [low, high, middle] = [dirs[0].path(), dirs[1].path(), dirs[2].path()];
    let store = FileStore::open(&options(&[(low, 1), (high, 100), (middle, 10)])).unwrap();
    let first = add(&store, &ImageId::generate(), data(b"data", None))
        .await
        .unwrap();
    assert!(first.expose().contains(high.to_str().unwrap()));
    fs::remove_dir_all(high).unwrap();
    let second = add(&store, &ImageId::generate(), data(b"data", None))
        .await
        .unwrap();
    assert!(second.expose().contains(middle.to_str().unwrap()));
    assert!(files(low).is_empty());
}

#[tokio::test]
async fn refuses_a_duplicate_in_another_directory() {
    let (low, high) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(&options(&[(low.path(), 1), (high.path(), 2)])).unwrap();
    let id = ImageId::generate();
    fs::write(low.path().join(id.as_str()), b"there already").unwrap();
    let added = add(&store, &id, data(b"data", None)).await;
    assert!(matches!(added, Err(StoreError::Duplicate)), "{added:?}");
    assert!(files(high.path()).is_empty());

    // And when it appears while the upload runs.
    let id = ImageId::generate();
    let path = low.path().join(id.as_str());
    let source = stream::iter([1, 2]).map(move |_| {
        fs::write(&path, b"there now").unwrap();
        Ok(vec![Bytes::from_static(b"data")])
    });
    let added = add(&store, &id, ImageData::from_stream(None, source)).await;
    assert!(matches!(added, Err(StoreError::Duplicate)), "{added:?}");
    eventually(async || files(high.path()).is_empty()).await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_named_leaves_nothing_and_teaches_the_next() {
    let (store, dir) = store();
    let id = ImageId::generate();
    let incoming = || files(dir.path()).len();
    store.shared.datadirs[0].give_names(rustix::io::Errno::OPNOTSUPP);
    let (path, name) = (dir.path().to_path_buf(), id.clone());
    let source = stream::iter([1, 2, 3]).map(move |_| {
        // Another process publishes the same image.
        fs::write(path.join(name.as_str()), b"winner").unwrap();
        Ok(vec![Bytes::from_static(b"loser")])
    });
    let added = add(&store, &id, ImageData::from_stream(None, source)).await;
    assert!(matches!(added, Err(StoreError::Duplicate)), "{added:?}");
    assert_eq!(incoming(), 1);
    assert_eq!(fs::read(dir.path().join(id.as_str())).unwrap(), b"winner");
}

#[tokio::test]
async fn removes_at_start_what_nobody_writes_any_more() {
    let (store, dir) = named_store();
    let (mut writing, id) = (Vec::new(), ImageId::generate());
    for size in [None, Some(100)] {
        writing.push(writer::Writer::begin(&store.shared, 0, &id, size).unwrap());
    }
    let abandoned = dir.path().join(".incoming").join(format!("{id}.{id}"));
    fs::write(&abandoned, b"left").unwrap();
    assert_eq!(files(dir.path()).len(), 3);

    FileStore::open(&options(&[(dir.path(), 0)])).unwrap();
    assert_eq!(files(dir.path()).len(), 2, "only the abandoned one must go");
    fs::write(&abandoned, b"left").unwrap();
    store
        .discard(&ImageId::generate(), &nobody())
        .await
        .unwrap();
    assert!(abandoned.exists(), "another image's must stay");
    store.discard(&id, &nobody()).await.unwrap();
    assert!(!abandoned.exists());
    drop(writing);
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn gives_files_the_mode_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let datadir = dir.path().join("a/b");
    let options = FileStoreOptions {
        file_mode: Some(0o644),
        ..options(&[(&datadir, 0)])
    };
    let store = FileStore::open(&options).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        mode(&datadir) & 0o011,
        0o011,
        "others must come at the files"
    );
    let id = ImageId::generate();
    add(&store, &id, data(b"data", None)).await.unwrap();
    assert_eq!(mode(&datadir.join(id.as_str())), 0o644);

    store
        .reload(&FileStoreOptions {
            file_mode: Some(0o600),
            ..options
        })
        .unwrap();
    let id = ImageId::generate();
    add(&store, &id, data(b"data", None)).await.unwrap();
    assert_eq!(mode(&datadir.join(id.as_str())), 0o600);
}

#[tokio::test]
async fn tells_the_metadata_of_a_location() {
    let (_, dir) = store();
    let path = dir.path().join("metadata.json");
    let text = format!(
        r#"[{{"id": "one", "mountpoint": "{}"}}]"#,
        dir.path().display()
    );
    fs::write(&path, text).unwrap();
    let options = FileStoreOptions {
        metadata_file: Some(path.clone()),
        ..options(&[(dir.path(), 0)])
    };
    let store = FileStore::open(&options).unwrap();
    let location = add(&store, &ImageId::generate(), data(b"data", None))
        .await
        .unwrap();
    assert_eq!(store.metadata(&location)["id"], "one");

    fs::write(&path, "{").unwrap();
    let error = store.reload(&options).unwrap_err();
    assert_eq!(error.option, "filesystem_store_metadata_file");
    assert_eq!(store.metadata(&location)["id"], "one");
}

#[test]
fn says_at_start_what_is_wrong_and_where() {
    let none = FileStore::open(&FileStoreOptions::default()).unwrap_err();
    assert_eq!(none.option, "filesystem_store_datadir");
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("images");
    let error = FileStore::open(&options(&[(&below, 0), (&below, 1)])).unwrap_err();
    assert_eq!(error.option, "filesystem_store_datadirs");
    assert!(
        error.to_string().contains(below.to_str().unwrap()),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_slow_client_holds_no_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (store, dir) = store();
    runtime.block_on(async {
        let first = stream::iter([Ok(vec![Bytes::from_static(b"one batch, and then nothing")])]);
        let stalled = ImageData::from_stream(None, first.chain(stream::pending()));
        let id = ImageId::generate();
        let slow = add(&store, &id, stalled);
        let quick = async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            for _ in 0..3 {
                add(&store, &ImageId::generate(), data(&bytes(700_000), None))
                    .await
                    .unwrap();
            }
        };
        tokio::select! {
            _ = slow => panic!("it has no end"),
            () = quick => {}
        }
    });
    assert_eq!(files(dir.path()).len(), 3);
}

/// A file system of two MiB, which only root can mount.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(dir.path())
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            return Some(Self(dir));
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "a full disk cannot be tested: mount fails"
        );
        eprintln!("SKIPPED: no file system of its own could be mounted (not root?)");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[tokio::test]
async fn says_when_the_disk_is_full_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = FileStore::open(&options(&[(disk.path(), 0)])).unwrap();
    for nameless in [true, false] {
        assert!(store.shared.datadirs[0].is_nameless() == nameless);
        let too_much = bytes(3 * 1024 * 1024);
        for size in [Some(too_much.len() as u64), None] {
            let added = add(&store, &ImageId::generate(), data(&too_much, size)).await;
            assert!(
                matches!(added, Err(StoreError::Full)),
                "{size:?}: {added:?}"
            );
            eventually(async || files(disk.path()).is_empty()).await;
        }
        // The space is free again.
        let enough = bytes(3 * 512 * 1024);
        for _ in 0..3 {
            let location = add(&store, &ImageId::generate(), data(&enough, None))
                .await
                .unwrap();
            store.delete(&location, &nobody()).await.unwrap();
        }
        store.shared.datadirs[0].give_names(rustix::io::Errno::OPNOTSUPP);
    }
}

#[tokio::test]
async fn a_size_too_large_is_refused_before_the_data_travels() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = FileStore::open(&options(&[(disk.path(), 0)])).unwrap();
    let untouched = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Batch, StoreError>>> {
        panic!("the data was asked for")
    });
    let data = ImageData::from_stream(Some(1 << 40), untouched);
    let added = add(&store, &ImageId::generate(), data).await;
    assert!(matches!(added, Err(StoreError::Full)), "{added:?}");
}

#[tokio::test]
async fn goes_to_the_next_directory_when_one_is_full() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let roomy = tempfile::tempdir().unwrap();
    let store = FileStore::open(&options(&[(disk.path(), 100), (roomy.path(), 1)])).unwrap();
    let large = bytes(3 * 1024 * 1024);
    let location = add(&store, &ImageId::generate(), data(&large, Some(3 << 20)))
        .await
        .unwrap();
    assert!(location.expose().contains(roomy.path().to_str().unwrap()));
    let location = add(&store, &ImageId::generate(), data(b"small", Some(5)))
        .await
        .unwrap();
    assert!(location.expose().contains(disk.path().to_str().unwrap()));
}

#[tokio::test]
async fn a_read_only_disk_is_forbidden() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let store = FileStore::open(&options(&[(disk.path(), 0)])).unwrap();
    let location = add(&store, &ImageId::generate(), data(b"data", None))
        .await
        .unwrap();
    let remounted = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(disk.path())
        .status()
        .unwrap();
    assert!(remounted.success());
    let added = add(&store, &ImageId::generate(), data(b"data", None)).await;
    assert!(matches!(added, Err(StoreError::Forbidden)), "{added:?}");
    let deleted = store.delete(&location, &nobody()).await;
    assert!(matches!(deleted, Err(StoreError::Forbidden)), "{deleted:?}");
    assert_eq!(
        collect(store.get(&location, None, &nobody()).await.unwrap())
            .await
            .unwrap(),
        b"data"
    );
    let error = FileStore::open(&options(&[(disk.path(), 0)])).unwrap_err();
    assert!(
        error.to_string().ends_with("cannot be written to"),
        "{error}"
    );
}

const VICTIM: &str = "GLANCE_STORE_TEST_VICTIM";

/// Runs only as the process that `kill_leaves_nothing_visible` kills.
#[tokio::test]
async fn victim() {
    let Ok(text) = std::env::var(VICTIM) else {
        return;
    };
    let (names, path) = text.split_once(':').unwrap();
    let store = FileStore::open(&options(&[(Path::new(path), 0)])).unwrap();
    if names == "hidden" {
        store.shared.datadirs[0].give_names(rustix::io::Errno::OPNOTSUPP);
    }
    let endless = stream::unfold(0, |count| async move {
        if count == 40 {
            // Enough is on its way. Only the test itself reads this.
            eprintln!("\nwriting");
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        Some((Ok(vec![Bytes::from(vec![1; 256 * 1024])]), count + 1))
    });
    let _ = add(
        &store,
        &ImageId::generate(),
        ImageData::from_stream(None, endless),
    )
    .await;
}

#[test]
fn a_killed_process_leaves_nothing_visible() {
    for names in ["none", "hidden"] {
        let dir = tempfile::tempdir().unwrap();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "file::tests::victim", "--nocapture"])
            .env(VICTIM, format!("{names}:{}", dir.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut stderr = victim.stderr.take().unwrap();
        let mut byte = [0];
        while !said.ends_with(b"writing") && stderr.read(&mut byte).unwrap() == 1 {
            said.extend(byte);
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert!(
            said.ends_with(b"writing"),
            "{}",
            String::from_utf8_lossy(&said)
        );

        let left = files(dir.path());
        assert!(
            left.iter()
                .all(|path| path.parent().unwrap().ends_with(".incoming")),
            "{left:?}"
        );
        assert_eq!(left.len(), usize::from(names == "hidden"), "{left:?}");
        FileStore::open(&options(&[(dir.path(), 0)])).unwrap();
        assert!(
            files(dir.path()).is_empty(),
            "the next start must remove the rest"
        );
    }
}

/// Each promise by its name.
mod promises {
    use std::ops::Deref;

    use super::*;

    struct Kept {
        store: FileStore,
        _dir: TempDir,
    }

    impl Deref for Kept {
        type Target = FileStore;

        fn deref(&self) -> &FileStore {
            &self.store
        }
    }

    async fn open() -> Kept {
        let (store, _dir) = store();
        Kept { store, _dir }
    }

    conformance::suite!(open);
}
