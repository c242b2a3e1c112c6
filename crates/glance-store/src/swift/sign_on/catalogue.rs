//! Where a service is, by a catalogue of either of Keystone's interfaces.

use glance_config::SwiftEndpointType;
use serde_json::Value;

/// Which endpoint is taken.
#[derive(Clone, Debug)]
pub(in crate::swift) struct Choice {
    /// This one, whatever a catalogue says.
    pub(in crate::swift) endpoint: Option<String>,
    pub(in crate::swift) service_type: String,
    pub(in crate::swift) kind: SwiftEndpointType,
    pub(in crate::swift) region: Option<String>,
}

/// The first endpoint in the catalogue that is as `choice` says.
pub(in crate::swift) fn endpoint(catalogue: &Value, choice: &Choice) -> Option<String> {
    let services = catalogue.as_array()?.iter();
    let mut endpoints = services
        .filter(|service| service["type"].as_str() == Some(&choice.service_type))
        .filter_map(|service| service["endpoints"].as_array())
        .flatten();
    endpoints.find_map(|endpoint| {
        let is = |name: &str, wanted: &str| endpoint[name].as_str() == Some(wanted);
        let here = choice
            .region
            .as_deref()
            .is_none_or(|region| is("region", region) || is("region_id", region));
        if !here {
            return None;
        }
        let url = if is("interface", choice.kind.interface()) {
            &endpoint["url"]
        } else {
            &endpoint[choice.kind.key()]
        };
        url.as_str().map(str::to_owned)
    })
}

/// `address` with `version` at its end, instead of another version or none.
pub(super) fn versioned(address: &str, version: &str) -> String {
    let (parent, last) = address.rsplit_once('/').unwrap_or((address, ""));
    let number = last.strip_prefix('v').unwrap_or_default();
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("{parent}/{version}");
    }
    format!("{address}/{version}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn choice(kind: SwiftEndpointType, region: Option<&str>) -> Choice {
        Choice {
            endpoint: None,
            service_type: "object-store".to_owned(),
            kind,
            region: region.map(str::to_owned),
        }
    }

    #[test]
    fn finds_endpoints_in_catalogues_of_both_interfaces() {
        let second = json!([
            {"type": "image", "endpoints": [{"publicURL": "http://image"}]},
            {"type": "object-store", "endpoints": [
                {"region": "One", "publicURL": "http://p1", "internalURL": "http://i1"},
                {"region": "Two", "publicURL": "http://p2"},
            ]},
        ]);
        let third = json!([
            {"type": "image", "endpoints": [{"interface": "public", "url": "http://image"}]},
            {"type": "object-store", "endpoints": [
                {"region_id": "One", "interface": "internal", "url": "http://i1"},
                {"region": "One", "interface": "public", "url": "http://p1"},
                {"region": "Two", "interface": "public", "url": "http://p2"},
            ]},
        ]);
        for catalogue in [second, third] {
            let find = |kind, region| endpoint(&catalogue, &choice(kind, region));
            assert_eq!(find(SwiftEndpointType::Public, None).unwrap(), "http://p1");
            assert_eq!(
                find(SwiftEndpointType::Public, Some("Two")).unwrap(),
                "http://p2"
            );
            assert_eq!(
                find(SwiftEndpointType::Internal, Some("One")).unwrap(),
                "http://i1"
            );
            assert_eq!(find(SwiftEndpointType::Internal, Some("Two")), None);
            assert_eq!(find(SwiftEndpointType::Admin, None), None);
        }
    }

    #[test]
    fn puts_the_version_where_it_lacks() {
        for address in ["http://h:5000", "http://h:5000/v2.0", "http://h:5000/v3"] {
            assert_eq!(versioned(address, "v3"), "http://h:5000/v3");
        }
        assert_eq!(
            versioned("http://h/identity", "v2.0"),
            "http://h/identity/v2.0"
        );
    }
}
