//! What comes of every fault between glance-api and a real Swift.

use functional::{Fault, Setup, SwiftAccount, Trouble, When};

use crate::store_faults_scene::{
    Case, Comes, DRIP, Does, Kind, LOST, NOTHING, Size, lose, misname, play, swift,
};
use crate::store_faults_table::{Asked, case, everywhere};

const KIND: Kind = Kind {
    // Four segments.
    large: 3_300_001,
    configured,
    secrets: &["testing", "AUTH_tk"],
    patience: 40,
    lingering: NOTHING,
};

fn container(number: usize) -> String {
    format!("faults{number}")
}

fn configured(setup: Setup, proxy: &str, number: usize) -> Setup {
    [
        ("stores", "file,http,swift"),
        ("default_store", "swift"),
        ("swift_store_auth_version", "1"),
        (
            "swift_store_auth_address",
            &format!("http://{proxy}/auth/v1.0"),
        ),
        ("swift_store_user", "test:tester"),
        ("swift_store_key", "testing"),
        ("swift_store_container", &container(number)),
        ("swift_store_create_container_on_put", "true"),
        ("swift_store_large_object_size", "1"),
        ("swift_store_large_object_chunk_size", "1"),
        ("swift_store_retry_get_count", "3"),
        ("swift_store_timeout", "3"),
    ]
    .into_iter()
    .fold(setup, |setup, (name, value)| {
        setup.api_in("glance_store", name, value)
    })
}

fn other_tag() -> Fault {
    Fault::Header("ETag", "0".repeat(32))
}

// A row for each fault is read more easily than written.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Comes::{Done, Refused, Wrong};
    use Does::{Delete, Download, Look, Part, Upload};
    use Size::{Large, Small, Unsized};
    let asked = Asked {
        put: When::asked("PUT", "/faults"),
        get: When::asked("GET", "/faults"),
        head: When::asked("HEAD", "/faults"),
        list: When::asked("GET", "format=json"),
        delete: When::asked("DELETE", "/faults"),
        other_tag: other_tag(),
        within: 2_000_000,
    };
    let mut cases = everywhere(&asked);
    let (up, down) = (Fault::Sent, Fault::Received);
    let unauthorized = || Fault::plain("401 Unauthorized");
    let auth = || When::asked("GET", "/auth/");
    let put = || asked.put.clone();
    let get = || asked.get.clone();
    let head = || asked.head.clone();
    let delete = || asked.delete.clone();
    let segment = || When::asked("PUT", "-00002");
    let manifest = || When::asked("PUT", "multipart-manifest=put");
    cases.extend([
        case("only stalls", Look, vec![(head(), Fault::StallHead)], Wrong),
        case("another ETag", Look, vec![(head(), other_tag())], Wrong),
        case("one 503", Upload(Small), vec![(put().once(), Fault::unavailable())], Done),
        case("only 503", Upload(Small), vec![(put(), Fault::unavailable())], Refused(503)),
        case("token refused", Upload(Small), vec![(put().once(), unauthorized())], Done),
        case("answers lost", Upload(Small), vec![(put(), Fault::ResetHead)], Refused(503)),
        case("truncated", Upload(Small), vec![(put().once(), up(Trouble::Cut(100_000)))], Refused(503)),
        case("shorter", Upload(Small), vec![(put(), up(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Upload(Small), vec![(put(), up(Trouble::Longer(1)))], Refused(503)),
        case("wrong ETag", Upload(Small), vec![(put(), other_tag())], Refused(503)),
        case("one 503 at a segment", Upload(Large), vec![(segment().once(), Fault::unavailable())], Done),
        case("only 500 at a segment", Upload(Large), vec![(segment(), Fault::internal())], Refused(503)),
        case("one 500 at a segment", Upload(Unsized), vec![(segment().once(), Fault::internal())], Done),
        case("only 503 at a segment", Upload(Unsized), vec![(segment(), Fault::unavailable())], Refused(503)),
        case("token refused at a segment", Upload(Large), vec![(segment().once(), unauthorized())], Done),
        case("token refused, none to be had", Upload(Large), vec![(segment(), unauthorized()), (auth(), Fault::unavailable())], Refused(503)),
        case("answer of a segment stalled", Upload(Large), vec![(segment().once(), Fault::StallHead)], Done),
        case("answers of a segment stalled", Upload(Large), vec![(segment(), Fault::StallHead)], Refused(503)),
        case("answer of a segment lost", Upload(Large), vec![(segment().once(), Fault::ResetHead)], Done),
        case("stall within a segment", Upload(Large), vec![(segment().once(), up(Trouble::Stall(500_000)))], Done),
        case("slow drip of a segment", Upload(Unsized), vec![(segment().once(), up(DRIP))], Done),
        case("reset within a segment", Upload(Large), vec![(segment().once(), up(Trouble::Reset(500_000)))], Done),
        case("resets within a segment", Upload(Unsized), vec![(segment(), up(Trouble::Reset(500_000)))], Refused(503)),
        case("a segment changed once", Upload(Large), vec![(segment().once(), up(Trouble::Flip(500_000)))], Done),
        case("a segment changed", Upload(Large), vec![(segment(), up(Trouble::Flip(500_000)))], Refused(503)),
        case("a segment shorter", Upload(Large), vec![(segment(), up(Trouble::Shorter(1)))], Refused(503)),
        case("wrong ETag of a segment", Upload(Large), vec![(segment(), other_tag())], Refused(503)),
        case("one 500 at the end", Upload(Large), vec![(manifest().once(), Fault::internal())], Done),
        case("only 503 at the end", Upload(Large), vec![(manifest(), Fault::unavailable())], Refused(503)),
        case("answer at the end lost", Upload(Large), vec![(manifest().once(), Fault::ResetHead)], Done),
        case("answers at the end lost", Upload(Unsized), vec![(manifest(), Fault::ResetHead)], Refused(503)),
        case("answer at the end stalled", Upload(Large), vec![(manifest().once(), Fault::StallHead)], Done),
        case("manifest changed", Upload(Large), vec![(manifest(), up(Trouble::Flip(30)))], Refused(503)),
        case("one 503", Download(Large), vec![(get().once(), Fault::unavailable())], Done),
        case("only 503", Download(Large), vec![(get(), Fault::unavailable())], Refused(503)),
        case("token refused", Download(Large), vec![(get().once(), unauthorized())], Done),
        case("shorter", Download(Large), vec![(get(), down(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Download(Large), vec![(get(), down(Trouble::Longer(1)))], Refused(503)),
        case("stall within", Part(Large), vec![(get().ranged().once(), down(Trouble::Stall(1_000_000)))], Done),
        case("shorter", Part(Large), vec![(get().ranged(), down(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Part(Large), vec![(get().ranged(), down(Trouble::Longer(1)))], Refused(503)),
        case("one 503", Delete(Large), vec![(delete().once(), Fault::unavailable())], Done),
    ]);
    cases
}

#[test]
fn every_fault_at_swift_comes_to_a_good_end() {
    let account = SwiftAccount::of(swift());
    let servers = vec![account.address.clone(); 4];
    play(&KIND, &servers, &cases(), &|number| {
        account.objects(&container(number))
    });
}

#[test]
fn a_swift_that_is_lost_and_found_loses_nothing() {
    let account = SwiftAccount::of(swift());
    lose(&KIND, &account.address, &|| {
        account.objects(&container(LOST))
    });
}

#[test]
fn a_swift_that_has_no_address_harms_nothing() {
    misname(&KIND);
}
