//! Who may read a tenant's container.

use hyper::Method;
use hyper::header::HeaderValue;

use super::account::Account;
use super::error::SwiftError;
use crate::error::StoreError;
use crate::net::call::Call;
use crate::store::Readers;

/// Sets the container's rules as Glance 15 does: everybody who has a token, or these tenants, may
/// read, and the operator's tenants may write. These may read, too, as Glance's manual says; without
/// it they could not find out what there is to delete.
pub(super) async fn set(
    account: &Account,
    container: &str,
    readers: &Readers,
    admins: &[String],
) -> Result<(), StoreError> {
    let read = if readers.public {
        "*:*".to_owned()
    } else {
        rule(readers.tenants.iter().chain(admins))
    };
    let call = Call::container(Method::POST, container)
        .header("x-container-read", value(&read)?)
        .header("x-container-write", value(&rule(admins.iter()))?);
    match account.done(&call).await? {
        true => Ok(()),
        false => Err(StoreError::NotFound),
    }
}

fn rule<'a>(tenants: impl Iterator<Item = &'a String>) -> String {
    let rules: Vec<String> = tenants.map(|tenant| format!("{tenant}:*")).collect();
    rules.join(",")
}

fn value(rule: &str) -> Result<HeaderValue, StoreError> {
    HeaderValue::from_str(rule)
        .map_err(|_| SwiftError::Unusable("a tenant's name cannot be a header").into())
}
