//! Somebody's images in Plankton, and the objects they are made of.

use functional::{Cloud, Request, Response, Setup, Synnefo, SynnefoUser};
use serde_json::Value;

/// Where the dialect is.
pub(crate) const PREFIX: &str = "/image/v1.0";

/// An id that no object has.
pub(crate) const NOBODYS: &str = "00000000-0000-0000-0000-000000000000";

/// An image service, and three users with a container of their own that no other story uses.
pub(crate) struct Story {
    pub(crate) synnefo: &'static Synnefo,
    pub(crate) cloud: Cloud,
    container: String,
    pub(crate) alice: SynnefoUser,
    pub(crate) bob: SynnefoUser,
    pub(crate) carol: SynnefoUser,
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self::with(Synnefo::shared().image_service())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        Self::within(setup.start())
    }

    pub(crate) fn within(cloud: Cloud) -> Self {
        let synnefo = Synnefo::shared();
        // Ports are nobody else's while the story is told.
        let port = cloud.address().rsplit(':').next().unwrap().to_owned();
        let container = format!("story-{port}-{}", std::process::id());
        let users = ["alice", "bob", "carol"].map(|name| synnefo.user(name));
        for user in &users {
            let path = format!("{}/{container}", user.uuid);
            let made = synnefo.ask_pithos(user, "PUT", &path, &[], b"");
            assert!(matches!(made.status, 201 | 202), "{}", made.text());
        }
        let [alice, bob, carol] = users;
        Self {
            synnefo,
            cloud,
            container,
            alice,
            bob,
            carol,
        }
    }

    /// The answer of the image service to this user; the request's path is from the prefix on.
    #[track_caller]
    pub(crate) fn send(&self, user: &SynnefoUser, request: Request) -> Response {
        self.cloud.send(request.header("X-Auth-Token", &user.token))
    }

    // Objects

    /// The path of an object, account and all.
    pub(crate) fn path(&self, user: &SynnefoUser, object: &str) -> String {
        format!("{}/{}/{object}", user.uuid, self.container)
    }

    pub(crate) fn location(&self, user: &SynnefoUser, object: &str) -> String {
        format!("pithos://{}", self.path(user, object))
    }

    /// What Pithos answers this user about an object of `owner`'s.
    #[track_caller]
    pub(crate) fn pithos(
        &self,
        user: &SynnefoUser,
        method: &str,
        (owner, object): (&SynnefoUser, &str),
        headers: &[(&str, &str)],
    ) -> Response {
        let path = self.path(owner, object);
        self.synnefo.ask_pithos(user, method, &path, headers, b"")
    }

    #[track_caller]
    pub(crate) fn upload(&self, user: &SynnefoUser, object: &str, data: &[u8]) {
        let path = self.path(user, object);
        let headers = [("Content-Type", "application/octet-stream")];
        let answer = self.synnefo.ask_pithos(user, "PUT", &path, &headers, data);
        answer.expect(201);
    }

    #[track_caller]
    pub(crate) fn rename(&self, user: &SynnefoUser, from: &str, to: &str) {
        self.make_from("X-Move-From", user, from, to);
    }

    #[track_caller]
    pub(crate) fn copy(&self, user: &SynnefoUser, from: &str, to: &str) {
        self.make_from("X-Copy-From", user, from, to);
    }

    #[track_caller]
    fn make_from(&self, how: &str, user: &SynnefoUser, from: &str, to: &str) {
        let from = format!("/{}/{from}", self.container);
        let headers = [(how, from.as_str())];
        self.pithos(user, "PUT", (user, to), &headers).expect(201);
    }

    #[track_caller]
    pub(crate) fn share(&self, user: &SynnefoUser, object: &str, sharing: &str) {
        let path = format!("{}?update=", self.path(user, object));
        let headers = [("X-Object-Sharing", sharing)];
        let answer = self.synnefo.ask_pithos(user, "POST", &path, &headers, b"");
        answer.expect(202);
    }

    /// Makes this user the only one in a group of the owner's.
    #[track_caller]
    pub(crate) fn group(&self, owner: &SynnefoUser, group: &str, member: &str) {
        let path = format!("{}?update=", owner.uuid);
        let name = format!("X-Account-Group-{group}");
        let headers = [(name.as_str(), member)];
        let answer = self.synnefo.ask_pithos(owner, "POST", &path, &headers, b"");
        answer.expect(202);
    }

    // Images

    /// A registration, to be completed.
    pub(crate) fn registration(&self, user: &SynnefoUser, name: &str, object: &str) -> Request {
        post("/images/")
            .header("X-Image-Meta-Name", name)
            .header("X-Image-Meta-Location", self.location(user, object))
    }

    /// Uploads and registers; the image's id.
    #[track_caller]
    pub(crate) fn register(&self, user: &SynnefoUser, name: &str, data: &[u8]) -> String {
        self.register_with(user, name, data, &[])
    }

    #[track_caller]
    pub(crate) fn register_with(
        &self,
        user: &SynnefoUser,
        name: &str,
        data: &[u8],
        headers: &[(&str, &str)],
    ) -> String {
        self.upload(user, name, data);
        let request = self.registration(user, name, name);
        let answer = self.send(user, with(request, headers)).expect(200);
        answer.meta("Id").to_owned()
    }

    #[track_caller]
    pub(crate) fn show(&self, user: &SynnefoUser, id: &str) -> Response {
        self.send(user, head(&format!("/images/{id}")))
    }

    #[track_caller]
    pub(crate) fn update(
        &self,
        user: &SynnefoUser,
        id: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        self.send(user, with(put(&format!("/images/{id}")), headers))
    }

    #[track_caller]
    pub(crate) fn unregister(&self, user: &SynnefoUser, id: &str) -> Response {
        self.send(user, delete(&format!("/images/{id}")))
    }

    /// A list in detail.
    #[track_caller]
    pub(crate) fn list(&self, user: &SynnefoUser, query: &str) -> Vec<Value> {
        let answer = self.send(user, get(&format!("/images/detail{query}")));
        array(answer.expect(200).json())
    }

    /// The names in a list, in its order.
    #[track_caller]
    pub(crate) fn names(&self, user: &SynnefoUser, query: &str) -> Vec<String> {
        let images = self.list(user, query);
        images.iter().map(|image| text(&image["name"])).collect()
    }

    /// An image as a list has it.
    #[track_caller]
    pub(crate) fn listed(&self, user: &SynnefoUser, id: &str) -> Value {
        let mut images = self.list(user, "").into_iter();
        let found = images.find(|image| image["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not listed"))
    }

    /// Sorted.
    #[track_caller]
    pub(crate) fn members(&self, user: &SynnefoUser, id: &str) -> Vec<String> {
        let answer = self
            .send(user, get(&format!("/images/{id}/members")))
            .expect(200);
        let members = array(answer.json()["members"].clone());
        for member in &members {
            assert_eq!(member["can_share"], false, "{member}");
            assert_eq!(member.as_object().unwrap().len(), 2, "{member}");
        }
        let mut ids: Vec<_> = members
            .iter()
            .map(|member| text(&member["member_id"]))
            .collect();
        ids.sort();
        ids
    }

    #[track_caller]
    pub(crate) fn add_member(&self, user: &SynnefoUser, id: &str, member: &str) -> Response {
        self.send(user, put(&format!("/images/{id}/members/{member}")))
    }

    #[track_caller]
    pub(crate) fn remove_member(&self, user: &SynnefoUser, id: &str, member: &str) -> Response {
        self.send(user, delete(&format!("/images/{id}/members/{member}")))
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::get(format!("{PREFIX}{path}"))
}

pub(crate) fn head(path: &str) -> Request {
    Request::head(format!("{PREFIX}{path}"))
}

pub(crate) fn post(path: &str) -> Request {
    Request::post(format!("{PREFIX}{path}"))
}

pub(crate) fn put(path: &str) -> Request {
    Request::put(format!("{PREFIX}{path}"))
}

pub(crate) fn delete(path: &str) -> Request {
    Request::delete(format!("{PREFIX}{path}"))
}

pub(crate) fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    let more = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    headers.iter().fold(request, more)
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub(crate) fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => panic!("no list: {other}"),
    }
}

/// Fails the story unless the answer is a fault of this status in the dialect's form; its message.
#[track_caller]
pub(crate) fn fault(answer: Response, status: u16) -> String {
    let answer = answer.expect(status);
    let json = answer.header("Content-Type").unwrap_or_default().to_owned();
    assert!(json.starts_with("application/json"), "{json}");
    let body = answer.json();
    let (name, fault) = body.as_object().unwrap().iter().next().unwrap();
    let expected: &[&str] = match status {
        400 => &["badRequest"],
        401 => &["unauthorized", "fault"],
        403 => &["forbidden"],
        404 => &["itemNotFound"],
        405 => &["notAllowed"],
        413 => &["overLimit"],
        501 => &["notImplemented"],
        503 => &["serviceUnavailable"],
        other => panic!("no fault has the status {other}"),
    };
    assert!(expected.contains(&name.as_str()), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(fault["code"], status, "{body}");
    text(&fault["details"]);
    text(&fault["message"])
}

/// Whether it is a moment as Plankton writes them: `YYYY-MM-DD HH:MM:SS`.
pub(crate) fn is_moment(text: &str) -> bool {
    text.len() == 19
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b' ',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
}
