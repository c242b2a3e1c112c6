//! Requests about containers and their objects, as Swift and Pithos have them.

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::outgoing::Outgoing;
use crate::data::Batch;
use crate::error::StoreError;

/// What stands as it is in a part of a URL.
pub(crate) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Which upload an object is of.
pub(crate) const UPLOAD: &str = "x-object-meta-glance-upload";

/// A request that can be made any number of times.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) container: &'a str,
    pub(crate) object: Option<&'a str>,
    /// What comes after `?`, encoded.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Batch,
}

impl<'a> Call<'a> {
    /// For a container.
    pub(crate) fn container(method: Method, container: &'a str) -> Self {
        Self {
            method,
            container,
            object: None,
            query: String::new(),
            headers: HeaderMap::new(),
            body: Batch::new(),
        }
    }

    /// For an object.
    pub(crate) fn object(method: Method, container: &'a str, object: &'a str) -> Self {
        Self {
            object: Some(object),
            ..Self::container(method, container)
        }
    }

    /// For an image to appear, of the upload with this mark, if there is none.
    pub(crate) fn publishing(container: &'a str, object: &'a str, mark: &str) -> Self {
        let mut call = Self::object(Method::PUT, container, object);
        call.headers.insert(CONTENT_TYPE, octets());
        call.headers
            .insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        if let Ok(mark) = HeaderValue::from_str(mark) {
            call.headers.insert(UPLOAD, mark);
        }
        call
    }

    pub(crate) fn query(self, query: impl Into<String>) -> Self {
        let query = query.into();
        Self { query, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn body(self, body: Vec<Bytes>) -> Self {
        Self { body, ..self }
    }

    /// The request with its body, to the account at `base`; `plain` is what stands as it is in an
    /// object's name.
    pub(crate) fn request(
        &self,
        base: &str,
        token: &HeaderValue,
        plain: &'static AsciiSet,
    ) -> Result<Request<Outgoing>, StoreError> {
        let head = self.head(base, token, plain)?;
        Ok(head.map(|()| Outgoing::whole(self.body.clone())))
    }

    /// The same for a body that comes from elsewhere.
    pub(crate) fn head(
        &self,
        base: &str,
        token: &HeaderValue,
        plain: &'static AsciiSet,
    ) -> Result<Request<()>, StoreError> {
        let mut url = format!("{base}/{}", encoded(self.container));
        if let Some(object) = self.object {
            url.push('/');
            url.extend(utf8_percent_encode(object, plain));
        }
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&self.query);
        }
        let url = Uri::try_from(url).map_err(|_| StoreError::BadLocation)?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(StoreError::BadLocation);
        }
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert("x-auth-token", token.clone());
        // A body of no bytes has a length, too, without which both refuse it.
        if matches!(self.method, Method::PUT | Method::POST) {
            let length: u64 = self.body.iter().map(|piece| piece.len() as u64).sum();
            let length = HeaderValue::from(length);
            headers.entry(CONTENT_LENGTH).or_insert(length);
        }
        Ok(request)
    }
}

/// A name as a part of a URL.
pub(crate) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// What the data of images is to such servers.
pub(crate) fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}
