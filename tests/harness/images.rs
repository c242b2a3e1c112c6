//! What a caller does with images, in one call each.

use crate::{Cloud, Connection, Identity, Request, Response, eventually};

/// A caller at a service.
pub struct Images<'a> {
    cloud: &'a Cloud,
    /// Who calls.
    pub caller: Identity,
}

impl Cloud {
    /// As a member of a tenant that has no images yet.
    pub fn newcomer(&self) -> Images<'_> {
        self.images_of(&Identity::member())
    }

    /// As this caller.
    pub fn images_of(&self, caller: &Identity) -> Images<'_> {
        Images {
            cloud: self,
            caller: caller.clone(),
        }
    }

    /// As an administrator.
    pub fn administrator(&self) -> Images<'_> {
        self.images_of(&Identity::admin())
    }
}

impl Images<'_> {
    /// Sends a request with this caller's token.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        self.cloud.send(request.by(&self.caller))
    }

    /// A POST of a raw disk of this name, to be completed.
    pub fn new_disk(&self, name: &str) -> Request {
        Request::post("/v1/images").raw_disk(name)
    }

    /// Makes an active image; its id.
    #[track_caller]
    pub fn create(&self, name: &str, data: &[u8]) -> String {
        let answer = self.send(self.new_disk(name).data(data)).expect(201);
        assert_eq!(answer.json()["image"]["status"], "active");
        created(&answer)
    }

    /// Makes a queued image; its id.
    #[track_caller]
    pub fn reserve(&self, name: &str) -> String {
        let answer = self.send(self.new_disk(name)).expect(201);
        assert_eq!(answer.json()["image"]["status"], "queued");
        created(&answer)
    }

    /// Begins a new image of `length` bytes, of which none are sent, and waits until it is saving: the
    /// caller's only one.
    #[track_caller]
    pub fn begin_upload(&self, length: usize) -> Connection {
        let mut upload = self.cloud.connect();
        let post = self
            .new_disk("begun")
            .by(&self.caller)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", length.to_string());
        upload.send_head(&post).expect("a connection");
        eventually("the upload has begun", 20, || {
            self.list("?status=saving").len() == 1
        });
        upload
    }

    /// Sends data to an image.
    #[track_caller]
    pub fn upload(&self, id: &str, data: &[u8]) -> Response {
        self.send(Request::put(format!("/v1/images/{id}")).data(data))
    }

    /// HEAD of an image.
    #[track_caller]
    pub fn show(&self, id: &str) -> Response {
        self.send(Request::head(format!("/v1/images/{id}")))
    }

    /// GET of an image's data.
    #[track_caller]
    pub fn download(&self, id: &str) -> Response {
        self.send(Request::get(format!("/v1/images/{id}")))
    }

    /// DELETE of an image.
    #[track_caller]
    pub fn delete(&self, id: &str) -> Response {
        self.send(Request::delete(format!("/v1/images/{id}")))
    }

    /// The ids in the list with this query.
    #[track_caller]
    pub fn list(&self, query: &str) -> Vec<String> {
        self.send(Request::get(format!("/v1/images{query}")))
            .expect(200)
            .ids()
    }

    /// The image's status; `-` when there is no such image for this caller.
    #[track_caller]
    pub fn status(&self, id: &str) -> String {
        let answer = self.show(id);
        match answer.status {
            200 => answer.meta("Status").to_owned(),
            404 => "-".to_owned(),
            other => panic!("HEAD of {id}: {other} {}", answer.reason),
        }
    }

    /// Waits until the image has this status.
    #[track_caller]
    pub fn becomes(&self, id: &str, status: &str, seconds: u64) {
        eventually(&format!("{id} is {status}"), seconds, || {
            self.status(id) == status
        });
    }
}

/// The id in the answer to a POST.
fn created(answer: &Response) -> String {
    answer.json()["image"]["id"]
        .as_str()
        .expect("a new image has an id")
        .to_owned()
}

/// The MD5 of bytes, as Glance writes checksums.
pub fn md5_hex(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// Bytes that differ for every seed, and at offsets as far apart as blocks are, so that a swapped block shows:
/// they repeat after a prime number of bytes. What repeats is copied, which is quick without optimisation, too.
pub fn patterned(length: usize, seed: u32) -> Vec<u8> {
    const PERIOD: usize = 65_521;
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length.max(PERIOD + 7));
    while bytes.len() < length.min(PERIOD) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length.min(PERIOD));
    while bytes.len() < length {
        bytes.extend_from_within(..bytes.len().min(length - bytes.len()));
    }
    bytes
}
