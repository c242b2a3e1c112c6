//! The outermost service: gives requests their real heads back and follows their answers.

use std::{
    marker::PhantomData,
    rc::Rc,
    task::{Context, Poll},
};

use actix_http::{
    ConnectionType, Payload, Request, Response,
    body::{BodySize, BoxBody, MessageBody},
    header::{CONTENT_LENGTH, HeaderValue},
};
use actix_service::{Service, ServiceFactory};
use actix_web::http::{Method, Version};
use futures_core::future::LocalBoxFuture;
use futures_util::{
    FutureExt,
    future::{Join, Map, Ready, join, ready},
};

use super::{
    answer::Answer,
    gate::DRAIN_LIMIT,
    handle::{Handle, Received, Shared, Unread},
};

/// Wraps the application's factory.
pub(super) struct Outermost<F, B> {
    pub(super) inner: F,
    body: PhantomData<B>,
}

impl<F, B> Outermost<F, B> {
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner,
            body: PhantomData,
        }
    }
}

impl<F, B> ServiceFactory<Request> for Outermost<F, B>
where
    F: ServiceFactory<Request, Config = ()>,
    F::Response: Into<Response<B>>,
    F::Error: Into<Response<BoxBody>>,
    F::Future: 'static,
    <F::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Answer>;
    type Error = F::Error;
    type Config = ();
    type Service = Outermost<F::Service, B>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, Self::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let service = self.inner.new_service(());
        Box::pin(async move { Ok(Outermost::new(service.await?)) })
    }
}

impl<S, B> Service<Request> for Outermost<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = Following<S::Future, Self::Response, Self::Error>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let shared = request
            .conn_data::<Handle>()
            .map(|handle| Rc::clone(&handle.shared));
        // Every connection is made with a handle; without one there is nothing to follow.
        let shared = shared.unwrap_or_else(|| Rc::new(Shared::new()));
        let traits = restore(&mut request, &shared);
        let answer = self.inner.call(request);
        let follow: fn(_) -> _ = |(answer, (traits, shared)): (Result<S::Response, _>, _)| {
            let response = match answer {
                Ok(response) => response.into().map_body(|_, body| body.boxed()),
                Err(error) => S::Error::into(error),
            };
            Ok(follow(response, &traits, shared))
        };
        join(answer, ready((traits, shared))).map(follow)
    }
}

/// The future of an answer with what there is to know when it comes. Spelled out to save a box.
type Following<F, R, E> =
    Map<Join<F, Ready<Followed>>, fn((<F as Future>::Output, Followed)) -> Result<R, E>>;
type Followed = (Traits, Rc<Shared>);

/// What of a request bears on how its answer is sent.
pub(super) struct Traits {
    head_only: bool,
    version: Version,
}

/// Puts the real head, or the refusal, into the request that the dispatcher made of a plain one.
fn restore(request: &mut Request, shared: &Rc<Shared>) -> Traits {
    let version = match shared.claim(request.head()) {
        Some(Received::Request(head)) => {
            head.write_into(request);
            if let Some(body) = shared.body.take() {
                let payload = Box::pin(body.into_payload(Rc::clone(shared)));
                *request.payload() = Payload::Stream { payload };
            }
            head.version()
        }
        Some(Received::Refused(_)) => {
            let head = request.head_mut();
            head.method = Method::from_bytes(b"REFUSED").unwrap_or_default();
            head.headers.clear();
            Version::HTTP_11
        }
        None => request.version(),
    };
    Traits {
        head_only: request.method() == Method::HEAD,
        version,
    }
}

/// Makes the answer one that the dispatcher and the stream can send, and that tells its end.
fn follow(
    mut response: Response<BoxBody>,
    traits: &Traits,
    shared: Rc<Shared>,
) -> Response<Answer> {
    let mut size = response.body().size();
    match (size, shared.promised.get()) {
        // The dispatcher insists on seeing every byte of a body of known size. So a file's length
        // is declared by a header instead, and its body is taken to end when it ends.
        (BodySize::Sized(length), Some(promised)) if length == promised && !traits.head_only => {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
            response.head_mut().no_chunking(true);
            size = BodySize::Stream;
        }
        // HTTP/1.0 has no chunked coding: the body ends with the connection.
        (BodySize::Stream, _) if traits.version == Version::HTTP_10 => {
            response.head_mut().no_chunking(true);
            response
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        _ => {}
    }
    let drains = match shared.unread.get() {
        Unread::AtMost(bytes) => bytes <= DRAIN_LIMIT,
        Unread::Unknown => false,
    };
    if !drains || shared.fault.get().is_some() {
        response
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    // The head may have served an older client before, and would take its version for a refusal to
    // go on. The dispatcher sets the version anew.
    response.head_mut().version = Version::HTTP_11;
    shared
        .closing
        .set(response.head().connection_type() == ConnectionType::Close);
    response.map_body(|_, body| Answer::new(body, size, traits.head_only, shared))
}
