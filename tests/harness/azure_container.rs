//! What is in the container of an Azurite, asked for at Azurite itself.

use std::collections::BTreeMap;

use crate::{Connection, Request, Service};

/// The container that a running Azurite has from the start.
#[derive(Debug)]
pub struct AzureContainer {
    /// `host:port` of Azurite.
    pub address: String,
    path: String,
    signature: String,
}

impl AzureContainer {
    /// The container of a running Azurite.
    pub fn of(azurite: &Service) -> Self {
        let account = azurite.variable("AZURITE_ACCOUNT");
        let container = azurite.variable("AZURITE_CONTAINER");
        Self {
            address: azurite.address("AZURITE_URL"),
            path: format!("/{account}/{container}"),
            signature: azurite.variable("AZURITE_LIST_SAS"),
        }
    }

    /// All blobs whose names begin with `prefix`, and how long they are; parts that wait to be put
    /// together are a blob of no bytes.
    pub fn blobs(&self, prefix: &str) -> BTreeMap<String, u64> {
        let query = "restype=container&comp=list&include=uncommittedblobs";
        let path = format!("{}?{query}&prefix={prefix}&{}", self.path, self.signature);
        let answer = Connection::open(&self.address)
            .and_then(|mut connection| connection.exchange(&Request::get(path)))
            .expect("Azurite answers");
        let list = answer.expect(200).text();
        assert!(list.contains("<NextMarker"), "a list: {list}");
        let blobs = list.split("<Blob>").skip(1);
        blobs
            .map(|blob| {
                let size = element(blob, "Content-Length").parse();
                (element(blob, "Name").to_owned(), size.unwrap_or(0))
            })
            .collect()
    }
}

/// The text of the first such element.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split('<').next().unwrap_or_default()
}
