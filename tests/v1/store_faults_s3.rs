//! What comes of every fault between glance-api and S3: at Swift's s3api, and at s3s-fs.

use std::collections::BTreeMap;
use std::path::Path;

use functional::{Canned, Fault, Service, Setup, SwiftAccount, Trouble, When};

use crate::store_faults_scene::{
    Case, Comes, DRIP, Does, Kind, LOST, Size, lose, misname, play, swift,
};
use crate::store_faults_table::{Asked, case, everywhere};

fn kind(configured: fn(Setup, &str, usize) -> Setup) -> Kind {
    Kind {
        // Three parts.
        large: 11_000_003,
        configured,
        secrets: &["testing", "0123456789abcdef0123456789abcdef"],
        patience: 40,
        lingering: "+segments/",
    }
}

fn options(setup: Setup, proxy: &str, bucket: &str) -> Setup {
    [
        ("stores", "file,http,s3"),
        ("default_store", "s3"),
        ("s3_store_host", &format!("http://{proxy}")),
        ("s3_store_bucket", bucket),
        ("s3_store_create_bucket_on_put", "true"),
        ("s3_store_bucket_url_format", "path"),
        ("s3_store_large_object_size", "5"),
        ("s3_store_large_object_chunk_size", "5"),
        ("s3_store_timeout", "3"),
    ]
    .into_iter()
    .fold(setup, |setup, (name, value)| {
        setup.api_in("glance_store", name, value)
    })
}

const S3S_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn bucket(number: usize) -> String {
    format!("buckets{number}")
}

/// `CompleteMultipartUpload` may say 200 first and then fail.
fn failed_after_all() -> Fault {
    Fault::Answer(Canned {
        status: "200 OK",
        kind: "application/xml",
        body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code>\
               <Message>We encountered an internal error. Please try again.</Message></Error>",
    })
}

fn other_tag() -> Fault {
    Fault::Header("ETag", format!("\"{}\"", "0".repeat(32)))
}

// A row for each fault is read more easily than written.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Comes::{Done, Refused, Wrong};
    use Does::{Delete, Download, Look, Part, Upload};
    use Size::{Large, Small, Unsized};
    let asked = Asked {
        put: When::asked("PUT", ""),
        get: When::asked("GET", ""),
        head: When::asked("HEAD", "/buckets"),
        list: When::asked("GET", "list-type=2"),
        delete: When::asked("DELETE", ""),
        other_tag: other_tag(),
        within: 3_000_000,
    };
    let mut cases = everywhere(&asked);
    let (up, down) = (Fault::Sent, Fault::Received);
    let put = || asked.put.clone();
    let get = || asked.get.clone();
    let head = || asked.head.clone();
    let delete = || asked.delete.clone();
    let begin = || When::asked("POST", "uploads");
    let part = || When::asked("PUT", "partNumber=2");
    let complete = || When::asked("POST", "uploadId=");
    cases.extend([
        case("only stalls", Look, vec![(head(), Fault::StallHead)], Wrong),
        case("another ETag", Look, vec![(head(), other_tag())], Wrong),
        case("one SlowDown", Upload(Small), vec![(put().once(), Fault::slow_down())], Done),
        case("only SlowDown", Upload(Small), vec![(put(), Fault::slow_down())], Refused(503)),
        case("answers lost", Upload(Small), vec![(put(), Fault::ResetHead)], Done),
        case("resets within", Upload(Small), vec![(put(), up(Trouble::Reset(100_000)))], Refused(503)),
        case("truncated", Upload(Small), vec![(put().once(), up(Trouble::Cut(100_000)))], Done),
        case("wrong ETag", Upload(Small), vec![(put(), other_tag())], Done),
        case("one 500 at begin", Upload(Large), vec![(begin().once(), Fault::internal())], Done),
        case("only SlowDown at begin", Upload(Large), vec![(begin(), Fault::slow_down())], Refused(503)),
        case("one 503 at a part", Upload(Large), vec![(part().once(), Fault::unavailable())], Done),
        case("only 500 at a part", Upload(Large), vec![(part(), Fault::internal())], Refused(503)),
        case("one SlowDown at a part", Upload(Unsized), vec![(part().once(), Fault::slow_down())], Done),
        case("only SlowDown at a part", Upload(Unsized), vec![(part(), Fault::slow_down())], Refused(503)),
        case("stall at a part", Upload(Large), vec![(part().once(), Fault::StallHead)], Done),
        case("stalls at a part", Upload(Large), vec![(part(), Fault::StallHead)], Refused(503)),
        case("answer of a part lost", Upload(Large), vec![(part().once(), Fault::ResetHead)], Done),
        case("stall within a part", Upload(Large), vec![(part().once(), up(Trouble::Stall(1_000_000)))], Done),
        case("slow drip of a part", Upload(Large), vec![(part().once(), up(DRIP))], Done),
        case("reset within a part", Upload(Large), vec![(part().once(), up(Trouble::Reset(1_000_000)))], Done),
        case("resets within a part", Upload(Unsized), vec![(part(), up(Trouble::Reset(1_000_000)))], Refused(503)),
        case("a part changed", Upload(Large), vec![(part(), up(Trouble::Flip(1_000_000)))], Refused(503)),
        case("a part changed once", Upload(Large), vec![(part().once(), up(Trouble::Flip(1_000_000)))], Done),
        case("wrong ETag of a part", Upload(Large), vec![(part(), other_tag())], Refused(503)),
        case("one 500 at the end", Upload(Large), vec![(complete().once(), Fault::internal())], Done),
        case("only 500 at the end", Upload(Large), vec![(complete(), Fault::internal())], Refused(503)),
        case("one 200 that failed", Upload(Large), vec![(complete().once(), failed_after_all())], Done),
        case("only 200 that failed", Upload(Large), vec![(complete(), failed_after_all())], Refused(503)),
        case("answer at the end lost", Upload(Large), vec![(complete().once(), Fault::ResetHead)], Done),
        case("stall at the end", Upload(Large), vec![(complete().once(), Fault::StallHead)], Done),
        case("one SlowDown", Download(Large), vec![(get().once(), Fault::slow_down())], Done),
        case("only SlowDown", Download(Large), vec![(get(), Fault::slow_down())], Refused(503)),
        case("shorter", Download(Large), vec![(get(), down(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Download(Large), vec![(get(), down(Trouble::Longer(1)))], Refused(503)),
        case("stall within", Part(Large), vec![(get().ranged().once(), down(Trouble::Stall(3_000_000)))], Done),
        case("shorter", Part(Large), vec![(get().ranged(), down(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Part(Large), vec![(get().ranged(), down(Trouble::Longer(1)))], Refused(503)),
        case("one SlowDown", Delete(Large), vec![(delete().once(), Fault::slow_down())], Done),
    ]);
    cases
}

fn swift_kind() -> Kind {
    kind(|setup, proxy, number| {
        options(setup, proxy, &bucket(number))
            .api_in("glance_store", "s3_store_access_key", "test:tester")
            .api_in("glance_store", "s3_store_secret_key", "testing")
    })
}

fn s3s_kind() -> Kind {
    kind(|setup, proxy, number| {
        options(setup, proxy, &bucket(number))
            .api_in(
                "glance_store",
                "s3_store_access_key",
                "GK0123456789abcdef01234567",
            )
            .api_in("glance_store", "s3_store_secret_key", S3S_SECRET)
    })
}

fn start_s3s() -> Service {
    Service::start("s3", &[("S3_SERVER", "s3s-fs")])
}

#[test]
fn every_fault_at_the_s3_side_of_swift_comes_to_a_good_end() {
    let account = SwiftAccount::of(swift());
    let servers = vec![account.address.clone(); 4];
    play(&swift_kind(), &servers, &cases(), &|number| {
        account.objects(&bucket(number))
    });
}

#[test]
fn every_fault_at_s3s_comes_to_a_good_end() {
    let services: Vec<Service> = (0..4).map(|_| start_s3s()).collect();
    let addresses = services.iter().map(|server| server.address("S3_ENDPOINT"));
    let servers: Vec<String> = addresses.collect();
    play(&s3s_kind(), &servers, &cases(), &|number| {
        files(&services[number].directory().join("data"))
    });
}

// Not at s3s-fs: it does not list uploads that have begun, so nobody can sweep them.
#[test]
fn an_s3_side_of_swift_that_is_lost_and_found_loses_nothing() {
    let account = SwiftAccount::of(swift());
    lose(&swift_kind(), &account.address, &|| {
        account.objects(&bucket(LOST))
    });
}

#[test]
fn an_s3_that_has_no_address_harms_nothing() {
    misname(&s3s_kind());
}

/// What s3s-fs keeps: it has no other list of parts. It never removes what it notes about objects.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_note = entry.file_name().to_string_lossy().starts_with(".bucket-");
        match entry.metadata() {
            _ if is_note => {}
            Ok(metadata) if metadata.is_dir() => found.extend(files(&path)),
            Ok(metadata) => {
                found.insert(path.display().to_string(), metadata.len());
            }
            Err(_) => {}
        }
    }
    found
}
