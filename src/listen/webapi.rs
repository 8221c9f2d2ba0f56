//! The WebAPI: the same functions by URL, over HTTP/1.1.

mod body;
mod download;
mod patient;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::door::{Door, Goodbye, OWN_BYTES, Speech, Stream};
use crate::budget::Part;
use crate::command::Urgency;
use crate::fanout::{Answer, Arrived, Origin, crowded};
use crate::net::TcpListener;
use crate::protocol::request::{BadRequest, Request};
use crate::protocol::url;
use crate::trail::Parent;
use body::Body;
pub(crate) use patient::Patient;

type Response = hyper::Response<Body>;

const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Room for a request's line and headers besides its parameters, in bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// Serves the WebAPI until the drain.
pub async fn serve(door: Door, socket: TcpListener) {
    door.serve::<Http>(socket).await;
}

/// HTTP/1.1.
struct Http;

impl Speech for Http {
    fn farewell(goodbye: Goodbye, result: &str) -> String {
        let (status, length) = (goodbye.status(), result.len());
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{result}"
        )
    }

    async fn talk(door: Door, stream: impl Stream, origin: Origin) {
        talk(door, stream, origin).await;
    }
}

async fn talk(door: Door, stream: impl Stream, origin: Origin) {
    let (settings, drain) = (door.settings, door.drain.clone());
    let respond = move |request| respond(door.clone(), origin.clone(), request);
    converse(stream, settings, drain, respond).await;
}

/// One client's requests and their answers, until it has gone, is silent for too long, or the drain.
async fn converse<S, F>(
    stream: S,
    settings: Settings,
    drain: CancellationToken,
    respond: impl Fn(hyper::Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response>,
{
    let service = service_fn(move |request| {
        let response = respond(request);
        async { Ok::<_, Infallible>(response.await) }
    });
    let stream = Patient::new(stream, settings.idle_timeout);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.idle_timeout)
        .max_buf_size(settings.max_request_bytes + HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // What has arrived is read before the drain is heeded.
        biased;
        ended = &mut connection => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a WebAPI connection ended early");
    }
}

async fn respond(door: Door, origin: Origin, request: hyper::Request<Incoming>) -> Response {
    if !url::is_web_api(request.uri().path()) {
        return text(StatusCode::NOT_FOUND, "The WebAPI is at /webAPI.aspx?type=…&requestid=…\n");
    }
    if !matches!(*request.method(), Method::GET | Method::POST) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "The WebAPI takes GET and POST.\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
        return response;
    }
    let version = request.version();
    let origin = Origin { parent: parent(&door, request.headers()), ..origin };
    let (arrived, is_last) = read(&door, request).await;
    let answer = answer(&door, arrived, &origin).await;
    let mut response = write(&door, answer, version);
    if is_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The trace that a request is part of; more than one is none.
fn parent(door: &Door, headers: &HeaderMap) -> Option<Parent> {
    if !door.desk.trail.is_tracing() {
        return None;
    }
    let mut parents = headers.get_all(Parent::HEADER).iter();
    let only = parents.next().filter(|_| parents.next().is_none());
    Parent::read(only?.to_str().ok()?)
}

/// The answer, worked out on a task of its own: hyper drops this future when the client goes away, and what
/// was accepted is seen to its end all the same.
fn answer(door: &Door, arrived: Arrived, origin: &Origin) -> impl Future<Output = Answer> + use<> {
    let answer = door.tasks.spawn_local(door.desk.take(arrived, origin));
    async move { answer.await.unwrap_or_else(|_| Answer::Result(String::new())) }
}

fn write(door: &Door, answer: Answer, version: Version) -> Response {
    match answer {
        Answer::Result(result) => xml(held(door, result)),
        Answer::Download(file) => {
            download::response(file, version, &door.desk.background, door.settings.idle_timeout)
        }
    }
}

/// Reads a request; and whether the connection must close behind its answer.
async fn read(door: &Door, request: hyper::Request<Incoming>) -> (Arrived, bool) {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or("");
    let mut room = door.connections.buffers().part();
    if !room.resize(announced(&body, door), Urgency::Normal) {
        return (Arrived::Crowded, true);
    }
    match Limited::new(body, door.settings.max_request_bytes).collect().await {
        Ok(body) => (parse(query, &body.to_bytes(), door).into(), false),
        Err(error) => (Err(unreadable(query, &*error, door)).into(), true),
    }
}

/// The most that a body may come to, in bytes.
fn announced(body: &Incoming, door: &Door) -> usize {
    let max = door.settings.max_request_bytes;
    body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).map_or(max, |bytes| bytes.min(max))
}

/// Parameters of the query and of a form, or an XML message in the body.
fn parse(query: &str, body: &[u8], door: &Door) -> Result<Request, BadRequest> {
    let bounds = door.settings.bounds;
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
    if body.starts_with(b"<") {
        return Request::read(body, bounds);
    }
    match str::from_utf8(body) {
        Ok(form) => url::read(query, form, bounds),
        Err(_) => Err(named(query, "the body is neither XML nor a form in UTF-8".into(), door)),
    }
}

fn unreadable(
    query: &str,
    error: &(dyn std::error::Error + Send + Sync + 'static),
    door: &Door,
) -> BadRequest {
    let reason = if error.is::<LengthLimitError>() {
        format!("larger than the limit of {} bytes", door.settings.max_request_bytes)
    } else {
        "the body ended before its announced length".into()
    };
    named(query, reason, door)
}

/// A fault of the body, with the name that the query gives the request.
fn named(query: &str, reason: String, door: &Door) -> BadRequest {
    match url::read(query, "", door.settings.bounds) {
        Ok(request) => {
            BadRequest { kind: request.kind().into(), id: request.id().into(), reason, closes: true }
        }
        Err(bad) => BadRequest { reason, ..bad },
    }
}

/// A large answer takes room until the last of it is written; a client for whom there is none is told so instead.
fn held(door: &Door, result: String) -> Bytes {
    let beyond = result.len().saturating_sub(OWN_BYTES);
    if beyond == 0 {
        return result.into();
    }
    let mut room = door.connections.buffers().part();
    if room.resize(beyond, Urgency::Normal) {
        Bytes::from_owner(Large { result, _room: room })
    } else {
        door.desk.refuse(crowded()).into()
    }
}

/// An answer with the room that it takes.
struct Large {
    result: String,
    _room: Part,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        self.result.as_bytes()
    }
}

fn xml(result: Bytes) -> Response {
    let mut response = Response::new(result.into());
    response.headers_mut().insert(CONTENT_TYPE, XML);
    response
}

fn text(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
