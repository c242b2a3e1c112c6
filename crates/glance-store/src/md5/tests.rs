//! What hashing promises, held against the crate `md5` and RFC 1321.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::engine::Engine;
use super::lanes::{Lane, stride};
use super::{Md5, Md5Digest, Md5Pool};

fn reference(data: &[u8]) -> Md5Digest {
    Md5Digest(::md5::compute(data).0)
}

/// A small generator with a fixed seed, so that a failure can be repeated (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Bytes {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Mostly around the block's size, at times much longer, at times nothing.
    fn length(&mut self) -> usize {
        match self.below(8) {
            0 => 0,
            1..4 => self.below(200),
            4..6 => self.below(16) * 64,
            _ => self.below(20_000),
        }
    }

    /// `data` in order, cut into batches of pieces.
    fn batches(&mut self, data: &Bytes) -> Vec<Vec<Bytes>> {
        let mut rest = data.clone();
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let mut batch = Vec::new();
            for _ in 0..self.below(5) {
                let length = self.length().min(rest.len());
                batch.push(rest.split_to(length));
            }
            batches.push(batch);
        }
        batches
    }
}

#[test]
fn answers_as_rfc_1321_does() {
    let digits = "1234567890".repeat(8);
    let vectors = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            "abcdefghijklmnopqrstuvwxyz",
            "c3fcd3d76192e4007dfb496cca67e13b",
        ),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
    ];
    for engine in Engine::available() {
        for (text, digest) in vectors {
            let mut md5 = Md5::with(engine);
            md5.update(text.as_bytes());
            assert_eq!(md5.finish().to_string(), digest, "{text:?} by {engine:?}");
        }
    }
}

#[test]
fn takes_any_length_split_anywhere() {
    let data = Random(1).bytes(300);
    let engines = Engine::available();
    for length in 0..=data.len() {
        let expected = reference(&data[..length]);
        for &engine in &engines {
            for split in 0..=length {
                let mut md5 = Md5::with(engine);
                md5.update(&data[..split]);
                md5.update(&data[split..length]);
                assert_eq!(
                    md5.finish(),
                    expected,
                    "{length} split at {split} by {engine:?}"
                );
            }
        }
    }
}

#[test]
fn takes_many_pieces_of_any_length() {
    let mut random = Random(2);
    for engine in Engine::available() {
        for _ in 0..30 {
            let length = random.below(100_000);
            let data = random.bytes(length);
            let mut md5 = Md5::with(engine);
            for piece in random.batches(&data).iter().flatten() {
                md5.update(piece);
            }
            assert_eq!(md5.finish(), reference(&data), "by {engine:?}");
        }
    }
}

#[test]
fn lanes_do_not_disturb_each_other() {
    let mut random = Random(3);
    for engine in Engine::available() {
        for round in 0..40 {
            let streams = 1 + random.below(engine.width());
            let mut waiting: Vec<(Bytes, Vec<Vec<Bytes>>)> = (0..streams + round % 3)
                .map(|_| {
                    let length = random.below(60_000);
                    let data = random.bytes(length);
                    let batches = random.batches(&data);
                    (data, batches)
                })
                .collect();
            let mut lanes = Vec::new();
            let mut digests = 0;
            let expected = waiting.len();
            while digests < expected {
                while lanes.len() < streams
                    && let Some((data, batches)) = waiting.pop()
                {
                    lanes.push(Lane::new(data, Md5::with(engine), batches.concat()));
                }
                stride(engine, &mut lanes, |data, md5| {
                    assert_eq!(md5.finish(), reference(&data), "by {engine:?}");
                    digests += 1;
                });
            }
        }
    }
}

#[test]
fn every_lane_hashes_its_own_stream() {
    for engine in Engine::available() {
        for streams in 1..=engine.width() {
            let mut random = Random(streams as u64);
            let mut lanes: Vec<_> = (0..streams)
                .map(|_| random.bytes(64 * 5))
                .map(|data| Lane::new(data.clone(), Md5::with(engine), vec![data]))
                .collect();
            let mut digests = 0;
            while !lanes.is_empty() {
                stride(engine, &mut lanes, |data, md5| {
                    assert_eq!(md5.finish(), reference(&data), "{streams} by {engine:?}");
                    digests += 1;
                });
            }
            assert_eq!(digests, streams);
        }
    }
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "hashes four gigabytes: in release mode only"
)]
fn counts_past_four_gigabytes() {
    let mut md5 = Md5::new();
    let mut expected = ::md5::Context::new();
    let piece = vec![7; 1 << 20];
    for _ in 0..4097 {
        md5.update(&piece);
        expected.consume(&piece);
    }
    assert_eq!(md5.finish().0, expected.finalize().0);
}

/// The pools that differ in how streams are shared out.
fn pools() -> Vec<Md5Pool> {
    Engine::available()
        .into_iter()
        .flat_map(|engine| [1, 3].map(|workers| Md5Pool::with(engine, workers)))
        .collect()
}

#[test]
fn pool_hashes_every_stream_in_order() {
    for (seed, pool) in pools().into_iter().enumerate() {
        for streams in [1, 2, 5, 40] {
            thread::scope(|scope| {
                for stream in 0..streams {
                    let pool = &pool;
                    scope.spawn(move || {
                        let mut random = Random((seed * 100 + stream) as u64);
                        let length = random.below(150_000);
                        let data = random.bytes(length);
                        let mut md5 = pool.stream();
                        for batch in random.batches(&data) {
                            md5.feed(batch);
                            if random.below(10) == 0 {
                                md5.wait();
                            }
                        }
                        assert_eq!(md5.finish(), reference(&data), "stream {stream}");
                    });
                }
            });
        }
    }
}

#[test]
fn one_thread_may_feed_many_streams() {
    let mut random = Random(4);
    for pool in pools() {
        let mut streams: Vec<_> = (0..20)
            .map(|_| {
                let data = random.bytes(20_000);
                (pool.stream(), random.batches(&data).into_iter(), data)
            })
            .collect();
        while let Some(at) = (!streams.is_empty()).then(|| random.below(streams.len())) {
            if let Some(batch) = streams[at].1.next() {
                streams[at].0.feed(batch);
                continue;
            }
            let (md5, _, data) = streams.swap_remove(at);
            assert_eq!(md5.finish(), reference(&data));
        }
    }
}

#[test]
fn dropped_streams_leave_the_others_alone() {
    for (seed, pool) in pools().into_iter().enumerate() {
        thread::scope(|scope| {
            for stream in 0..24 {
                let pool = &pool;
                scope.spawn(move || {
                    let mut random = Random((seed * 100 + stream) as u64);
                    let data = random.bytes(80_000);
                    let mut md5 = pool.stream();
                    let batches = random.batches(&data);
                    let kept = if stream % 2 == 0 {
                        batches.len()
                    } else {
                        batches.len() / 2
                    };
                    for batch in batches.into_iter().take(kept) {
                        md5.feed(batch);
                    }
                    if stream % 2 == 0 {
                        assert_eq!(md5.finish(), reference(&data));
                    }
                });
            }
        });
    }
}

#[test]
fn tasks_are_woken_for_room_and_for_the_end() {
    /// Unparks the thread that stands for a task.
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut random = Random(5);
    let data = random.bytes(300_000);
    for pool in pools() {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut md5 = pool.stream();
        for batch in random.batches(&data) {
            while md5.poll_room(&mut context).is_pending() {
                thread::park();
            }
            md5.feed(batch);
        }
        while md5.poll_settled(&mut context).is_pending() {
            thread::park();
        }
        assert_eq!(md5.finish(), reference(&data));
    }
}

#[test]
fn an_unfed_stream_is_the_empty_one() {
    let pool = Md5Pool::new();
    assert_eq!(pool.stream().finish(), reference(b""));
    let mut md5 = pool.stream();
    md5.feed(Vec::new());
    md5.feed(vec![Bytes::new()]);
    assert_eq!(md5.finish(), reference(b""));
}

#[test]
fn holds_nothing_that_it_was_not_given_or_has_hashed() {
    /// Bytes that know how many of them are alive.
    struct Counted {
        _alive: Arc<()>,
    }
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &[1; 4096]
        }
    }
    let alive = Arc::new(());
    let counted = || {
        Bytes::from_owner(Counted {
            _alive: Arc::clone(&alive),
        })
    };
    let pool = Md5Pool::new();
    let mut md5 = pool.stream();
    for _ in 0..50 {
        md5.feed(vec![counted()]);
        assert!(
            Arc::strong_count(&alive) <= 1 + 3,
            "three batches a stream at most"
        );
    }
    md5.wait();
    assert_eq!(Arc::strong_count(&alive), 1, "nothing after waiting");

    md5.feed(vec![counted()]);
    md5.feed(vec![counted()]);
    drop(md5);
    let patience = Instant::now() + Duration::from_secs(10);
    while Arc::strong_count(&alive) > 1 {
        assert!(Instant::now() < patience, "nothing after dropping");
        thread::yield_now();
    }
}

#[test]
fn displays_as_glance_writes_a_checksum() {
    assert_eq!(Md5Digest([0; 16]).to_string(), "0".repeat(32));
    let digest = Md5::new().finish();
    assert_eq!(digest.to_string(), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(
        format!("{digest:?}"),
        "Md5Digest(d41d8cd98f00b204e9800998ecf8427e)"
    );
}
