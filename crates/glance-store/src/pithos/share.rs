//! Who may read an object.

use glance_core::pithos::PithosLocation;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::account::Account;
use super::error::refused;
use crate::error::StoreError;
use crate::net::call::{Call, PLAIN};
use crate::store::Readers;

/// What stands as it is in a name. `:` is in names of groups.
const NAME: &AsciiSet = &PLAIN.remove(b'@').remove(b':');

/// What the server before Pithos takes of a header, with room for its name.
const LONGEST: usize = 8_000;

/// Lets exactly these read an object; who may write it is asked first and told again, because every
/// word about either ends what was said of both.
pub(super) async fn set(
    account: &Account,
    place: &PithosLocation,
    readers: &Readers,
) -> Result<(), StoreError> {
    let head = account.head(&place.container, &place.object).await?;
    let head = head.ok_or(StoreError::NotFound)?;
    let sharing = sharing(readers, &head.facts.writers);
    if sharing.len() > LONGEST {
        log::warn!("store pithos: an object cannot be shared with so many as an image is");
        return Err(StoreError::Unsupported);
    }
    let value = HeaderValue::try_from(sharing).map_err(|_| StoreError::Unsupported)?;
    // With a type of its own it would be new data for the object.
    let call = Call::object(Method::POST, &place.container, &place.object)
        .query("update=")
        .header("x-object-sharing", value);
    match account.status(&call).await? {
        status if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST => Err(StoreError::Unsupported),
        status => Err(refused(status)),
    }
}

/// The header's value. Everybody is told alone, for Pithos forgets the others then; nobody's list is
/// not told at all, for Pithos refuses it; and without any the value is empty, which ends all
/// sharing. Names that Pithos would read as something else are nobody's, and are left out.
fn sharing(readers: &Readers, writers: &[String]) -> String {
    let everybody = ["*".to_owned()];
    let read = match readers.public {
        true => names(&everybody, true),
        false => names(&readers.tenants, false),
    };
    let write = names(writers, true);
    let lists = [("read", read), ("write", write)];
    let told = lists.into_iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<_> = told
        .map(|(what, names)| format!("{what}={names}"))
        .collect();
    told.join(";")
}

fn names(names: &[String], with_everybody: bool) -> String {
    let unusable = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '=');
    let names = names.iter().filter(|name| match name.as_str() {
        "" => false,
        "*" => with_everybody,
        name => !name.contains(unusable),
    });
    let encoded = names.map(|name| match name.as_str() {
        "*" => "*".to_owned(),
        name => utf8_percent_encode(name, NAME).to_string(),
    });
    encoded.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(public: bool, tenants: &[&str], writers: &[&str]) -> String {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let tenants = owned(tenants);
        let writers: Vec<String> = owned(writers);
        sharing(&Readers { public, tenants }, &writers)
    }

    #[test]
    fn says_it_as_pithos_reads_it() {
        assert_eq!(of(false, &["b", "a:friends"], &[]), "read=b,a:friends");
        assert_eq!(of(true, &["b"], &["c"]), "read=*;write=c");
        assert_eq!(of(false, &[], &["c", "*"]), "write=c,*");
        assert_eq!(of(false, &[], &[]), "");
        assert_eq!(of(false, &["κ%"], &[]), "read=%CE%BA%25");
    }

    #[test]
    fn nobody_becomes_everybody_or_another_by_a_name() {
        assert_eq!(of(false, &["*", "", "a,*", "a;write=b", " *"], &[]), "");
    }
}
