//! Several uploads to one queued image: exactly one wins.

use std::sync::Barrier;

use functional::{Cloud, Connection, Identity, Request, Setup, patterned};

const CONTESTANTS: u32 = 8;

/// Sends head and half of the body, waits for everybody, sends the rest.
fn upload(address: &str, caller: &Identity, id: &str, data: &[u8], start: &Barrier) -> u16 {
    let request = Request::put(format!("/v1/images/{id}"))
        .by(caller)
        .data(data.to_vec());
    let mut connection = Connection::open(address).unwrap();
    start.wait();
    connection.exchange(&request).unwrap().status
}

fn race(cloud: &Cloud, size: usize) {
    let owner = cloud.newcomer();
    let id = owner.reserve("contested");
    let bodies: Vec<Vec<u8>> = (0..CONTESTANTS)
        .map(|seed| patterned(size, seed + 10))
        .collect();
    let start = Barrier::new(bodies.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .iter()
            .map(|body| scope.spawn(|| upload(cloud.address(), &owner.caller, &id, body, &start)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });

    let winners: Vec<usize> = (0..statuses.len())
        .filter(|at| statuses[*at] == 200)
        .collect();
    assert_eq!(winners.len(), 1, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 409)),
        "{statuses:?}"
    );
    let read = owner.download(&id).expect(200);
    assert!(
        read.body == bodies[winners[0]],
        "the winner's bytes were changed"
    );
}

#[test]
fn exactly_one_wins_and_its_bytes_stay() {
    let cloud = Setup::new().start();
    for size in [1, 70_000, 4_000_000] {
        race(&cloud, size);
    }
    cloud.check_invariants(10);
    cloud.stop();
}

#[test]
fn the_second_is_refused_before_its_body_travels() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = owner.reserve("contested");
    let put = || {
        Request::put(format!("/v1/images/{id}"))
            .by(&owner.caller)
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", "10")
    };
    let mut first = cloud.connect();
    first.send_head(&put()).unwrap();
    first.write(b"01234").unwrap();
    owner.becomes(&id, "saving", 5);

    let mut second = cloud.connect();
    second
        .send_head(&put().header("Expect", "100-continue"))
        .unwrap();
    assert_eq!(second.response_head().unwrap().status, 409);
    first.write(b"56789").unwrap();
    first.response(false).unwrap().expect(200);
    assert_eq!(owner.download(&id).expect(200).body, b"0123456789");
}

#[test]
fn of_many_creations_with_one_id_one_succeeds() {
    let cloud = Cloud::anywhere();
    let owner = cloud.newcomer();
    let id = format!("{:08x}-2222-4222-8333-444455556666", std::process::id());
    let start = Barrier::new(8);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let create = |seed: u32| {
            let (owner, id, start, cloud) = (&owner, &id, &start, &cloud);
            scope.spawn(move || {
                let request = owner
                    .new_disk("one")
                    .by(&owner.caller)
                    .header("x-image-meta-id", id);
                let request = request.data(patterned(200_000, seed));
                start.wait();
                cloud.send(request).status
            })
        };
        let threads: Vec<_> = (0..8).map(create).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });

    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(owner.show(&id).meta("Status"), "active");
}
