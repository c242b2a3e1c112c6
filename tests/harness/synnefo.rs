//! Synnefo's Pithos and Astakos with their users, and an image service between them.

use std::sync::OnceLock;

use crate::{Connection, Request, Response, Service, Setup};

const OBJECT_STORE: &str = "/pithos/object-store/v1";

/// Pithos and Astakos. Accounts are empty at first.
#[derive(Debug)]
pub struct Synnefo {
    service: Service,
}

/// A user of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynnefoUser {
    /// The user's id everywhere, and the name of his account in Pithos.
    pub uuid: String,
    /// A token of his.
    pub token: String,
}

impl Synnefo {
    /// One that the stories of a process share; they keep apart by containers.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Synnefo> = OnceLock::new();
        SHARED.get_or_init(|| Self {
            service: Service::start("synnefo", &[]),
        })
    }

    /// alice, bob or carol; dave's token has expired, erin is inactive.
    pub fn user(&self, name: &str) -> SynnefoUser {
        let name = name.to_uppercase();
        SynnefoUser {
            uuid: self.service.variable(&format!("SYNNEFO_UUID_{name}")),
            token: self.service.variable(&format!("SYNNEFO_TOKEN_{name}")),
        }
    }

    /// The token by which a component of Synnefo knows another; no user has it.
    pub fn component_token(&self) -> String {
        self.service.variable("SYNNEFO_COMPONENT_TOKEN_CYCLADES")
    }

    /// `host:port` of Pithos.
    pub fn pithos(&self) -> String {
        self.service.address("PITHOS_URL")
    }

    /// `host:port` of Astakos.
    pub fn astakos(&self) -> String {
        self.service.address("ASTAKOS_AUTH_URL")
    }

    /// An image service in the dialect plankton for them.
    pub fn image_service(&self) -> Setup {
        image_service(&self.pithos(), &self.astakos())
    }

    /// The answer of Pithos to this user; the request's path is from the account on.
    #[track_caller]
    pub fn ask_pithos(
        &self,
        user: &SynnefoUser,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        data: &[u8],
    ) -> Response {
        let request = Request::new(method, format!("{OBJECT_STORE}/{path}"))
            .header("X-Auth-Token", &user.token)
            .body(data);
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "Content-Type") && !data.is_empty() {
            headers.push(("Content-Type", "application/octet-stream"));
        }
        let request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        exchange(&self.pithos(), request)
    }

    /// Another token of a user's, that lives so many seconds.
    pub fn issue(&self, name: &str, seconds: u32) -> String {
        let wanted = serde_json::json!({ "user": name, "seconds": seconds });
        let request = Request::post("/astakos/_test/tokens").json(&wanted);
        let answer = exchange(&self.astakos(), request).expect(200).json();
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// The token is good no more.
    pub fn revoke(&self, token: &str) {
        let request = Request::delete(format!("/astakos/_test/tokens/{token}"));
        exchange(&self.astakos(), request).expect(204);
    }
}

/// An image service in the dialect plankton, for the Pithos and the Astakos at these `host:port`.
pub fn image_service(pithos: &str, astakos: &str) -> Setup {
    Setup::new()
        .both("paste_deploy", "flavor", "trusted-auth")
        .api("send_identity_headers", "true")
        .api("dialects", "plankton")
        .api_in(
            "astakos",
            "auth_url",
            &format!("http://{astakos}/astakos/identity/v2.0"),
        )
        .api_in("glance_store", "stores", "pithos")
        .api_in("glance_store", "default_store", "pithos")
        .api_in(
            "glance_store",
            "pithos_store_endpoint",
            &format!("http://{pithos}{OBJECT_STORE}"),
        )
}

#[track_caller]
fn exchange(address: &str, request: Request) -> Response {
    let connection = Connection::open(address);
    let answer = connection.and_then(|mut connection| connection.exchange(&request));
    answer.unwrap_or_else(|error| panic!("no answer from {address}: {error}"))
}
