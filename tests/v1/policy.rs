//! The policy: each rule refuses where it must and lets pass where it may, at every route.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use functional::{Cloud, Identity, Images, Request, Setup, Signal, eventually};
use glance_api::Action;

/// The rules of the policy that Glance's operators know for images, but for those of version 2.
const RULES: &[&str] = &[
    "get_images",
    "get_image",
    "add_image",
    "modify_image",
    "delete_image",
    "publicize_image",
    "download_image",
    "upload_image",
    "set_image_location",
    "copy_from",
    "get_members",
    "get_member",
    "add_member",
    "modify_member",
    "delete_member",
    "manage_image_cache",
];

/// Rules that no route of Glance's version 1 asks: members are all `modify_member` there, and the
/// image cache has no routes here.
const ASKED_NOWHERE: &[&str] = &["get_member", "add_member", "manage_image_cache"];

/// Routes for which Glance has no rule.
const WITHOUT_RULE: &[Action] = &[Action::SharedImages];

/// What a rule decides about: a request for an action, and the status when it may pass.
struct Case {
    action: Action,
    rule: &'static str,
    passes: u16,
    request: fn(&Scene<'_>) -> Request,
}

const fn case(
    action: Action,
    rule: &'static str,
    passes: u16,
    request: fn(&Scene<'_>) -> Request,
) -> Case {
    Case {
        action,
        rule,
        passes,
        request,
    }
}

const CASES: &[Case] = &[
    case(Action::Root, "get_images", 200, |_| Request::get("/v1/")),
    case(Action::Index, "get_images", 200, |_| {
        Request::get("/v1/images")
    }),
    case(Action::Detail, "get_images", 200, |_| {
        Request::get("/v1/images/detail")
    }),
    case(Action::Create, "add_image", 201, |_| disk()),
    case(Action::Create, "publicize_image", 201, |_| {
        disk().header(PUBLIC, "True")
    }),
    case(Action::Create, "upload_image", 201, |_| {
        disk().data("12345")
    }),
    case(Action::Create, "set_image_location", 201, |scene| {
        disk().header(LOCATION, scene.source)
    }),
    case(Action::Create, "copy_from", 201, |scene| {
        disk().header(COPY_FROM, scene.source)
    }),
    case(Action::Create, "upload_image", 201, |scene| {
        disk().header(COPY_FROM, scene.source)
    }),
    case(Action::UpdateNamed, "modify_image", 200, |scene| {
        named(scene).header(NAME, "x")
    }),
    case(Action::UpdateNamed, "publicize_image", 200, |scene| {
        named(scene).header(PUBLIC, "True")
    }),
    case(Action::UpdateNamed, "upload_image", 200, |scene| {
        named(scene).data("12345")
    }),
    case(Action::UpdateNamed, "set_image_location", 200, |scene| {
        named(scene).header(LOCATION, scene.source)
    }),
    case(Action::UpdateNamed, "copy_from", 200, |scene| {
        named(scene).header(COPY_FROM, scene.source)
    }),
    case(Action::UpdateNamed, "upload_image", 200, |scene| {
        named(scene).header(COPY_FROM, scene.source)
    }),
    case(Action::Update, "modify_image", 200, |scene| {
        update(scene).header(NAME, "x")
    }),
    case(Action::Update, "publicize_image", 200, |scene| {
        update(scene).header(PUBLIC, "True")
    }),
    case(Action::Update, "upload_image", 200, |scene| {
        update(scene).data("12345")
    }),
    case(Action::Update, "set_image_location", 200, |scene| {
        update(scene).header(LOCATION, scene.source)
    }),
    case(Action::Update, "copy_from", 200, |scene| {
        update(scene).header(COPY_FROM, scene.source)
    }),
    case(Action::Update, "upload_image", 200, |scene| {
        update(scene).header(COPY_FROM, scene.source)
    }),
    case(Action::Show, "get_image", 200, |scene| {
        Request::get(scene.active())
    }),
    case(Action::Show, "download_image", 200, |scene| {
        Request::get(scene.active())
    }),
    case(Action::Meta, "get_image", 200, |scene| {
        Request::head(scene.active())
    }),
    case(Action::Delete, "delete_image", 200, |scene| {
        Request::delete(scene.active())
    }),
    case(Action::Members, "get_members", 200, |scene| {
        Request::get(scene.members())
    }),
    case(Action::ReplaceMembers, "modify_member", 204, |scene| {
        Request::put(scene.members()).json(&serde_json::json!({"memberships": []}))
    }),
    case(Action::PutMember, "modify_member", 204, |scene| {
        Request::put(format!("{}/other", scene.members()))
    }),
    case(Action::DeleteMember, "delete_member", 204, |scene| {
        Request::delete(format!("{}/friend", scene.members()))
    }),
];

const NAME: &str = "x-image-meta-name";
const PUBLIC: &str = "x-image-meta-is_public";
const LOCATION: &str = "x-image-meta-location";
const COPY_FROM: &str = "x-glance-api-copy-from";

/// A cloud in which every rule lets everybody pass who has not the role `no_RULE`.
struct Scene<'a> {
    cloud: &'a Cloud,
    owner: Images<'a>,
    source: &'a str,
}

fn disk() -> Request {
    Request::post("/v1/images").raw_disk("new")
}

fn update(scene: &Scene<'_>) -> Request {
    Request::put(format!("/v1/images/{}", scene.owner.reserve("queued")))
}

fn named(scene: &Scene<'_>) -> Request {
    Request::put("/v1/images").header("x-image-meta-id", scene.owner.reserve("queued"))
}

impl Scene<'_> {
    fn active(&self) -> String {
        format!("/v1/images/{}", self.owner.create("active", b"12345"))
    }

    /// The members of an image that is shared with `friend`.
    fn members(&self) -> String {
        let members = format!("/v1/images/{}/members", self.owner.reserve("shared"));
        let friend = Request::put(format!("{members}/friend"));
        self.owner.send(friend).expect(204);
        members
    }

    /// The owner, for whom one rule does not hold.
    fn without(&self, rule: &str) -> Identity {
        Identity {
            role: format!("member,no_{rule}"),
            ..self.owner.caller.clone()
        }
    }

    /// What a request could change of the images. Copies that run go on meanwhile.
    fn state(&self) -> Vec<(String, String, bool, bool)> {
        let images = self.cloud.every_image();
        let told = |image: &serde_json::Value| {
            (
                image["id"].to_string(),
                image["name"].to_string(),
                image["is_public"] == true,
                image["status"] == "deleted",
            )
        };
        images.iter().map(told).collect()
    }
}

/// A web server that gives five bytes to whoever asks.
fn source() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let body = if head[..read].starts_with(b"HEAD") {
                ""
            } else {
                "12345"
            };
            let _ = stream.write_all(
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{body}")
                    .as_bytes(),
            );
        }
    });
    format!("http://{address}/image")
}

fn rule_file() -> String {
    let rules = RULES
        .iter()
        .map(|rule| format!("\"{rule}\": \"not role:no_{rule}\"\n"));
    format!(
        "\"context_is_admin\": \"role:admin\"\n\"default\": \"!\"\n{}",
        rules.collect::<String>()
    )
}

#[test]
fn every_rule_refuses_and_lets_pass_at_every_route() {
    let cloud = Setup::new()
        .api_in("oslo_policy", "policy_file", "policy.yaml")
        .api_in("glance_store", "external_allow", "127.0.0.1")
        .prepare();
    std::fs::write(cloud.path("policy.yaml"), rule_file()).unwrap();
    let mut cloud = cloud;
    cloud.start_registry();
    cloud.start_api();
    let source = source();
    let scene = Scene {
        cloud: &cloud,
        owner: cloud.newcomer(),
        source: &source,
    };
    for case in CASES {
        let name = format!("{:?}, {}", case.action, case.rule);
        let request = (case.request)(&scene);
        let before = scene.state();
        let refused = cloud.send(request.by(&scene.without(case.rule)));
        assert_eq!(refused.status, 403, "{name}: {}", refused.text());
        assert_eq!(scene.state(), before, "{name}");
        for other in RULES.iter().filter(|rule| needless(case, rule)) {
            let request = (case.request)(&scene).by(&scene.without(other));
            let passed = cloud.send(request);
            let text = passed.text();
            assert_eq!(passed.status, case.passes, "{name} without {other}: {text}");
        }
    }
    drop(scene);
    cloud.stop();
}

/// Whether a request of `case` must pass although `rule` refuses.
fn needless(case: &Case, rule: &str) -> bool {
    let asked = |other: &Case| {
        let together: &[&str] = match other.action {
            Action::Show => &["get_image", "download_image"],
            Action::Create => &["add_image"],
            Action::Update | Action::UpdateNamed => &["modify_image"],
            _ => &[],
        };
        let copies = matches!(other.rule, "copy_from" | "upload_image");
        other.rule == rule
            || together.contains(&rule)
            || (copies && matches!(rule, "copy_from" | "upload_image"))
    };
    !asked(case)
}

#[test]
fn every_route_and_every_rule_is_in_the_table() {
    for action in Action::ALL {
        let decided = CASES.iter().any(|case| case.action == *action);
        assert_ne!(
            decided,
            WITHOUT_RULE.contains(action),
            "{action:?}: a route has cases, or Glance has no rule for it"
        );
    }
    for rule in RULES {
        let decides = CASES.iter().any(|case| case.rule == *rule);
        assert_ne!(decides, ASKED_NOWHERE.contains(rule), "{rule}");
    }
    let shipped = include_str!("../../etc/policy.json");
    for rule in RULES {
        assert!(shipped.contains(&format!("\"{rule}\":")), "{rule}");
    }
}

#[test]
fn a_download_can_be_refused_by_what_the_image_is() {
    let mut cloud = Setup::new().prepare();
    let policy = r#"{
        "default": "@", "context_is_admin": "role:admin",
        "licensed": "'yes':%(licence)s",
        "tiny": "not '5':%(size)s",
        "download_image": "role:admin or tenant:%(owner)s or (rule:licensed and rule:tiny)"
    }"#;
    std::fs::write(cloud.path("policy.json"), policy).unwrap();
    cloud.start_registry();
    cloud.start_api();
    let owner = cloud.newcomer();
    let make = |licence: &str, data: &str| {
        let image = owner
            .new_disk("seen")
            .header("x-image-meta-is_public", "True")
            .header("x-image-meta-property-licence", licence);
        let image = owner.send(image.data(data)).expect(201).json();
        image["image"]["id"].as_str().unwrap().to_owned()
    };
    let (licensed, unlicensed, tiny) = (
        make("yes", "123456"),
        make("no", "123456"),
        make("yes", "12345"),
    );
    let plain = owner.create("no property", b"123456");
    let stranger = cloud.newcomer();
    stranger.download(&licensed).expect(200);
    stranger.download(&unlicensed).expect(403);
    stranger.download(&tiny).expect(403);
    stranger.show(&unlicensed).expect(200);
    // Who may not download it does not learn that it is not there.
    stranger.download(&plain).expect(403);
    for id in [&licensed, &unlicensed, &tiny, &plain] {
        owner.download(id).expect(200);
        cloud.administrator().download(id).expect(200);
    }
    cloud.stop();
}

#[test]
fn a_changed_file_counts_without_a_signal_and_a_wrong_one_does_not() {
    let mut cloud = Setup::new().prepare();
    let file = cloud.path("policy.json");
    let write = |rule: &str| {
        let text = format!("{{\n\"default\": \"@\",\n\"delete_image\": {rule}\n}}");
        std::fs::write(&file, text).unwrap();
    };
    write("\"!\"");
    cloud.start_registry();
    cloud.start_api();
    let owner = cloud.newcomer().caller;
    let images = cloud.images_of(&owner);
    let id = images.create("kept", b"12345");
    images.delete(&id).expect(403);

    write("\"rule:x or\"");
    let complaint = "policy.json: line 3: rule \"delete_image\"";
    let told = |cloud: &mut Cloud| cloud.api().log().matches(complaint).count();
    eventually("it is told", 5, || {
        std::fs::read_to_string(cloud.path("glance-api.out"))
            .unwrap()
            .contains(complaint)
    });
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(told(&mut cloud), 1, "{}", cloud.api().log());
    cloud.images_of(&owner).delete(&id).expect(403);

    // A reload by signal keeps the old rules as well.
    cloud.api().signal(Signal::HUP);
    eventually("it is told again", 5, || {
        let log = std::fs::read_to_string(cloud.path("glance-api.out")).unwrap();
        log.matches(complaint).count() == 2
    });
    cloud.images_of(&owner).delete(&id).expect(403);

    write("\"@\"");
    eventually("the new rule holds", 5, || {
        cloud.images_of(&owner).delete(&id).status == 200
    });
    cloud.stop();
}

#[test]
fn a_file_that_does_not_parse_stops_the_start() {
    let cases = [
        (
            "policy.json",
            "{\n  \"a\": \"@\",\n  \"b\": \"role:\" or\n}",
            "policy.json: line 3: no JSON",
        ),
        (
            "policy.json",
            "{\n  \"a\": \"role:x and\"\n}",
            "policy.json: line 2: rule \"a\": ",
        ),
        (
            "policy.yaml",
            "a: '@'\nb: (role:x\n",
            "policy.yaml: line 2: rule \"b\": ",
        ),
        (
            "policy.d/extra.json",
            "{\"a\": \"http://x\"}",
            "extra.json: line 1: rule \"a\": ",
        ),
    ];
    for (name, text, complaint) in cases {
        for daemon in ["glance-api", "glance-registry"] {
            let main = if name.contains('/') {
                "policy.json"
            } else {
                name
            };
            let cloud = Setup::new()
                .both("oslo_policy", "policy_file", main)
                .prepare();
            std::fs::create_dir_all(cloud.path("policy.d")).unwrap();
            std::fs::write(cloud.path("policy.json"), "{}").unwrap();
            std::fs::write(cloud.path(name), text).unwrap();
            let log = cloud.path("start.out");
            let conf = cloud.path(&format!("{daemon}.conf"));
            let mut daemon = functional::Daemon::start(daemon, &conf, &log, &[]);
            assert_eq!(daemon.wait(10).code(), Some(1));
            assert!(daemon.log().contains(complaint), "{}", daemon.log());
        }
    }
}

#[test]
fn the_default_rule_and_the_directories_decide_what_the_file_does_not() {
    let mut cloud = Setup::new()
        .api_in("oslo_policy", "policy_default_rule", "fallback")
        .api_in("oslo_policy", "policy_dirs", "more.d")
        .prepare();
    let policy = r#"{"fallback": "role:trusted", "get_image": "", "delete_image": "!"}"#;
    std::fs::write(cloud.path("policy.json"), policy).unwrap();
    std::fs::create_dir(cloud.path("more.d")).unwrap();
    std::fs::write(
        cloud.path("more.d/1.yaml"),
        "get_images: '@'\ndelete_image: '!'\n",
    )
    .unwrap();
    std::fs::write(
        cloud.path("more.d/2.json"),
        r#"{"delete_image": [["role:trusted"]]}"#,
    )
    .unwrap();
    cloud.start_registry();
    cloud.start_api();
    let member = cloud.newcomer();
    let trusted = cloud.images_of(&Identity {
        role: "trusted".to_owned(),
        ..member.caller.clone()
    });
    member.send(member.new_disk("x")).expect(403);
    let id = trusted.reserve("x");
    member.show(&id).expect(200);
    assert_eq!(member.list(""), [id.as_str()]);
    member.delete(&id).expect(403);
    trusted.delete(&id).expect(200);
    cloud.stop();
}

#[test]
fn both_daemons_know_who_administers() {
    let cloud = Setup::new()
        .both("DEFAULT", "admin_role", "chief")
        .prepare();
    let policy = r#"{"default": "@", "context_is_admin": "role:boss or tenant:%(user)s"}"#;
    std::fs::write(cloud.path("policy.json"), policy).unwrap();
    let mut cloud = cloud;
    cloud.start_registry();
    cloud.start_api();
    let owner = cloud.newcomer();
    let id = owner.create("private", b"12345");
    let with = |tenant: &str, role: &str| Identity {
        user: "somebody".to_owned(),
        tenant: tenant.to_owned(),
        role: role.to_owned(),
    };
    for administrator in [
        with("x", "boss"),
        with("x", "member,Boss"),
        with("x", "CHIEF"),
        with("somebody", "member"),
    ] {
        let administrator = cloud.images_of(&administrator);
        administrator.download(&id).expect(200);
        let rename = Request::put(format!("/v1/images/{id}")).header(NAME, "x");
        administrator.send(rename).expect(200);
    }
    // The name that the role has by default is nobody's here.
    cloud.images_of(&with("x", "admin")).show(&id).expect(404);
    cloud.images_of(&with("x", "member")).show(&id).expect(404);
    cloud.stop();
}

#[test]
fn properties_are_protected_by_rules_of_the_policy_too() {
    let mut cloud = Setup::new()
        .api("property_protection_file", "protect.conf")
        .api("property_protection_rule_format", "policies")
        .prepare();
    let all = |rule: &str| {
        let operations = ["create", "read", "update", "delete"];
        operations.map(|name| format!("{name} = {rule}\n")).concat()
    };
    let written = |others: &str| {
        let keepers = all("keepers");
        let fixed = "create = @\nread = @\nupdate = !\ndelete = !\n";
        format!(
            "[^secret_.*]\n{keepers}\n[^fixed_.*]\n{fixed}\n[.*]\n{}",
            all(others)
        )
    };
    let file = cloud.path("protect.conf");
    std::fs::write(&file, written("@")).unwrap();
    let policy = r#"{"default": "@", "context_is_admin": "!", "keepers": "role:keeper"}"#;
    std::fs::write(cloud.path("policy.json"), policy).unwrap();
    cloud.start_registry();
    cloud.start_api();
    let member = cloud.newcomer();
    let keeper = cloud.images_of(&Identity {
        role: "keeper".to_owned(),
        ..member.caller.clone()
    });
    let property = |name: &str| format!("x-image-meta-property-{name}");
    let with = |request: Request, name: &str, value: &str| request.header(&property(name), value);

    let secret = with(member.new_disk("x"), "secret_key", "1");
    let refused = member.send(secret).expect(403);
    assert!(
        refused
            .text()
            .contains("Property 'secret_key' is protected")
    );
    let image = with(keeper.new_disk("x"), "secret_key", "1");
    let image = keeper
        .send(with(image, "fixed_size", "2"))
        .expect(201)
        .json();
    let path = format!("/v1/images/{}", image["image"]["id"].as_str().unwrap());

    let seen = member.send(Request::head(&path)).expect(200);
    assert_eq!(seen.header(&property("secret_key")), None);
    assert_eq!(seen.header(&property("fixed_size")), Some("2"));
    let put = |name, value| with(Request::put(&path), name, value);
    // Purging takes what is named in no rule for the caller, and nothing that he cannot see.
    member.send(put("open", "1")).expect(403);
    let keep = |request: Request| request.header("x-glance-registry-purge-props", "false");
    member.send(keep(put("open", "1"))).expect(200);
    member.send(keep(put("fixed_size", "3"))).expect(403);
    member.send(keep(put("secret_key", "1"))).expect(403);
    keeper.send(keep(put("secret_key", "2"))).expect(200);
    keeper.send(keep(put("fixed_size", "3"))).expect(403);
    let kept = keeper.send(Request::head(&path)).expect(200);
    assert_eq!(kept.header(&property("secret_key")), Some("2"));

    // A changed file counts here as well.
    std::fs::write(&file, written("!")).unwrap();
    eventually("the new protection holds", 5, || {
        let seen = member.send(Request::head(&path));
        seen.header(&property("open")).is_none() && seen.header(&property("fixed_size")).is_some()
    });
    cloud.stop();
}

/// A request for `action` that nothing but the lack of credentials is wrong with.
fn request_for(action: Action, id: &str) -> Request {
    let path = format!("/v1{}", action.path());
    let path = path.replace("{id}", id).replace("{tenant}", "friend");
    let request = Request::new(&action.method().replace('*', "GET"), path);
    match action {
        Action::Create => request.raw_disk("new").data("12345"),
        Action::Update => request.data("12345"),
        Action::UpdateNamed => request.header("x-image-meta-id", id).data("12345"),
        Action::ReplaceMembers => request.json(&serde_json::json!({"memberships": []})),
        _ => request,
    }
}

#[test]
fn without_credentials_nothing_gets_past_the_door() {
    for flavor in ["fakeauth", "trusted-auth"] {
        let mut cloud = Setup::new()
            .both("paste_deploy", "flavor", flavor)
            .api("send_identity_headers", "True")
            .start();
        let by = |request: Request| match flavor {
            "fakeauth" => request.by(&Identity::admin()),
            _ => request
                .header("X-Identity-Status", "Confirmed")
                .header("X-User-Id", "adm")
                .header("X-Tenant-Id", "tadm")
                .header("X-Roles", "admin"),
        };
        let made = cloud.send(by(disk().data("12345"))).expect(201).json();
        let id = made["image"]["id"].as_str().unwrap().to_owned();
        // The daemon's own calls and the question whether the registry is there have other paths.
        let theirs = |cloud: &mut Cloud| {
            let log = cloud.registry().log();
            let others = ["/recovery", "/leases", " / "];
            let own = |line: &&str| others.iter().any(|path| line.contains(path));
            log.lines()
                .filter(|line| line.contains("glance_registry.app") && !own(line))
                .count()
        };
        // It logs a call after its answer: wait for those of the creation.
        const CREATION: usize = 3;
        eventually("the registry has logged the creation", 10, || {
            theirs(&mut cloud) == CREATION
        });
        let files = stored(&cloud);
        let attempts: [fn(Request) -> Request; 4] = [
            |request| request,
            |request| request.header("X-Auth-Token", "nonsense"),
            |request| {
                request
                    .header("X-Tenant-Id", "tadm")
                    .header("X-Roles", "admin")
            },
            |request| request.header("X-Identity-Status", "Invalid"),
        ];
        for action in Action::ALL {
            for attempt in attempts {
                let answer = cloud.send(attempt(request_for(*action, &id)));
                assert_eq!(
                    answer.status,
                    401,
                    "{flavor}, {action:?}: {}",
                    answer.text()
                );
            }
        }
        assert_eq!(theirs(&mut cloud), CREATION, "{}", cloud.registry().log());
        assert_eq!(stored(&cloud), files);

        // Neither has to be there for the answer.
        cloud.take_registry().stop();
        std::fs::rename(cloud.data_directory(), cloud.path("away")).unwrap();
        for action in Action::ALL {
            cloud.send(request_for(*action, &id)).expect(401);
        }
        cloud.send(by(Request::get("/v1/images"))).expect(503);
        std::fs::rename(cloud.path("away"), cloud.data_directory()).unwrap();
        cloud.stop();
    }
}

/// What is in the store, and when it or its directory changed last.
fn stored(cloud: &Cloud) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut paths = cloud.stored_files();
    paths.push(cloud.data_directory());
    let changed = |path: std::path::PathBuf| {
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        (path, time)
    };
    paths.into_iter().map(changed).collect()
}
