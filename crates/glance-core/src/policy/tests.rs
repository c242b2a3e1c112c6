//! What the rules promise, case by case.

use super::*;
use crate::image::{Image, ImageStatus};
use crate::timestamp::Timestamp;

fn caller(user: &str, tenant: &str, roles: &[&str]) -> Identity {
    Identity {
        user: Some(user.into()),
        tenant: Some(tenant.into()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Identity::default()
    }
}

fn image() -> Image {
    let now = Timestamp::parse("2026-01-02T03:04:05").unwrap();
    let properties = [
        ("os", Some("linux")),
        ("empty", None),
        ("owner", Some("not the owner")),
        ("location_data", Some("x")),
    ];
    Image {
        id: "i1".into(),
        name: Some("precise".into()),
        status: ImageStatus::Active,
        size: Some(5),
        checksum: None,
        disk_format: Some("raw".into()),
        container_format: Some("bare".into()),
        min_disk: 0,
        min_ram: 512,
        is_public: true,
        owner: Some("t1".into()),
        protected: false,
        virtual_size: None,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        deleted: false,
        location: None,
        location_data: Vec::new(),
        properties: properties
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.map(str::to_owned)))
            .collect(),
    }
}

/// Whether `check` lets a member of t1 with the roles `member` and `Cloud` do it to `image()`.
fn holds(check: &str) -> bool {
    let text = serde_json::json!({
        "x": check, "yes": "@", "no": "!", "loop": "rule:loop", "ping": "rule:pong",
        "pong": "not rule:ping",
    });
    let rules = Rules::parse_json(&text.to_string()).unwrap_or_else(|error| panic!("{error}"));
    rules.allows(
        "x",
        &caller("u1", "t1", &["member", "Cloud"]),
        &Target::Image(&image()),
    )
}

fn reason(check: &str) -> String {
    Rules::parse_json(&serde_json::json!({ "x": check }).to_string())
        .unwrap_err()
        .reason
}

#[test]
fn decides_single_checks() {
    let cases = [
        ("", true),
        ("@", true),
        ("!", false),
        ("role:member", true),
        ("role:MEMBER", true),
        ("role:cloud", true),
        ("role:admin", false),
        ("role:%(nothing)s", false),
        ("role:", false),
        ("rule:yes", true),
        ("rule:no", false),
        ("rule:absent", false),
        ("is_admin:False", true),
        ("is_admin:True", false),
        ("is_admin:1", false),
        ("user:u1", true),
        ("user_id:u1", true),
        ("user_id:u2", false),
        ("tenant:t1", true),
        ("tenant:%(owner)s", true),
        ("project_id:%(owner)s", true),
        ("project_id:%(id)s", false),
        ("project_id:%(nothing)s", false),
        ("roles:member", true),
        ("roles:cloud", false),
        ("nothing:x", false),
        ("nothing.at.all:x", false),
        ("tenant.name:t1", false),
    ];
    for (check, expected) in cases {
        assert_eq!(holds(check), expected, "{check}");
    }
}

#[test]
fn compares_what_the_target_has_as_python_prints_it() {
    let cases = [
        ("'linux':%(os)s", true),
        ("\"linux\":%(os)s", true),
        ("'windows':%(os)s", false),
        ("'None':%(empty)s", true),
        ("None:%(checksum)s", true),
        ("True:%(is_public)s", true),
        ("False:%(protected)s", true),
        ("5:%(size)s", true),
        ("+5:%(size)s", false),
        ("1.0:1.0", true),
        ("-7:-7", true),
        ("'active':%(status)s", true),
        ("'i1-t1':%(id)s-%(owner)s", true),
        ("None:%(deleted_at)s", true),
        ("'100%':100%%", true),
        ("'x':%(location_data)s", false),
        ("'x':%(properties)s", false),
        ("'a':a", true),
        ("'x':%(role.name)s", false),
    ];
    for (check, expected) in cases {
        assert_eq!(holds(check), expected, "{check}");
    }
}

#[test]
fn joins_checks() {
    let cases = [
        ("@ and @", true),
        ("@ and !", false),
        ("! or @", true),
        ("! or !", false),
        ("not !", true),
        ("not @", false),
        ("not not @", true),
        ("NOT ! AND @", true),
        // `and` binds closer than `or`, on both sides.
        ("@ or ! and !", true),
        ("! and ! or @", true),
        ("(@ or !) and !", false),
        ("! and (! or @)", false),
        // `not` binds closest.
        ("not ! or @ and !", true),
        ("not @ or @ and !", false),
        ("not (@ and !)", true),
        ("not (@ or !)", false),
        ("! or ! or ! or @", true),
        ("@ and @ and @ and !", false),
        ("((@))", true),
        ("( @ )", true),
        ("(role:admin or role:member) and tenant:%(owner)s", true),
        ("\n role:admin\tor\n(not role:admin)", true),
    ];
    for (check, expected) in cases {
        assert_eq!(holds(check), expected, "{check}");
    }
}

#[test]
fn lets_nobody_pass_a_rule_that_refers_to_itself() {
    for check in [
        "rule:loop",
        "not rule:loop",
        "rule:ping",
        "not rule:ping",
        "rule:pong",
    ] {
        assert!(!holds(check), "{check}");
    }
    assert!(
        holds("@ or rule:loop"),
        "what is decided already needs no look at the circle"
    );
}

#[test]
fn lets_nobody_pass_a_rule_that_takes_too_long() {
    let mut text = String::from("last: '!'\n");
    for n in 0..60 {
        text.push_str(&format!(
            "r{n}: \"rule:r{next} or rule:r{next}\"\n",
            next = n + 1
        ));
    }
    text.push_str("r60: rule:last\n");
    let rules = Rules::parse(&text).unwrap();
    assert!(!rules.allows("r0", &Identity::default(), &Target::Nothing));
}

#[test]
fn follows_long_chains_without_overflow() {
    let mut text = String::from("r100000: '@'\n");
    for n in 0..100_000 {
        text.push_str(&format!("r{n}: rule:r{}\n", n + 1));
    }
    let rules = Rules::parse(&text).unwrap();
    assert!(!rules.allows("r0", &Identity::default(), &Target::Nothing));
    assert!(rules.allows("r99900", &Identity::default(), &Target::Nothing));
    assert_eq!(rules.warnings(), Vec::<String>::new());
}

#[test]
fn says_what_is_wrong_with_a_check() {
    let cases = [
        (" ", "missing at the end"),
        ("admin", "\"admin\" is no check: it has no colon"),
        (
            "role:a role:b",
            "\"role:b\" comes without \"and\" or \"or\"",
        ),
        ("role:a and", "missing at the end"),
        ("and role:a", "\"and\" comes where a check is missing"),
        (
            "role:a or or role:b",
            "\"or\" comes where a check is missing",
        ),
        ("not", "missing at the end"),
        ("(role:a", "a parenthesis is not closed"),
        ("role:a)", "no opening one"),
        ("(role:a or role:b)and role:c", "where \")\" is missing"),
        ("'a:b':a:b", "is no quoted text"),
        ("()", "\")\" comes where a check is missing"),
        ("(role:a role:b)", "where \")\" is missing"),
        ("'quoted'", "is quoted text"),
        ("\"a\":\"b\"", "is quoted text"),
        ("'a:b", "is no quoted text"),
        ("1a:b", "neither a number nor a credential"),
        (":b", "nothing before its colon"),
        ("role:%(a)d", "neither %(key)s nor %%"),
        ("user:50%", "neither %(key)s nor %%"),
        ("http://server/check", "another server"),
    ];
    for (check, expected) in cases {
        let reason = reason(check);
        assert!(reason.starts_with("rule \"x\": "), "{check}: {reason}");
        assert!(reason.contains(expected), "{check}: {reason}");
    }
}

#[test]
fn understands_lists_of_lists() {
    let cases = [
        ("[]", true),
        ("[[]]", false),
        ("[\"@\"]", true),
        ("[[\"@\", \"!\"]]", false),
        ("[[\"@\", \"!\"], [\"role:member\", \"tenant:t1\"]]", true),
        ("[[\"role:admin\"], \"role:member\"]", true),
        ("[\"\", []]", false),
    ];
    for (list, expected) in cases {
        for text in [
            format!("{{\"x\": {list}}}"),
            format!("x: {list}  # comment"),
        ] {
            let rules = Rules::parse(&text).unwrap();
            let allowed = rules.allows("x", &caller("u1", "t1", &["member"]), &Target::Nothing);
            assert_eq!(allowed, expected, "{text}");
        }
    }
    let error = Rules::parse_json("{\"x\": [[\"role:a and role:b\"], \"no\"]}").unwrap_err();
    assert!(error.reason.contains("\"no\" is no check"), "{error}");
}

#[test]
fn falls_back_to_the_default_rule() {
    let admin = caller("u", "t", &["admin"]);
    let member = caller("u", "t", &["member"]);
    let allows = |rules: &Rules, caller| rules.allows("unheard_of", caller, &Target::Nothing);

    let rules = Rules::parse_json(r#"{"default": "role:admin", "other": "role:member"}"#).unwrap();
    assert!(allows(&rules, &admin) && !allows(&rules, &member));
    let rules = rules.with_default_rule("other");
    assert!(!allows(&rules, &admin) && allows(&rules, &member));
    for absent in ["absent", ""] {
        let rules = rules.clone().with_default_rule(absent);
        assert!(!allows(&rules, &admin) && !allows(&rules, &member));
    }
    assert!(!allows(&Rules::parse("").unwrap(), &admin));
    // A reference to a rule that does not exist means the default rule too.
    let rules = Rules::parse_json(r#"{"default": "@", "x": "rule:absent"}"#).unwrap();
    assert!(rules.allows("x", &member, &Target::Nothing));
}

#[test]
fn ships_what_glance_ships() {
    let rules = Rules::with_glance_defaults();
    let member = caller("u1", "t1", &["member"]);
    let admin = caller("u1", "t1", &["Admin"]);
    for rule in [
        "get_images",
        "get_image",
        "add_image",
        "modify_image",
        "delete_image",
        "download_image",
        "upload_image",
        "copy_from",
        "set_image_location",
        "get_members",
        "add_member",
        "modify_member",
        "delete_member",
    ] {
        assert!(rules.allows(rule, &member, &Target::Nothing), "{rule}");
    }
    for rule in [
        "publicize_image",
        "manage_image_cache",
        "context_is_admin",
        "unheard_of",
    ] {
        assert!(!rules.allows(rule, &member, &Target::Nothing), "{rule}");
        assert!(rules.allows(rule, &admin, &Target::Nothing), "{rule}");
    }
    assert!(rules.makes_admin(&admin) && !rules.makes_admin(&member));
    assert_eq!(rules.warnings(), Vec::<String>::new());
}

#[test]
fn is_admin_without_the_role_does_not_pass_rules_for_the_role() {
    let everybody = Identity {
        is_admin: true,
        ..Identity::default()
    };
    let rules = Rules::with_glance_defaults();
    assert!(!rules.allows("publicize_image", &everybody, &Target::Nothing));
    assert!(rules.allows("add_image", &everybody, &Target::Nothing));
    let rules = Rules::parse_json(r#"{"x": "is_admin:True"}"#).unwrap();
    assert!(rules.allows("x", &everybody, &Target::Nothing));
}

#[test]
fn later_files_win() {
    let mut rules = Rules::with_glance_defaults();
    rules.extend(Rules::parse("download_image: role:admin").unwrap());
    let member = caller("u1", "t1", &["member"]);
    assert!(!rules.allows("download_image", &member, &Target::Image(&image())));
    assert!(rules.allows("upload_image", &member, &Target::Nothing));
}

#[test]
fn names_the_line_of_an_error_in_json() {
    let cases = [
        ("", 1, "no JSON: EOF"),
        ("[]", 1, "expected an object of rules"),
        ("\"x\"", 1, "expected an object of rules"),
        ("{\n \"a\": \"\",\n}", 3, "trailing comma"),
        ("{\n \"a\": \"\"\n \"b\": \"\"\n}", 3, "expected `,` or `}`"),
        ("{\"a\": \"\"}\n\nx", 3, "trailing characters"),
        (
            "{\n \"a\\\"{\": \"[\",\n\n \"b\": 5\n}",
            4,
            "rule \"b\": a check is a string",
        ),
        (
            "{\n \"a\": [\n  [\"@\"],\n  null\n ]\n}",
            2,
            "rule \"a\": a check is a string",
        ),
        (
            "{\n \"a\": [[\n\"@\"]],\n \"b\": \"x\" }",
            4,
            "rule \"b\": \"x\" is no check",
        ),
        ("{\"a\": null}", 1, "a check is a string"),
        ("{\"a\": {\"b\": \"c\"}}", 1, "a check is a string"),
    ];
    for (text, line, expected) in cases {
        let error = Rules::parse_json(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.reason.contains(expected), "{text}: {error}");
    }
}

#[test]
fn reads_policy_yaml() {
    let rules = Rules::parse(
        "---\n# the sample generator's form\n\n\"plain\": \"role:member\"\n#\"off\": \"!\"\n\
         single: 'role:member and ''t1'':%(owner)s'  # comment\nbare: role:member or role:x\n\
         \"escaped\\u0041\": \"role:\\x6dember\"\n\"a:b\": \"@\"\nempty: \"\"\nhash: role:a#b\n\
         list:\n  - role:admin\n  - [\"role:member\", 'tenant:t1']\nflow: [[role:x], role:member]\n\
         trailing: '@' \n...\nignored",
    )
    .unwrap();
    let member = caller("u1", "t1", &["member"]);
    let image = image();
    for rule in [
        "plain", "single", "bare", "escapedA", "a:b", "empty", "list", "flow", "trailing",
    ] {
        assert!(
            rules.allows(rule, &member, &Target::Image(&image)),
            "{rule}"
        );
    }
    assert!(!rules.allows("hash", &member, &Target::Nothing));
    assert!(rules.allows("hash", &caller("u", "t", &["a#b"]), &Target::Nothing));
}

#[test]
fn reads_yaml_that_goes_on_over_several_lines() {
    let rules = Rules::parse(
        "plain: role:a or\n  role:member\n\nquoted: \"role:a\n  or role:member\"\n\
         single: 'role:a or\n\n  ''t1'':%(owner)s' # why\nbelow:\n  \"role:member\"\n\
         folded: >-\n  role:a\n  or role:member\n\nliteral: |\n  role:a or\n  role:member\n\
         flow: [[role:a], # one\n  # none\n  role:member]\n\
         closed: [\n  role:member\n]\n\
         items:\n- role:a\n- role:b\n- [role:member,\n   'tenant:t1']\n\
         item: \n  - >\n    role:member\nlast: role:member\n",
    )
    .unwrap();
    let (member, image) = (caller("u1", "t1", &["member"]), image());
    let stranger = caller("u2", "t2", &["b"]);
    for rule in [
        "plain", "quoted", "single", "below", "folded", "literal", "flow", "closed", "items",
        "item", "last",
    ] {
        assert!(
            rules.allows(rule, &member, &Target::Image(&image)),
            "{rule}"
        );
        let both = ["single", "items"].contains(&rule);
        assert_eq!(
            rules.allows(rule, &stranger, &Target::Image(&image)),
            both,
            "{rule}"
        );
    }
}

#[test]
fn reads_the_shipped_rules_as_yaml_too() {
    let yaml: String = SHIPPED
        .lines()
        .map(|line| format!("{}\n", line.trim().trim_matches(['{', '}', ','])))
        .collect();
    let rules = Rules::parse(&yaml).unwrap();
    assert_eq!(rules.checks, Rules::with_glance_defaults().checks);
}

#[test]
fn names_the_line_of_an_error_in_yaml() {
    let cases = [
        ("a: \"\"\nb", 2, "\"b\" is no \"rule\": \"check\""),
        ("a: \"\"\n\nb:\n", 3, "rule \"b\" has no check"),
        ("b: # nothing\nc: \"\"", 1, "rule \"b\" has no check"),
        ("a: !", 1, "begins with '!'"),
        ("a: @", 1, "begins with '@'"),
        ("a: |x\n  role:x", 1, "begins with '|'"),
        ("a:\n- role:x\n-\n", 3, "begins with '-'"),
        ("a: |\n  role:x or", 1, "check is missing"),
        ("a: 'role:x\n  or role:y", 1, "not closed"),
        ("a: 'role:x\nb: '@'", 1, "not closed"),
        ("a: role:x\n  b: role:y", 1, "quote it"),
        ("a:\n  b: role:y", 1, "quote it"),
        ("a: role:x # so\n  or role:y", 2, "indented"),
        ("a: &x '@'", 1, "begins with '&'"),
        ("a: {b: c}", 1, "begins with '{'"),
        ("a: role: admin", 1, "quote it"),
        ("a: \"role:x", 1, "not closed"),
        ("a: 'role:x", 1, "not closed"),
        ("a: \"\\q\"", 1, "unknown escape"),
        ("a: \"\\ud800\"", 1, "no character"),
        ("a: \"@\" @", 1, "follows what was complete"),
        ("a: '@'\n  and: '@'", 2, "indented"),
        ("\"a\" \"b\"", 1, "no colon"),
        ("\"a\":\"b\"", 1, "blank is missing"),
        ("- a", 1, "without a rule"),
        ("a: '@'\n- b", 2, "without a rule"),
        ("a: [x, ", 1, "not closed"),
        ("a: [role:x", 1, "not closed"),
        ("a: [[[role:x]]]", 1, "begins with '['"),
        ("a:\n  - role:x\n  - no", 1, "\"no\" is no check"),
        ("a: '@'\nb: nope", 2, "rule \"b\": \"nope\" is no check"),
    ];
    for (text, line, expected) in cases {
        let error = Rules::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.reason.contains(expected), "{text}: {error}");
    }
}

#[test]
fn warns_of_what_is_suspicious() {
    let rules = Rules::parse(
        "a: rule:absent\nb: rule:c\nc: not rule:b\nd: is_admin_project:True\ne: '@'\ne: '!'\n\
         f: rule:e and rule:e\n",
    )
    .unwrap();
    let warnings = rules.warnings();
    let expected = [
        "rule \"e\" is there twice; the last one counts",
        "rule \"a\" refers to the rule \"absent\", which does not exist",
        "rule \"d\" asks for the credential \"is_admin_project\", which no caller has",
        "rule \"b\" refers to itself in a circle",
    ];
    assert_eq!(warnings, expected);
    assert!(!rules.allows("e", &Identity::default(), &Target::Nothing));
}

#[test]
fn refuses_deep_nesting_without_overflow() {
    for deep in [
        "(".repeat(1 << 20),
        "not ".repeat(1 << 18),
        "( not ".repeat(1 << 17),
    ] {
        assert!(reason(&deep).contains("inside each other"));
    }
    let just = format!("{}@{}", "(".repeat(100), ")".repeat(100));
    assert!(holds(&just));
    assert!(holds(&format!("{}!", "not ".repeat(99))));
    let error = Rules::parse_json(&format!("{{\"x\": {}", "[".repeat(1 << 20))).unwrap_err();
    assert!(error.reason.contains("recursion limit"), "{error}");
    assert!(Rules::parse(&format!("x: {}", "[".repeat(1 << 20))).is_err());
    assert!(Rules::parse(&format!("x: {}", ")".repeat(1 << 20))).is_err());
}

#[test]
fn reads_wide_rules_of_a_megabyte() {
    let wide = format!("{}@", "role:nobody or ".repeat(1 << 15));
    assert!(holds(&wide));
}

#[test]
fn a_megabyte_of_garbage_is_an_error_of_one_line() {
    // A fixed generator, so that a failure can be repeated.
    let mut state = 1_u64;
    let mut garbage = move |alphabet: &[u8]| -> String {
        let pick = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(alphabet[(state >> 33) as usize % alphabet.len()])
        };
        (0..1 << 20).map(pick).collect()
    };
    let printable: Vec<u8> = (0..=127).collect();
    for alphabet in [
        &b"()'\" %:@!andort\n"[..],
        &printable,
        b"[]{},:\"\\\n ",
        b"x",
    ] {
        let text = garbage(alphabet);
        for text in [
            text.clone(),
            format!("{{{text}"),
            format!("{{\"x\": {}}}", serde_json::json!(text)),
        ] {
            for result in [
                Rules::parse_json(&text),
                Rules::parse_yaml(&text),
                Rules::parse(&text),
            ] {
                let error = result.unwrap_err();
                assert!(error.to_string().len() < 500, "{error}");
                assert!(!error.reason.contains('\n'));
            }
        }
    }
}
