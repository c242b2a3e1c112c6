//! How Pithos hashes: blocks by what they contain, and objects by the tree over their blocks.

use std::fmt;

use bytes::Bytes;
use ring::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};

/// A hash of a block or of an object. Displays as lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct BlockHash(Box<[u8]>);

/// The way in which a container hashes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashing {
    algorithm: &'static Algorithm,
}

impl Hashing {
    /// The one of this name, as `X-Container-Block-Hash` has it. Pithos' own default is sha256.
    pub(super) fn named(name: &str) -> Option<Self> {
        let algorithm = match name {
            "sha1" => &SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &SHA256,
            "sha384" => &SHA384,
            "sha512" => &SHA512,
            _ => return None,
        };
        Some(Self { algorithm })
    }

    /// The hash of a block: zero bytes at its end do not count. Takes milliseconds.
    pub(super) fn block(self, pieces: &[Bytes]) -> BlockHash {
        let is_zero = |piece: &&Bytes| piece.iter().all(|byte| *byte == 0);
        let zeros = pieces.iter().rev().take_while(is_zero).count();
        let mut context = Context::new(self.algorithm);
        if let Some((last, before)) = pieces[..pieces.len() - zeros].split_last() {
            before.iter().for_each(|piece| context.update(piece));
            let end = last.iter().rposition(|byte| *byte != 0);
            context.update(&last[..end.map_or(0, |end| end + 1)]);
        }
        BlockHash(context.finish().as_ref().into())
    }

    /// The hash of an object of these blocks: the root of a binary tree, whose missing leaves are
    /// zero. Of one block it is the block's, of none that of nothing. Two hashes for each block.
    pub(super) fn root(self, blocks: &[BlockHash]) -> BlockHash {
        if blocks.is_empty() {
            return self.block(&[]);
        }
        let mut level: Vec<Box<[u8]>> = blocks.iter().map(|hash| hash.0.clone()).collect();
        let zero = vec![0; self.algorithm.output_len()].into_boxed_slice();
        level.resize(level.len().next_power_of_two(), zero);
        while level.len() > 1 {
            let pairs = level.chunks_exact(2);
            level = pairs
                .map(|pair| digest(self.algorithm, &pair.concat()).as_ref().into())
                .collect();
        }
        BlockHash(level.swap_remove(0))
    }

    /// A hash that no block has, for nobody has one that hashes to what chance gives.
    pub(super) fn of_nothing_there(self) -> BlockHash {
        let mut random = vec![0; self.algorithm.output_len()];
        // Without chance: 0xa5 in every place, which is as little the hash of anything.
        if getrandom::fill(&mut random).is_err() {
            random.fill(0xa5);
        }
        BlockHash(random.into())
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 4 << 20;

    fn sha256() -> Hashing {
        Hashing::named("sha256").unwrap()
    }

    /// In uneven pieces.
    fn pieces(bytes: &[u8]) -> Vec<Bytes> {
        bytes.chunks(70_001).map(Bytes::copy_from_slice).collect()
    }

    fn whole(bytes: &[u8]) -> String {
        let blocks = bytes.chunks(BLOCK);
        let hashes: Vec<_> = blocks.map(|block| sha256().block(&pieces(block))).collect();
        sha256().root(&hashes).to_string()
    }

    #[test]
    fn hashes_small_objects_as_pithos_does() {
        let recorded = [
            (
                &b""[..],
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                b"hello image data\n",
                "bfd740aea41758094b7b76f9d2c614ecf14c3749ea8dbb592cabbae0e671bf6e",
            ),
            (
                b"x",
                "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
            ),
        ];
        for (bytes, expected) in recorded {
            assert_eq!(whole(bytes), expected);
        }
    }

    #[test]
    fn zero_bytes_at_the_end_of_a_block_do_not_count() {
        let recorded = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(whole(b"abc\0\0\0\0\0"), recorded);
        let split = ["abc", "\0", "", "\0\0"].map(|text| Bytes::copy_from_slice(text.as_bytes()));
        assert_eq!(sha256().block(&split).to_string(), recorded);
        assert_eq!(whole(&[0; 70_002]), whole(b""));
        assert_ne!(whole(b"\0abc"), whole(b"abc"));
    }

    /// As tests/golden/pithos/03-upload.json has it of the real Pithos, whose bodies are made so.
    #[test]
    fn hashes_several_blocks_as_pithos_does() {
        let byte = |at: usize| (at * 7 + at / 251 + 1) as u8;
        let bytes: Vec<u8> = (0..4 * BLOCK + 1).map(byte).collect();
        let first = sha256().block(&pieces(&bytes[..BLOCK])).to_string();
        let recorded = "a7c14a8b4f09e640ba5100c0d7bc48aec451494dd903205fc1d15654c4b5ed30";
        assert_eq!(first, recorded);
        let recorded = [
            (
                BLOCK,
                "a7c14a8b4f09e640ba5100c0d7bc48aec451494dd903205fc1d15654c4b5ed30",
            ),
            (
                BLOCK + 5,
                "5e38b9fa0d90ed0aa57872b2ddce732f266c1bfd5bae5173cfb770289f8ef7d1",
            ),
            (
                2 * BLOCK + 100,
                "e6280c658b20b164b3ef727d410b06a98d613e5432614108b99ed132b158cbea",
            ),
            (
                4 * BLOCK + 1,
                "ae00e5d6e0a87eb9a377bd06abe5784e2d5b3e1386df8a9f5586b9eb2f90fed9",
            ),
        ];
        for (length, expected) in recorded {
            assert_eq!(whole(&bytes[..length]), expected, "{length}");
        }
    }

    #[test]
    fn other_ways_of_hashing_are_known_or_refused() {
        let sha1 = Hashing::named("sha1").unwrap();
        let expected = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(sha1.root(&[]).to_string(), expected);
        for name in ["md5", "SHA256", ""] {
            assert!(Hashing::named(name).is_none(), "{name}");
        }
    }
}
