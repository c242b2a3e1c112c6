//! What a request says of an image: headers become a registration or an update that can be.

use glance_core::pithos::PithosLocation;
use glance_core::plankton::{
    CONTAINER_FORMATS, DEFAULT_CONTAINER_FORMAT, DEFAULT_DISK_FORMAT, DISK_FORMATS, STORE,
};

use super::fault::Fault;
use super::headers::MetaHeaders;
use super::level::Level;
use crate::service::plankton::{NewRegistration, RegisteredUpdate};

/// What an update may say of the data, to be compared and not to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Believed {
    pub(super) size: Option<u64>,
    pub(super) checksum: Option<String>,
}

/// A registration. Checks in Synnefo's order.
pub(super) fn registration(
    mut headers: MetaHeaders,
    level: Level,
) -> Result<NewRegistration, Fault> {
    let ours = [
        "status",
        "created-at",
        "updated-at",
        "deleted-at",
        "is-snapshot",
        "description",
    ];
    if headers.any(&ours) {
        return Err(Fault::bad_request("Invalid parameters"));
    }
    let Some(name) = headers.take("name") else {
        return Err(Fault::bad_request("Image 'name' parameter is required"));
    };
    if name.is_empty() {
        return Err(Fault::bad_request("Invalid image name"));
    }
    let location = headers.take("location").unwrap_or_default();
    if location.is_empty() {
        let status = level.missing_location();
        return Err(Fault::new(status, "'location' parameter is required"));
    }
    let location: PithosLocation =
        location
            .parse()
            .map_err(|error: glance_core::pithos::InvalidPithosLocation| {
                Fault::bad_request(error.to_string())
            })?;
    if headers.any(&["id"]) {
        return Err(Fault::bad_request("Setting the image ID is not supported"));
    }
    if let Some(store) = headers.take("store").filter(|store| store != STORE) {
        return Err(Fault::bad_request(format!("Invalid store type '{store}'")));
    }
    let disk_format = disk_format(&mut headers)?;
    let container_format = container_format(&mut headers)?;
    let Believed { size, checksum } = believed(&mut headers)?;
    Ok(NewRegistration {
        name,
        location,
        size,
        checksum,
        disk_format: disk_format.unwrap_or_else(|| DEFAULT_DISK_FORMAT.to_owned()),
        container_format: container_format.unwrap_or_else(|| DEFAULT_CONTAINER_FORMAT.to_owned()),
        is_public: is_public(&mut headers).unwrap_or(false),
        owner: headers.take("owner"),
        properties: headers.properties,
        merge: level.registration_merges(),
    })
}

/// An update, and what it says of the data.
pub(super) fn update(
    mut headers: MetaHeaders,
    level: Level,
) -> Result<(RegisteredUpdate, Believed), Fault> {
    let fixed = [
        "location",
        "store",
        "id",
        "created-at",
        "updated-at",
        "deleted-at",
        "is-snapshot",
        "description",
    ];
    let compared = ["size", "checksum"];
    if headers.any(&fixed) || (!level.update_compares_data() && headers.any(&compared)) {
        return Err(Fault::bad_request("Invalid metadata"));
    }
    let believed = believed(&mut headers)?;
    let update = RegisteredUpdate {
        name: headers.take("name"),
        disk_format: disk_format(&mut headers)?,
        container_format: container_format(&mut headers)?,
        status: headers.take("status"),
        owner: headers.take("owner"),
        is_public: is_public(&mut headers),
        properties: headers.properties,
    };
    Ok((update, believed))
}

fn disk_format(headers: &mut MetaHeaders) -> Result<Option<String>, Fault> {
    match headers.take("disk-format") {
        Some(it) if !DISK_FORMATS.contains(&it.as_str()) => {
            Err(Fault::bad_request(format!("Invalid disk format '{it}'")))
        }
        format => Ok(format),
    }
}

fn container_format(headers: &mut MetaHeaders) -> Result<Option<String>, Fault> {
    match headers.take("container-format") {
        Some(it) if !CONTAINER_FORMATS.contains(&it.as_str()) => {
            let text = format!("Invalid container format '{it}'");
            Err(Fault::bad_request(text))
        }
        format => Ok(format),
    }
}

/// Anything but `true`, in any case, is false.
fn is_public(headers: &mut MetaHeaders) -> Option<bool> {
    let text = headers.take("is-public")?;
    Some(text.eq_ignore_ascii_case("true"))
}

fn believed(headers: &mut MetaHeaders) -> Result<Believed, Fault> {
    let size = headers.take("size").map(|text| text.trim().parse());
    let size = size.transpose();
    Ok(Believed {
        size: size.map_err(|_| Fault::bad_request("Invalid 'size' field"))?,
        checksum: headers.take("checksum"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: (&str, &str) = ("X-Image-Meta-Name", "n");
    const LOCATION: (&str, &str) = ("X-Image-Meta-Location", "pithos://a/b/c%20d");

    fn headers(pairs: &[(&str, &str)]) -> MetaHeaders {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_bytes()));
        MetaHeaders::gather(pairs, Level::Synnefo).unwrap()
    }

    #[test]
    fn a_name_and_a_location_are_enough() {
        let new = registration(headers(&[NAME, LOCATION]), Level::Guide).unwrap();
        assert_eq!(new.location.object, "c d");
        assert_eq!(new.disk_format, "diskdump");
        assert_eq!(new.container_format, "bare");
        assert!(!new.is_public && !new.merge && new.owner.is_none());
        let merging = registration(headers(&[NAME, LOCATION]), Level::Synnefo).unwrap();
        assert!(merging.merge);
    }

    #[test]
    fn refuses_what_a_registration_cannot_say() {
        for (name, value) in [
            ("X-Image-Meta-Status", "available"),
            ("X-Image-Meta-Deleted-At", ""),
            ("X-Image-Meta-Id", "x"),
            ("X-Image-Meta-Store", "file"),
            ("X-Image-Meta-Disk-Format", "raw"),
            ("X-Image-Meta-Disk-Format", ""),
            ("X-Image-Meta-Container-Format", "BARE"),
            ("X-Image-Meta-Size", "five"),
            ("X-Image-Meta-Size", "-5"),
            ("X-Image-Meta-Size", ""),
        ] {
            let headers = headers(&[NAME, LOCATION, (name, value)]);
            assert!(
                registration(headers, Level::Guide).is_err(),
                "{name}: {value}"
            );
        }
        assert!(registration(headers(&[LOCATION]), Level::Guide).is_err());
        assert!(registration(headers(&[NAME]), Level::Guide).is_err());
    }

    #[test]
    fn an_update_says_what_it_changes() {
        let pairs = [
            ("X-Image-Meta-Is-Public", "TRUE"),
            ("X-Image-Meta-Status", ""),
        ];
        let (update, believed) = update(headers(&pairs), Level::Synnefo).unwrap();
        assert_eq!(update.is_public, Some(true));
        assert_eq!(update.status.as_deref(), Some(""));
        assert_eq!(update.name, None);
        assert_eq!(believed, Believed::default());
    }

    #[test]
    fn only_the_guide_lets_an_update_name_a_size() {
        let sized = || headers(&[("X-Image-Meta-Size", "5")]);
        assert!(update(sized(), Level::Synnefo).is_err());
        let (_, believed) = update(sized(), Level::Guide).unwrap();
        assert_eq!(believed.size, Some(5));
        for field in ["Location", "Store", "Id", "Created-At", "Description"] {
            let name = format!("X-Image-Meta-{field}");
            let headers = headers(&[(&name, "x")]);
            assert!(update(headers, Level::Guide).is_err(), "{field}");
        }
    }
}
