//! The service catalogue in the form that `X-Service-Catalog` has.
//!
//! keystonemiddleware turns version 3's list of endpoints into version 2's, one object for each
//! region, and that is what others expect to be passed on.

use glance_core::json;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A service of version 3.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
struct Endpoint {
    region: Option<String>,
    interface: Option<String>,
    url: Option<String>,
}

/// The URLs of one region, as `publicURL` and the like.
struct Region<'a> {
    name: Option<&'a str>,
    urls: Vec<(String, &'a str)>,
}

struct ServiceV2<'a> {
    kind: &'a str,
    name: Option<&'a str>,
    endpoints: Vec<Region<'a>>,
}

/// The catalogue as JSON text, ASCII only. What lacks a type, an interface or a URL is left out.
pub(super) fn version_2(services: &[Service]) -> String {
    let services: Vec<_> = services.iter().filter_map(ServiceV2::of).collect();
    let text = json::to_vec(&services).ok();
    text.and_then(|text| String::from_utf8(text).ok())
        .unwrap_or_else(|| "[]".to_owned())
}

impl<'a> ServiceV2<'a> {
    fn of(service: &'a Service) -> Option<Self> {
        let mut endpoints: Vec<Region<'a>> = Vec::new();
        for endpoint in &service.endpoints {
            let (Some(interface), Some(url)) = (&endpoint.interface, &endpoint.url) else {
                continue;
            };
            let name = endpoint.region.as_deref().filter(|name| !name.is_empty());
            let known = endpoints.iter().position(|region| region.name == name);
            let at = known.unwrap_or_else(|| {
                endpoints.push(Region {
                    name,
                    urls: Vec::new(),
                });
                endpoints.len() - 1
            });
            let key = format!("{}URL", interface.to_lowercase());
            let urls = &mut endpoints[at].urls;
            // Of two, the later one counts.
            urls.retain(|(known, _)| *known != key);
            urls.push((key, url));
        }
        Some(Self {
            kind: service.kind.as_deref()?,
            name: service.name.as_deref(),
            endpoints,
        })
    }
}

impl Serialize for ServiceV2<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind)?;
        if let Some(name) = self.name {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("endpoints", &self.endpoints)?;
        map.end()
    }
}

impl Serialize for Region<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = self.name {
            map.serialize_entry("region", name)?;
        }
        for (interface, url) in &self.urls {
            map.serialize_entry(interface, url)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_grouped_by_region() {
        let services: Vec<Service> = serde_json::from_str(
            r#"[{"type": "image", "name": "glance", "id": "1", "endpoints": [
                {"region": "A", "region_id": "A", "interface": "public", "url": "http://a"},
                {"region": "B", "interface": "Public", "url": "http://b"},
                {"region": "A", "interface": "internal", "url": "http://ai"},
                {"interface": "admin", "url": "http://ä"},
                {"region": "A", "url": "http://lost"}]},
               {"type": "empty"}, {"name": "nothing"}]"#,
        )
        .unwrap();
        assert_eq!(
            version_2(&services),
            r#"[{"type": "image", "name": "glance", "endpoints": [{"region": "A", "publicURL": "http://a", "internalURL": "http://ai"}, {"region": "B", "publicURL": "http://b"}, {"adminURL": "http://\u00e4"}]}, {"type": "empty", "endpoints": []}]"#
        );
    }
}
