//! What protections promise, case by case.

use super::*;

/// The file of Glance's recording `property-protections`.
const RECORDED: &str = "[^x_admin_.*]\ncreate = admin\nread = admin\nupdate = admin\ndelete = admin\n\
    [^x_ro_.*]\ncreate = admin\nread = admin,member\nupdate = admin\ndelete = admin\n\
    [^x_none.*]\ncreate = !\nread = @\nupdate = !\ndelete = !\n\
    [.*]\ncreate = admin,member\nread = admin,member\nupdate = admin,member\n\
    delete = admin,member\n";

fn caller(roles: &[&str]) -> Identity {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Identity {
        roles,
        ..Identity::default()
    }
}

fn roles(text: &str) -> Result<Protections, ProtectionError> {
    Protections::parse(text, RuleFormat::Roles)
}

/// The letters of the operations that are allowed: `crud`.
fn allowed(protections: &Protections, property: &str, roles: &[&str]) -> String {
    let rules = Rules::with_glance_defaults();
    let caller = caller(roles);
    let may = |operation| protections.allows(property, operation, &caller, &rules);
    OPERATIONS
        .iter()
        .filter(|(op, _)| may(*op))
        .map(|(_, name)| &name[..1])
        .collect()
}

#[test]
fn protects_as_recorded() {
    let protections = roles(RECORDED).unwrap();
    let cases = [
        ("x_admin_a", "member", ""),
        ("x_admin_a", "admin", "crud"),
        ("x_ro_a", "member", "r"),
        ("x_ro_a", "admin", "crud"),
        ("x_none_a", "member", "r"),
        ("x_none_a", "admin", "r"),
        ("x_none_a", "stranger", "r"),
        ("free", "member", "crud"),
        ("free", "stranger", ""),
        ("free", "Member", "crud"),
        // `^` is at the beginning of the name only.
        ("my_x_admin_a", "member", "crud"),
        ("X_ADMIN_a", "member", "crud"),
    ];
    for (property, role, expected) in cases {
        assert_eq!(
            allowed(&protections, property, &[role]),
            expected,
            "{property} {role}"
        );
    }
    assert!(protections.warnings().is_empty());
}

#[test]
fn being_administrator_without_the_role_opens_nothing() {
    let everybody = Identity {
        is_admin: true,
        ..Identity::default()
    };
    let rules = Rules::with_glance_defaults();
    let protections = roles(RECORDED).unwrap();
    assert!(!protections.allows("x_admin_a", Operation::Read, &everybody, &rules));
    assert!(protections.allows("x_none_a", Operation::Read, &everybody, &rules));
}

#[test]
fn the_first_section_that_matches_decides() {
    let protections = roles("[a]\nread = !\n[ab]\nread = @\n[c$]\nread = @\n").unwrap();
    assert_eq!(allowed(&protections, "ab", &[]), "");
    assert_eq!(
        allowed(&protections, "xax", &[]),
        "",
        "an expression is searched for"
    );
    assert_eq!(allowed(&protections, "bc", &[]), "r");
    assert_eq!(
        allowed(&protections, "cb", &[]),
        "",
        "what nothing matches is for nobody"
    );
    assert_eq!(
        allowed(&roles("[(?i)^ABC\\Z]\nread=@").unwrap(), "abc", &[]),
        "r"
    );
}

#[test]
fn no_section_protects_nothing() {
    for text in ["", "\n# nothing\n; here\n", "[DEFAULT]\nread = !\n"] {
        assert_eq!(allowed(&roles(text).unwrap(), "x", &[]), "crud", "{text:?}");
    }
}

#[test]
fn what_a_section_leaves_out_is_for_nobody() {
    let protections = roles("[a]\nread = @\nupdate =\ndelete = \"\"\n").unwrap();
    assert_eq!(allowed(&protections, "a", &["admin"]), "r");
    let lines: Vec<_> = ["create", "update", "delete"]
        .map(|name| format!("line 1: section \"a\" says nothing of {name}: nobody may"))
        .into();
    assert_eq!(protections.warnings(), lines);
}

#[test]
fn reads_what_config_parser_reads() {
    let protections = roles(
        "# comment\n[DEFAULT]\nDelete: boss\n\n[^a$] ; comment\nCREATE=one , Two,\n  three\n\
         # between\n  ; the lines\nread : @,admin ; everybody\nupdate = !, admin\nother = x\n",
    )
    .unwrap();
    for role in ["one", "two", "three"] {
        assert_eq!(allowed(&protections, "a", &[role]), "cr", "{role}");
    }
    assert_eq!(allowed(&protections, "a", &["boss"]), "rd");
    assert_eq!(allowed(&protections, "a", &["admin"]), "r");
    assert_eq!(allowed(&protections, "b", &["one"]), "");
    assert!(protections.warnings().is_empty());
    assert_eq!(
        allowed(
            &roles("[a]\r\nread = member\r\n").unwrap(),
            "a",
            &["member"]
        ),
        "r"
    );
}

#[test]
fn asks_the_policy_where_rules_name_policies() {
    let text =
        "[^a]\ncreate = makers\nread = @\nupdate = !\ndelete = unheard_of\n[b]\nread = nobody";
    let protections = Protections::parse(text, RuleFormat::Policies).unwrap();
    let rules = r#"{"default": "role:admin", "makers": "role:maker or role:admin", "nobody": "!"}"#;
    let rules = Rules::parse(rules).unwrap();
    let may = |property, role: &str| -> String {
        let caller = caller(&[role]);
        let may = |operation| protections.allows(property, operation, &caller, &rules);
        OPERATIONS
            .iter()
            .filter(|(op, _)| may(*op))
            .map(|(_, name)| &name[..1])
            .collect()
    };
    assert_eq!(may("a", "maker"), "cr");
    assert_eq!(
        may("a", "admin"),
        "crd",
        "the default rule decides about policies that are absent"
    );
    assert_eq!(may("a", "stranger"), "r");
    assert_eq!(may("b", "admin"), "");
}

#[test]
fn names_the_line_of_an_error() {
    let cases = [
        ("read = x\n", 1, "before the first section"),
        ("\n  read\n", 2, "continues nothing"),
        ("[a]\n  read\n", 2, "continues nothing"),
        ("[a]\nread\n", 2, "neither a section nor an option"),
        ("[a]\n= x\n", 2, "neither a section nor an option"),
        ("[]\n", 1, "without name"),
        ("\n[a\n", 2, "closing bracket"),
        ("[a]\nread=x\n[b]\n[a]\n", 4, "\"a\" is there twice"),
        ("[a]\nread=x\nREAD=y\n", 3, "\"read\" is there twice"),
        ("[a]\nread=@,x,!\n", 2, "exclude each other"),
        ("[a]\nread=%(x)s\n", 2, "interpolation"),
        ("[a(]\n", 1, "is no regular expression"),
        ("[*]\n", 1, "is no regular expression"),
        ("[^x[a-z]+$]\n", 1, "cannot have [classes]"),
        ("[^(?!secret)]\n", 1, "is no regular expression"),
    ];
    for (text, line, expected) in cases {
        let error = roles(text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.reason.contains(expected), "{text:?}: {error}");
    }
    let error =
        Protections::parse("[a]\nread = x\nupdate = a,b", RuleFormat::Policies).unwrap_err();
    assert_eq!(
        (error.line, error.reason.contains("several policies")),
        (3, true)
    );
}

#[test]
fn survives_garbage_and_names_that_are_hard_to_match() {
    assert!(roles(&"[".repeat(1 << 20)).is_err());
    let error = roles(&format!("[{}]", "(".repeat(1 << 20))).unwrap_err();
    assert!(error.to_string().len() < 500, "{error}");
    assert!(roles(&format!("[{}]", "a{1000}".repeat(1 << 10))).is_err());
    assert!(roles(&"x".repeat(1 << 20)).is_err());
    assert!(roles(&format!("[a]\nread = {}", "x,".repeat(1 << 19))).is_ok());
    // Python takes exponential time for this.
    let protections = roles("[^(a+)+$]\nread = @\n").unwrap();
    assert_eq!(
        allowed(&protections, &format!("{}b", "a".repeat(10_000)), &[]),
        ""
    );
}
