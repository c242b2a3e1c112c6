//! Encryption of locations with `metadata_encryption_key`, in Glance's own format.
//!
//! AES in CBC mode; the text is padded with one NUL and random bytes other than NUL to whole
//! blocks; the result is the URL-safe Base64 of the random initialisation vector and the blocks.
//! Databases that Glance wrote are read, and Glance reads what we write.

use std::fmt;

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use thiserror::Error;

const BLOCK: usize = 16;

/// The operator's key: 16, 24 or 32 bytes. Prints as `***`.
#[derive(Clone)]
pub struct MetadataKey(Vec<u8>);

/// Why a key or an encrypted location is of no use.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CryptError {
    /// The key has the wrong length.
    #[error("metadata_encryption_key must have 16, 24 or 32 bytes, not {0}")]
    KeyLength(usize),
    /// The text is not what [`MetadataKey::encrypt`] gives, or another key made it.
    #[error("a location cannot be decrypted with this metadata_encryption_key")]
    Undecipherable,
    /// The text is no URL, so it was encrypted.
    #[error("a location is encrypted, and there is no metadata_encryption_key here")]
    NoKey,
    /// The system gave no random bytes.
    #[error("the system has no random bytes to give")]
    NoRandomness,
}

impl fmt::Debug for MetadataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl MetadataKey {
    /// Checks the key's length.
    pub fn new(text: &str) -> Result<Self, CryptError> {
        match text.len() {
            16 | 24 | 32 => Ok(Self(text.as_bytes().to_vec())),
            other => Err(CryptError::KeyLength(other)),
        }
    }

    /// The encrypted form of `text`; two calls give different results.
    pub fn encrypt(&self, text: &str) -> Result<String, CryptError> {
        let mut iv = [0u8; BLOCK];
        getrandom::fill(&mut iv).map_err(|_| CryptError::NoRandomness)?;
        let padded_len = (text.len() / BLOCK + 1) * BLOCK;
        let mut padded = vec![0u8; padded_len];
        padded[..text.len()].copy_from_slice(text.as_bytes());
        let padding = &mut padded[text.len() + 1..];
        getrandom::fill(padding).map_err(|_| CryptError::NoRandomness)?;
        for byte in padding.iter_mut().filter(|byte| **byte == 0) {
            *byte = 1;
        }
        match self.0.len() {
            16 => encrypt_blocks::<cbc::Encryptor<Aes128>>(&self.0, &iv, &mut padded),
            24 => encrypt_blocks::<cbc::Encryptor<Aes192>>(&self.0, &iv, &mut padded),
            _ => encrypt_blocks::<cbc::Encryptor<Aes256>>(&self.0, &iv, &mut padded),
        }?;
        Ok(URL_SAFE.encode([iv.as_slice(), &padded].concat()))
    }

    /// The text that was encrypted.
    pub fn decrypt(&self, encrypted: &str) -> Result<String, CryptError> {
        let bytes = URL_SAFE
            .decode(encrypted)
            .map_err(|_| CryptError::Undecipherable)?;
        if bytes.len() < 2 * BLOCK || bytes.len() % BLOCK != 0 {
            return Err(CryptError::Undecipherable);
        }
        let (iv, blocks) = bytes.split_at(BLOCK);
        let mut plain = blocks.to_vec();
        match self.0.len() {
            16 => decrypt_blocks::<cbc::Decryptor<Aes128>>(&self.0, iv, &mut plain),
            24 => decrypt_blocks::<cbc::Decryptor<Aes192>>(&self.0, iv, &mut plain),
            _ => decrypt_blocks::<cbc::Decryptor<Aes256>>(&self.0, iv, &mut plain),
        }?;
        let end = plain
            .iter()
            .rposition(|byte| *byte == 0)
            .ok_or(CryptError::Undecipherable)?;
        plain.truncate(end);
        String::from_utf8(plain).map_err(|_| CryptError::Undecipherable)
    }
}

fn encrypt_blocks<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptError> {
    let mut cipher = C::new_from_slices(key, iv).map_err(|_| CryptError::KeyLength(key.len()))?;
    for block in data.chunks_exact_mut(BLOCK) {
        let block = block.try_into().map_err(|_| CryptError::Undecipherable)?;
        cipher.encrypt_block(block);
    }
    Ok(())
}

fn decrypt_blocks<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptError> {
    let mut cipher = C::new_from_slices(key, iv).map_err(|_| CryptError::KeyLength(key.len()))?;
    for block in data.chunks_exact_mut(BLOCK) {
        let block = block.try_into().map_err(|_| CryptError::Undecipherable)?;
        cipher.decrypt_block(block);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Glance 15.0.2 with the key `0123456789abcdef`.
    const FROM_GLANCE: &str = "tJeCcRTgbHrzE-B6T4XNHuF0RFVJzx5PjKnqNYqgMD5BZ3WKmZXjoXVn4N7ogmIlgh_R_b_Ya3JNOPkLIXRVeMnaoKW33lV26w_s2I5MK4bslQ-AHVVq6f6sTJUIF0Dp1HgymhXwdAefQwBQseg5WJC529XFtztsx04Hq-9TBMn0Cj2Rz10QlkLr6DMFFeQr";

    #[test]
    fn reads_what_glance_wrote() {
        let key = MetadataKey::new("0123456789abcdef").unwrap();
        let plain = key.decrypt(FROM_GLANCE).unwrap();
        assert!(plain.starts_with("file:///"), "{plain}");
        assert!(
            plain.ends_with("00000000-0000-4000-8000-000000000001"),
            "{plain}"
        );
    }

    #[test]
    fn reads_what_it_wrote_at_every_length_and_key_size() {
        for size in [16, 24, 32] {
            let key = MetadataKey::new(&"k".repeat(size)).unwrap();
            for length in 0..50 {
                let text = "x".repeat(length);
                assert_eq!(key.decrypt(&key.encrypt(&text).unwrap()), Ok(text));
            }
        }
    }

    #[test]
    fn refuses_wrong_keys_and_garbage() {
        assert_eq!(
            MetadataKey::new("short").unwrap_err(),
            CryptError::KeyLength(5)
        );
        let key = MetadataKey::new("0123456789abcdef").unwrap();
        for text in ["", "file:///x", "AAAA", "!!!!"] {
            assert_eq!(key.decrypt(text), Err(CryptError::Undecipherable));
        }
        assert_eq!(format!("{key:?}"), "***");
    }
}
