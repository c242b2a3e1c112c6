//! What users' URLs may lead to, as tests.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glance_config::{ExternalConfig, OptionValue};
use tokio::net::TcpListener;
use tower_service::Service;

use super::*;

fn config(allow: &str) -> ExternalConfig {
    ExternalConfig {
        external_allow: AllowList::parse(allow).unwrap(),
        ..Default::default()
    }
}

fn guard(allow: &str) -> Guard {
    Guard::new(&config(allow))
}

/// A guard whose lookups answer so, one after the other; the last answer stays.
fn scripted(allow: &str, answers: &[&[&str]]) -> Guard {
    let answers = answers
        .iter()
        .map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect());
    Guard {
        resolver: Resolver::Script(Mutex::new(answers.collect())),
        ..guard(allow)
    }
}

#[test]
fn lets_public_urls_through() {
    for text in [
        "http://example.org/image.qcow2",
        "https://example.org:8443/a/b?signature=x%2F",
        "HTTP://Example.ORG/",
        "http://1.1.1.1/x",
        "http://[2606:4700::1111]/x",
        "http://bücher.example/x",
        "http://example.org/ä#part",
        "http://example.org",
    ] {
        assert!(
            guard("").check(text).is_ok(),
            "{text}: {:?}",
            guard("").check(text)
        );
    }
}

#[test]
fn refuses_other_schemes_and_our_own_stores() {
    for text in [
        "file:///etc/passwd",
        "filesystem:///etc/passwd",
        "swift+config://reference/container/object",
        "swift://user:key@host/container/object",
        "swift+https://user:key@host/container/object",
        "s3://key:secret@host/bucket/object",
        "s3+https://key:secret@host/bucket/object",
        "gs://bucket/object",
        "azure://container/object",
        "pithos://account/container/object",
        "pithos://../x",
        "pithos://a",
        "rbd://pool/image",
        "gopher://example.org/",
        "ftp://example.org/x",
        "data:,x",
        "javascript:x",
        "nope://x",
        "notaurl",
        "//example.org/x",
        " http://example.org/x",
        "://",
    ] {
        assert_eq!(
            guard("0.0.0.0/0").check(text),
            Err(Refusal::Scheme),
            "{text}"
        );
    }
    assert_eq!(guard("").check(""), Err(Refusal::Empty));
}

#[test]
fn schemes_are_the_operators_choice() {
    let https = |schemes| {
        Guard::new(&ExternalConfig {
            external_schemes: Schemes::parse(schemes).unwrap(),
            ..config("")
        })
    };
    assert_eq!(
        https("https").check("http://example.org/"),
        Err(Refusal::Scheme)
    );
    assert!(https("https").check("https://example.org/").is_ok());
    assert_eq!(
        https("").check("https://example.org/"),
        Err(Refusal::Scheme)
    );
}

#[test]
fn refuses_malformed_urls() {
    for text in [
        "http:",
        "http:/example.org/x",
        "http:example.org/x",
        "http://",
        "http:///nohost",
        "http://?x",
        "http://#x",
        "http:\\\\example.org\\x",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/a b",
        "http://example.org/\r\nHost: x",
        "http://example.org/\0",
        "http://example.org/\u{7f}",
        "http://example.org/\u{a0}",
        "http://exam%70le.org/",
        "http://%31%32%37.0.0.1/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.org:65536/",
        "http://example.org:-1/",
        "http://example.org:x/",
        "http://999.1.1.1/",
        "http://1.2.3.4.5/",
    ] {
        assert_eq!(
            guard("").check(text),
            Err(Refusal::Malformed),
            "{}",
            text.escape_debug()
        );
    }
    let long = format!("http://example.org/{}", "x".repeat(8192));
    assert_eq!(guard("").check(&long), Err(Refusal::TooLong));
}

#[test]
fn refuses_odd_spellings_of_addresses_even_of_allowed_ones() {
    for host in [
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "127.000.000.001",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        for allow in ["", "127.0.0.0/8"] {
            let checked = guard(allow).check(&format!("http://{host}/"));
            assert_eq!(checked, Err(Refusal::Malformed), "{host}");
        }
    }
}

#[test]
fn refuses_user_information_and_odd_ports() {
    for text in [
        "http://user@example.org/",
        "http://user:password@example.org/",
        "http://@example.org/",
        "http://example.org@127.0.0.1/",
    ] {
        assert_eq!(
            guard("").check(text),
            Err(Refusal::UserInformation),
            "{text}"
        );
    }
    for port in [0, 1, 22, 25, 1023] {
        let text = format!("http://example.org:{port}/");
        assert_eq!(guard("").check(&text), Err(Refusal::Port), "{text}");
    }
    // A host that the operator names may listen where it likes, but nothing listens on port 0.
    assert!(guard("example.org").check("http://example.org:22/").is_ok());
    assert!(guard("10.0.0.0/8").check("http://10.0.0.1:22/").is_ok());
    assert_eq!(
        guard("example.org").check("http://example.org:0/"),
        Err(Refusal::Port)
    );
}

/// Everything that is not somebody's public host.
const SPECIAL: [&str; 44] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:1.1.1.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
];

#[test]
fn refuses_addresses_that_are_not_public() {
    for text in SPECIAL {
        let address: IpAddr = text.parse().unwrap();
        assert!(!guard("").allows_address(address), "{text}");
        let host = if address.is_ipv6() {
            format!("[{text}]")
        } else {
            text.to_owned()
        };
        let checked = guard("").check(&format!("http://{host}/"));
        assert_eq!(checked, Err(Refusal::Address), "{text}");
        assert!(
            guard(text).check(&format!("http://{host}/")).is_ok(),
            "{text}"
        );
    }
    for text in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.1.1.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.1.1",
        "223.255.255.255",
        "2a00::1",
        "2600::1",
    ] {
        assert!(guard("").allows_address(text.parse().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn refuses_a_name_with_one_bad_address() {
    for text in SPECIAL {
        let guard = scripted("", &[&["1.1.1.1", text]]);
        let refused = guard.addresses("example.org", 80).await;
        assert!(
            matches!(refused, Err(AddressError::Refused(Refusal::Address))),
            "{text}: {refused:?}"
        );
    }
    let guard = scripted("", &[&["1.1.1.1", "2606:4700::1111"]]);
    let found = guard.addresses("example.org", 81).await.unwrap();
    assert_eq!(
        found,
        [
            "1.1.1.1:81".parse().unwrap(),
            "[2606:4700::1111]:81".parse().unwrap()
        ]
    );
    let nothing = scripted("", &[&[]]).addresses("example.org", 80).await;
    assert!(matches!(nothing, Err(AddressError::Unresolved(_))));
}

#[tokio::test]
async fn a_trusted_name_may_lead_anywhere_and_only_that() {
    let guard = scripted("images.internal", &[&["10.0.0.1"]]);
    assert!(guard.addresses("Images.Internal.", 80).await.is_ok());
    assert!(guard.addresses("other.internal", 80).await.is_err());
    assert!(guard.addresses("10.0.0.1", 80).await.is_err());
}

#[tokio::test]
async fn each_connection_checks_again_what_the_name_resolves_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // First an address that is allowed here, then another one of loopback, where the same
    // listener would be met if it were connected to.
    let guard = Arc::new(scripted("127.0.0.1/32", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let url = guard
        .check(&format!("http://rebind.example:{port}/"))
        .unwrap();
    let mut connector = GuardedConnector::new(guard, Duration::from_secs(5));
    let first = connector.call(url.uri().clone()).await.unwrap();
    assert_eq!(
        first.inner().peer_addr().unwrap().ip(),
        "127.0.0.1".parse::<IpAddr>().unwrap()
    );
    let second = connector.call(url.uri().clone()).await;
    assert!(matches!(
        second,
        Err(ConnectError::Refused(Refusal::Address))
    ));
}

#[test]
fn checks_where_redirects_lead() {
    let guard = guard("");
    let from = guard.check("http://example.org/a/b?c").unwrap();
    for (to, expected) in [
        ("/x", Ok("/x")),
        ("x//y", Ok("/a/x//y")),
        ("../x?y", Ok("/x")),
        ("https://other.example/x", Ok("/x")),
        ("//other.example/x", Ok("/x")),
        ("http://127.0.0.1/", Err(Refusal::Address)),
        ("//127.0.0.1/", Err(Refusal::Address)),
        ("http:/127.0.0.1/", Ok("/127.0.0.1/")),
        ("http://2130706433/", Err(Refusal::Malformed)),
        ("//2130706433/", Err(Refusal::Address)),
        ("http://user@other.example/", Err(Refusal::UserInformation)),
        ("//user@other.example/", Err(Refusal::UserInformation)),
        ("http://other.example:22/", Err(Refusal::Port)),
        ("file:///etc/passwd", Err(Refusal::Scheme)),
        ("ftp://example.org/", Err(Refusal::Scheme)),
        ("/\\127.0.0.1/", Err(Refusal::Malformed)),
        ("/a\tb", Err(Refusal::Malformed)),
    ] {
        let url = guard.redirect(&from, to);
        let path = url.as_ref().map(|url| url.path()).map_err(|error| *error);
        assert_eq!(path, expected, "{to}");
    }
}

#[test]
fn shows_nothing_of_a_url() {
    let url = guard("")
        .check("https://example.org/path?signature=secret")
        .unwrap();
    assert_eq!(format!("{url:?}"), "https://…");
}
