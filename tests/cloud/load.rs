//! A steady load through the load balancer: clients who upload, read, share and delete, keep account
//! of what they were promised, and send again what was answered 503.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use functional::{Connection, Identity, Request, Response, md5_hex, patterned};

const LARGE: usize = 6 << 20;
const SMALL: usize = 150_000;

/// What the clients were promised.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Ids, owners and checksums of images that were answered with 201 and not deleted since.
    pub(crate) kept: Vec<(String, Identity, String)>,
    /// Ids and owners of images whose deletion was answered.
    pub(crate) deleted: Vec<(String, Identity)>,
    /// Requests that got no answer, or one from the load balancer that there is none.
    pub(crate) broken: usize,
    pub(crate) answered: usize,
}

pub(crate) struct Load {
    address: String,
    running: AtomicBool,
    /// A request that begins while this is set and breaks is a failure of the story.
    strict: AtomicBool,
    /// A client has found a promise broken.
    failed: AtomicBool,
    seeds: AtomicU32,
    promises: Mutex<Promises>,
}

impl Load {
    pub(crate) fn on(address: String) -> Self {
        Self {
            address,
            running: AtomicBool::new(true),
            strict: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            seeds: AtomicU32::new(1),
            promises: Mutex::default(),
        }
    }

    pub(crate) fn end(&self) {
        self.running.store(false, Ordering::SeqCst);
    }

    pub(crate) fn be_strict(&self, strict: bool) {
        self.strict.store(strict, Ordering::SeqCst);
    }

    pub(crate) fn into_promises(self) -> Promises {
        self.promises.into_inner().unwrap()
    }

    /// How many requests were answered so far. Fails the story when a client has failed.
    pub(crate) fn answered(&self) -> usize {
        assert!(!self.failed.load(Ordering::SeqCst), "a client has failed");
        self.promises.lock().unwrap().answered
    }

    /// What one client does until the load ends.
    pub(crate) fn work(&self) {
        let _told = Failing(&self.failed);
        while self.running.load(Ordering::SeqCst) {
            self.one_image();
        }
    }

    fn one_image(&self) {
        let (owner, guest) = (Identity::member(), Identity::member());
        let seed = self.seeds.fetch_add(1, Ordering::SeqCst);
        let size = if seed.is_multiple_of(16) {
            LARGE
        } else {
            SMALL
        };
        let data = patterned(size, seed);
        let checksum = md5_hex(&data);
        let post = Request::post("/v1/images").raw_disk("steady").by(&owner);
        let Some(answer) = self.send(&post.data(data.clone())) else {
            return;
        };
        let answer = answer.expect(201);
        if !answer.complete {
            return;
        }
        let image = answer.json()["image"].clone();
        assert_eq!(image["checksum"], checksum.as_str());
        let id = image["id"].as_str().unwrap().to_owned();
        let kept = (id.clone(), owner.clone(), checksum.clone());
        self.promises.lock().unwrap().kept.push(kept);

        let path = format!("/v1/images/{id}");
        self.read(&path, &owner, &checksum);
        let share = Request::put(format!("{path}/members/{}", guest.tenant)).by(&owner);
        if let Some(answer) = self.send(&share) {
            answer.expect(204);
            self.read(&path, &guest, &checksum);
        }
        if seed.is_multiple_of(3) {
            self.delete(&id, &owner);
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    fn read(&self, path: &str, caller: &Identity, checksum: &str) {
        let strict = self.strict.load(Ordering::SeqCst);
        let Some(answer) = self.send(&Request::get(path).by(caller)) else {
            return;
        };
        let answer = answer.expect(200);
        // The connection may break in the middle, and is seen to be broken.
        if answer.complete {
            assert_eq!(md5_hex(&answer.body), checksum, "{path}");
        } else {
            self.broke(strict, &format!("reading {path}"));
        }
    }

    fn delete(&self, id: &str, owner: &Identity) {
        // From now on it may be gone, whatever is heard of it.
        let forget = |promises: &mut Promises| promises.kept.retain(|(kept, _, _)| kept != id);
        forget(&mut self.promises.lock().unwrap());
        let delete = Request::delete(format!("/v1/images/{id}")).by(owner);
        let Some(answer) = self.send(&delete) else {
            return;
        };
        // 404 when the load balancer has sent it again, for the first answer was lost.
        assert!(matches!(answer.status, 200 | 404), "{answer:?}");
        let deleted = (id.to_owned(), owner.clone());
        self.promises.lock().unwrap().deleted.push(deleted);
    }

    /// The answer, after all the times that it was 503; nothing when the connection broke.
    fn send(&self, request: &Request) -> Option<Response> {
        for _ in 0..600 {
            let strict = self.strict.load(Ordering::SeqCst);
            let answer = Connection::open(&self.address)
                .and_then(|mut connection| connection.exchange(request));
            match answer {
                Ok(answer) if answer.status == 503 => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Ok(answer) if !matches!(answer.status, 502 | 504) => {
                    self.promises.lock().unwrap().answered += 1;
                    return Some(answer);
                }
                other => {
                    self.broke(strict, &format!("{}: {other:?}", line_of(request)));
                    return None;
                }
            }
        }
        panic!("503 for a minute: {}", line_of(request));
    }

    /// `strict`: as it was when the request began.
    fn broke(&self, strict: bool, what: &str) {
        assert!(!strict, "{what}");
        self.promises.lock().unwrap().broken += 1;
    }
}

/// Tells the story when its client panics.
struct Failing<'a>(&'a AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// Its first line.
fn line_of(request: &Request) -> String {
    let head = request.head_bytes("");
    let head = String::from_utf8_lossy(&head);
    head.lines().next().unwrap_or_default().to_owned()
}
