//! Where the next page of a list is: the `Link` header, which Glance's v1 lacks.

use glance_config::LimitsConfig;

use super::views::encoded;
use crate::query_string::{decode, pairs};

/// The value of `Link`, if the list of `count` images that ends with `last` fills its page.
/// `url` is the list's own, without its query.
///
/// All parameters stay as they were but for the marker.
pub(super) fn next(
    limits: &LimitsConfig,
    url: &str,
    query: &str,
    count: usize,
    last: Option<&str>,
) -> Option<String> {
    let last = last?;
    let named = |pair: &(&str, &str), name: &str| decode(pair.0).is_ok_and(|given| given == name);
    let limit = pairs(query).filter(|pair| named(pair, "limit")).last();
    let limit = limit.and_then(|(_, value)| decode(value).ok()?.trim().parse().ok());
    let limit: u64 = limit
        .unwrap_or(limits.limit_param_default.get())
        .min(limits.api_limit_max.get());
    if (count as u64) < limit {
        return None;
    }
    let mut link = format!("<{url}?");
    for (name, value) in pairs(query).filter(|pair| !named(pair, "marker")) {
        // What ends the address in this header need not be encoded in a query.
        link.push_str(&format!("{name}={value}&").replace('>', "%3E"));
    }
    link.push_str(&format!("marker={}>; rel=\"next\"", encoded(last)));
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(query: &str, count: usize) -> Option<String> {
        next(
            &LimitsConfig::default(),
            "http://h/v1/images",
            query,
            count,
            Some("id9"),
        )
    }

    #[test]
    fn leads_from_a_full_page_to_the_next() {
        assert_eq!(
            link("limit=2&marker=id7&name=a%26b", 2).as_deref(),
            Some("<http://h/v1/images?limit=2&name=a%26b&marker=id9>; rel=\"next\"")
        );
        assert_eq!(
            link("", 25).as_deref(),
            Some("<http://h/v1/images?marker=id9>; rel=\"next\"")
        );
    }

    #[test]
    fn ends_at_a_page_that_is_not_full() {
        assert_eq!(link("limit=3", 2), None);
        assert_eq!(link("", 24), None);
        assert!(link("limit=5000", 1000).is_some());
    }

    #[test]
    fn an_empty_page_has_no_next() {
        assert_eq!(
            next(&LimitsConfig::default(), "http://h", "limit=0", 0, None),
            None
        );
    }
}
