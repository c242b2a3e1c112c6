//! Plankton's words, and how they map to Glance's in a registry that both dialects share.
//!
//! | Plankton | in the registry, and in Glance |
//! |---|---|
//! | disk format `diskdump` | `raw` |
//! | every other disk format, every container format | the same word |
//! | status `available` | `active`; a status of the user's own words is kept beside it |

/// Disk formats that a client may give.
pub const DISK_FORMATS: [&str; 3] = ["diskdump", "extdump", "ntfsdump"];
/// The disk format where none is given.
pub const DEFAULT_DISK_FORMAT: &str = "diskdump";
/// Container formats that a client may give.
pub const CONTAINER_FORMATS: [&str; 5] = ["aki", "ari", "ami", "bare", "ovf"];
/// The container format where none is given.
pub const DEFAULT_CONTAINER_FORMAT: &str = "bare";
/// What a client may give as the store.
pub const STORE: &str = "pithos";
/// The status of an image that nobody gave another one.
pub const AVAILABLE: &str = "available";

/// Glance's word for a dump of a whole disk.
const RAW: &str = "raw";

/// A disk format of Plankton's as the registry keeps it.
pub fn to_record(disk_format: &str) -> &str {
    match disk_format {
        DEFAULT_DISK_FORMAT => RAW,
        other => other,
    }
}

/// A disk format of the registry's as Plankton shows it.
pub fn from_record(disk_format: &str) -> &str {
    match disk_format {
        RAW => DEFAULT_DISK_FORMAT,
        other => other,
    }
}

/// The most characters of a value: name, status, owner or property. Pithos' limits, from here on.
pub const LONGEST_VALUE: usize = 256;
/// The most characters of a property's name: Pithos' 111 without `plankton:property:`.
pub const LONGEST_PROPERTY: usize = 93;
/// The most items of metadata of an image.
pub const MOST_ITEMS: u64 = 32;
/// The items that every image has: name, time of registration and both formats.
pub const FIXED_ITEMS: u64 = 4;
/// The most characters of a member.
pub const LONGEST_MEMBER: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_formats_map_one_to_one() {
        for format in DISK_FORMATS.into_iter().chain(["qcow2", "iso", ""]) {
            assert_eq!(from_record(to_record(format)), format);
        }
        assert_eq!(to_record("diskdump"), "raw");
    }
}
