//! What comes of every fault between glance-api and the clouds: at Azurite, and at an emulation of
//! Google's server, since no real one could be had.

use std::collections::BTreeMap;
use std::sync::{OnceLock, mpsc};

use functional::{AzureContainer, Fault, FaultProxy, Service, Setup, Trouble, When, patterned};

use crate::ranges::parts_cost_one_request;
use crate::store_faults_scene::{
    Case, Comes, DRIP, Does, Kind, LOST, NOTHING, Size, lose, misname, play,
};
use crate::store_faults_table::{Asked, case, everywhere};

#[path = "../../crates/glance-store/src/object/emulation.rs"]
#[allow(
    dead_code,
    reason = "its own faults are for the tests of the store alone"
)]
mod emulation;

use emulation::{BUCKET, Emulation};

/// Two parts.
const LARGE: usize = (5 << 20) + 300_003;

/// What Azurite's one account has, whoever starts it.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const GS: Kind = Kind {
    large: LARGE,
    configured: |setup, proxy, number| {
        let account = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/emulation/google.json");
        options(setup, "gs")
            .api_in(
                "glance_store",
                "gs_store_endpoint",
                &format!("http://{proxy}"),
            )
            .api_in("glance_store", "gs_store_service_account_file", account)
            .api_in("glance_store", "gs_store_bucket", BUCKET)
            .api_in("glance_store", "gs_store_prefix", &prefix(number))
    },
    secrets: &["disable_oauth"],
    patience: 40,
    lingering: NOTHING,
};

const AZURE: Kind = Kind {
    large: LARGE,
    configured: |setup, proxy, number| {
        let endpoint = format!("http://{proxy}/{AZURE_ACCOUNT}");
        options(setup, "azure")
            .api_in("glance_store", "azure_store_endpoint", &endpoint)
            .api_in("glance_store", "azure_store_account", AZURE_ACCOUNT)
            .api_in("glance_store", "azure_store_access_key", AZURE_KEY)
            .api_in("glance_store", "azure_store_container", "glance")
            .api_in("glance_store", "azure_store_prefix", &prefix(number))
    },
    secrets: &[AZURE_KEY, "SharedKey"],
    patience: 40,
    lingering: NOTHING,
};

fn options(setup: Setup, store: &str) -> Setup {
    setup
        .api_in("glance_store", "stores", &format!("file,http,{store}"))
        .api_in("glance_store", "default_store", store)
        .api_in("glance_store", "object_store_chunk_size", "5")
        .api_in("glance_store", "object_store_timeout", "3")
}

fn prefix(number: usize) -> String {
    format!("faults{number}")
}

/// How a cloud is asked for what the cases are about.
struct AskedInParts {
    asked: Asked,
    part: When,
    complete: When,
    /// What the server says of another checksum than that of what it was sent.
    other_sum: Fault,
    /// What comes of half a body: Azurite calls it a bad request, which is not repeated, and resets
    /// the connection, which is.
    truncated: Comes,
}

/// The MD5 of nothing.
const OTHER_SUM: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

fn asked(list: When, delete: When) -> Asked {
    Asked {
        put: When::asked("PUT", "/faults"),
        get: When::asked("GET", "/faults"),
        head: When::asked("HEAD", "/faults"),
        list,
        delete,
        other_tag: Fault::Header("ETag", format!("\"{}\"", "0".repeat(32))),
        within: 3_000_000,
    }
}

fn at_google() -> AskedInParts {
    AskedInParts {
        asked: asked(
            When::asked("GET", "list-type=2"),
            When::asked("DELETE", "/faults"),
        ),
        part: When::asked("PUT", "partNumber=2"),
        complete: When::asked("POST", "uploadId="),
        other_sum: Fault::Header("x-goog-hash", format!("md5={OTHER_SUM}")),
        truncated: Comes::Done,
    }
}

fn at_azure() -> AskedInParts {
    AskedInParts {
        asked: asked(
            When::asked("GET", "comp=list"),
            When::asked("POST", "comp=batch"),
        ),
        part: When::asked("PUT", "comp=block&"),
        complete: When::asked("PUT", "comp=blocklist"),
        other_sum: Fault::Header("Content-MD5", OTHER_SUM.to_owned()),
        truncated: Comes::DoneOrRefused(503),
    }
}

/// What is so at both of them.
// A row for each fault is read more easily than written.
#[rustfmt::skip]
fn cases(cloud: &AskedInParts) -> Vec<Case> {
    use Comes::{Cut, Done, Refused};
    use Does::{Delete, Download, Part, Upload};
    use Size::{Large, Small, Unsized};
    let (up, down) = (Fault::Sent, Fault::Received);
    let asked = &cloud.asked;
    let put = || asked.put.clone();
    let get = || asked.get.clone();
    let delete = || asked.delete.clone();
    let part = || cloud.part.clone();
    let complete = || cloud.complete.clone();
    let mut cases = everywhere(asked);
    cases.extend([
        case("one 503", Upload(Small), vec![(put().once(), Fault::unavailable())], Done),
        case("answers lost", Upload(Small), vec![(put(), Fault::ResetHead)], Done),
        case("resets within", Upload(Small), vec![(put(), up(Trouble::Reset(100_000)))], Refused(503)),
        case("truncated", Upload(Small), vec![(put().once(), up(Trouble::Cut(100_000)))], cloud.truncated),
        case("shorter", Upload(Small), vec![(put(), up(Trouble::Shorter(1)))], Refused(503)),
        case("longer", Upload(Small), vec![(put(), up(Trouble::Longer(1)))], Refused(503)),
        case("wrong checksum", Upload(Small), vec![(put(), cloud.other_sum.clone())], Refused(503)),
        case("one 503 at a part", Upload(Large), vec![(part().once(), Fault::unavailable())], Done),
        case("only 500 at a part", Upload(Unsized), vec![(part(), Fault::internal())], Refused(503)),
        case("answer of a part stalled", Upload(Large), vec![(part().once(), Fault::StallHead)], Done),
        case("answers of a part stalled", Upload(Large), vec![(part(), Fault::StallHead)], Refused(503)),
        case("answer of a part lost", Upload(Unsized), vec![(part().once(), Fault::ResetHead)], Done),
        case("stall within a part", Upload(Large), vec![(part().once(), up(Trouble::Stall(200_000)))], Done),
        case("slow drip of a part", Upload(Large), vec![(part().once(), up(DRIP))], Done),
        case("reset within a part", Upload(Large), vec![(part().once(), up(Trouble::Reset(200_000)))], Done),
        case("resets within a part", Upload(Large), vec![(part(), up(Trouble::Reset(200_000)))], Refused(503)),
        case("a part changed", Upload(Large), vec![(part(), up(Trouble::Flip(200_000)))], Refused(503)),
        case("a part shorter", Upload(Large), vec![(part(), up(Trouble::Shorter(1)))], Refused(503)),
        case("one 500 at the end", Upload(Large), vec![(complete().once(), Fault::internal())], Done),
        case("only 503 at the end", Upload(Large), vec![(complete().times(4), Fault::unavailable())], Refused(503)),
        case("answer at the end lost", Upload(Large), vec![(complete().once(), Fault::ResetHead)], Done),
        case("answer at the end stalled", Upload(Large), vec![(complete().once(), Fault::StallHead)], Done),
        case("one 503", Download(Large), vec![(get().once(), Fault::unavailable())], Done),
        case("shorter", Download(Large), vec![(get(), down(Trouble::Shorter(1)))], Refused(404)),
        case("longer", Download(Large), vec![(get(), down(Trouble::Longer(1)))], Refused(404)),
        case("shorter", Part(Large), vec![(get().ranged(), down(Trouble::Shorter(1)))], Cut),
        case("longer", Part(Large), vec![(get().ranged(), down(Trouble::Longer(1)))], Cut),
        case("one 503", Delete(Large), vec![(delete().once(), Fault::unavailable())], Done),
    ]);
    cases
}

/// Large data begins, and gets its name, with requests that only Google has.
#[rustfmt::skip]
fn cases_at_google() -> Vec<Case> {
    use Comes::{Done, Refused};
    use Does::Upload;
    use Size::Large;
    let begin = || When::asked("POST", "uploads");
    // Nothing else has its name written so.
    let copy = || When::asked("PUT", "%2D");
    vec![
        case("one 500 at begin", Upload(Large), vec![(begin().once(), Fault::internal())], Done),
        case("only 503 at begin", Upload(Large), vec![(begin(), Fault::unavailable())], Refused(503)),
        case("one 503 at the copy", Upload(Large), vec![(copy().once(), Fault::unavailable())], Done),
        case("only 500 at the copy", Upload(Large), vec![(copy(), Fault::internal())], Refused(503)),
        case("answer of the copy lost", Upload(Large), vec![(copy().once(), Fault::ResetHead)], Done),
        case("answer of the copy stalled", Upload(Large), vec![(copy().once(), Fault::StallHead)], Done),
    ]
}

/// One Azurite for all stories.
fn azurite() -> &'static AzureContainer {
    static AZURITE: OnceLock<(Service, AzureContainer)> = OnceLock::new();
    let (_, container) = AZURITE.get_or_init(|| {
        let service = Service::start("azurite", &[]);
        let container = AzureContainer::of(&service);
        (service, container)
    });
    container
}

/// A server that runs until the stories end.
fn google() -> Emulation {
    let (sender, started) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            sender.send(Emulation::start().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    started.recv().unwrap()
}

fn address(google: &Emulation) -> String {
    google.url.trim_start_matches("http://").to_owned()
}

/// Its objects, and its uploads in parts.
fn held(google: &Emulation, number: usize) -> BTreeMap<String, u64> {
    let state = google.state();
    let objects = state.objects.iter();
    let objects = objects.map(|(name, object)| (name.clone(), object.data.len() as u64));
    let uploads = state.uploads.iter();
    let uploads = uploads.map(|(id, upload)| (format!("{}?{id}", upload.name), 0));
    let begin = format!("{}/", prefix(number));
    let all = objects.chain(uploads);
    all.filter(|(name, _)| name.starts_with(&begin)).collect()
}

#[test]
fn every_fault_at_azure_comes_to_a_good_end() {
    let container = azurite();
    let servers = vec![container.address.clone(); 4];
    play(&AZURE, &servers, &cases(&at_azure()), &|number| {
        container.blobs(&format!("{}/", prefix(number)))
    });
}

#[test]
fn every_fault_at_google_comes_to_a_good_end() {
    let servers: Vec<Emulation> = (0..4).map(|_| google()).collect();
    let addresses: Vec<String> = servers.iter().map(address).collect();
    let mut cases = cases(&at_google());
    cases.extend(cases_at_google());
    play(&GS, &addresses, &cases, &|number| {
        held(&servers[number], number)
    });
}

// What a lost server has of an upload in parts nobody can see (`docs/STORES.md`).
#[test]
fn an_azure_that_is_lost_and_found_loses_nothing() {
    let container = azurite();
    lose(&AZURE, &container.address, &|| {
        let mut blobs = container.blobs(&format!("{}/", prefix(LOST)));
        blobs.retain(|_, size| *size > 0);
        blobs
    });
}

#[test]
fn a_google_that_is_lost_and_found_loses_nothing() {
    let google = google();
    lose(&GS, &address(&google), &|| {
        let mut held = held(&google, LOST);
        held.retain(|name, _| !name.contains('?'));
        held
    });
}

#[test]
fn clouds_that_have_no_address_harm_nothing() {
    misname(&GS);
    misname(&AZURE);
}

#[test]
fn a_part_costs_a_cloud_one_request() {
    let google = google();
    for (kind, server) in [(GS, address(&google)), (AZURE, azurite().address.clone())] {
        let proxy = FaultProxy::before(&server);
        let cloud = (kind.configured)(Setup::new(), &proxy.address(), LOST + 1).start();
        let (owner, data) = (cloud.newcomer(), patterned(300_000, 6));
        let id = owner.create("in parts", &data);
        parts_cost_one_request(&owner, &proxy, &id, &data);
        owner.delete(&id).expect(200);
        cloud.stop();
    }
}
