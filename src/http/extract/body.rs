//! JSON bodies, parsed strictly: bounded in size and time, without unknown fields (types declare
//! this with `deny_unknown_fields`), and every refusal names the field.

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt, stream};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use super::words::Fault;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::middleware::deadline::{Arrival, Arriving};
use crate::object::Object;

/// The largest body of an ordinary request, in bytes.
pub const DEFAULT_LIMIT: usize = 64 * 1_024;
/// Bytes of a body that are read and discarded when it is too large, so that the client is still
/// reading when the answer is sent.
const DRAIN_LIMIT: usize = 32 * 1_024 * 1_024;

/// The request's body as a `T`: 400 if it is not JSON, 422 if it does not fit `T`, 413 above
/// `LIMIT` bytes, 415 if its declared content type is not JSON.
#[derive(Clone, Debug)]
pub struct Body<T, const LIMIT: usize = DEFAULT_LIMIT>(pub T);

impl<T: DeserializeOwned + Send + 'static, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let declared = check_declared(request);
        let reading = read(Arrival::begin(request), payload.take(), LIMIT);
        Box::pin(async move {
            declared?;
            let bytes = reading.await?;
            if bytes.len() <= DEFAULT_LIMIT {
                return parse(&bytes).map(Self);
            }
            // Parsing megabytes would keep the worker's other requests waiting.
            let parsed = web::block(move || parse(&bytes)).await;
            parsed.map_err(ApiError::internal)?.map(Self)
        })
    }
}

/// A body that may be left out. If one is sent, it is parsed as strictly as [`Body`]: a request
/// must not be carried out if its body was not understood.
#[derive(Clone, Debug)]
pub struct OptionalBody<T>(pub Option<T>);

impl<T: DeserializeOwned> FromRequest for OptionalBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let declared = check_declared(request);
        let reading = read(Arrival::begin(request), payload.take(), DEFAULT_LIMIT);
        Box::pin(async move {
            let bytes = reading.await?;
            if bytes.is_empty() {
                return Ok(Self(None));
            }
            declared?;
            parse(&bytes).map(|body| Self(Some(body)))
        })
    }
}

/// The body as it came, byte by byte, of any declared type.
#[derive(Clone, Debug)]
pub struct RawBody(pub Bytes);

impl FromRequest for RawBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = read_plain(request, payload, DEFAULT_LIMIT);
        Box::pin(async move { reading.await.map(Self) })
    }
}

/// Reads the body of a request that must not have one: an empty body and `{}` pass. A client that
/// sends more expects more than the operation does, so the request is refused.
///
/// # Errors
/// 422; 400 if the body does not arrive completely.
pub async fn expect_none(request: &HttpRequest, payload: Payload) -> Result<(), ApiError> {
    let unwanted = |field: &str| {
        let message = "this operation takes no body: leave it out, or send {}";
        ApiError::new(ErrorCode::Invalid, message).with_details(json!({ "field": field }))
    };
    let bytes = match read(Arrival::begin(request), payload, DEFAULT_LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) if error.code() == ErrorCode::PayloadTooLarge => return Err(unwanted(".")),
        Err(error) => return Err(error),
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes) {
        Ok(fields) => fields.keys().next().map_or(Ok(()), |first| Err(unwanted(first))),
        Err(_) => Err(unwanted(".")),
    }
}

/// Reads a body that is not JSON, of at most `limit` bytes.
///
/// # Errors
/// 413 above the limit; 400 if the body does not arrive completely.
pub fn read_plain(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<Bytes, ApiError>> + use<> {
    read(Arrival::begin(request), payload.take(), limit)
}

/// Reads a body of at most `limit` bytes and leaves all of it for the handler. `None` if it is larger:
/// then only the beginning was read.
///
/// # Errors
/// 400 if the body does not arrive completely.
pub(crate) async fn read_ahead(
    request: &mut ServiceRequest,
    limit: usize,
) -> Result<Option<Bytes>, ApiError> {
    let arriving = Arrival::begin(request.request());
    let mut payload = request.take_payload();
    let (mut chunks, mut total) = (Vec::new(), 0_usize);
    while total <= limit
        && let Some(chunk) = payload.next().await
    {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        total += chunk.len();
        chunks.push(chunk);
    }
    drop(arriving);
    if total > limit {
        let rest = stream::iter(chunks.into_iter().map(Ok)).chain(payload);
        request.set_payload(Payload::Stream { payload: Box::pin(rest) });
        return Ok(None);
    }
    let bytes = Bytes::from(chunks.concat());
    request.set_payload(Payload::from(bytes.clone()));
    Ok(Some(bytes))
}

fn check_declared(request: &HttpRequest) -> Result<(), ApiError> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_json = text(header::CONTENT_TYPE).is_none_or(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
    });
    let is_plain = text(header::CONTENT_ENCODING).is_none_or(|value| value == "identity");
    if is_json && is_plain {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UnsupportedMediaType,
        "send the body as plain JSON: Content-Type: application/json, no Content-Encoding",
    ))
}

/// Reads the body up to `limit` bytes. The time limit is enforced by the middleware that waits for
/// the whole request.
async fn read(arriving: Arriving, mut payload: Payload, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    let mut total = 0_usize;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        total += chunk.len();
        if total <= limit {
            body.extend_from_slice(&chunk);
        } else if total > DRAIN_LIMIT {
            break;
        }
    }
    if total > limit {
        let message = format!("the body may have at most {limit} bytes");
        return Err(ApiError::new(ErrorCode::PayloadTooLarge, message)
            .with_details(json!({ "maxBytes": limit })));
    }
    drop(arriving);
    Ok(body.freeze())
}

fn unreadable(error: &PayloadError) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, format!("the body could not be read: {error}"))
}

/// Parses strictly. A body that does not fit is parsed a second time with a record of the path,
/// which would cost too much for every body.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let error = match serde_json::from_slice(bytes) {
        Ok(Object(value)) => return Ok(value),
        Err(error) => error,
    };
    if error.is_data()
        && let Some(shorter) = without_empty_fractions(bytes)
    {
        return parse(&shorter);
    }
    // To the parser, a list that is too long is an error in the syntax.
    let is_long_list = error.to_string().starts_with("trailing characters");
    if !error.is_data() && !is_long_list {
        return Err(malformed(&error));
    }
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => Err(misfit::<T>(bytes)),
        // The error in the data comes before an error in the JSON syntax.
        Err(error) => Err(malformed(&error)),
    }
}

/// Returns the same text with `2` for every `2.0`, which JSON Schema also calls an integer; `None`
/// if there is none. Only a body that does not fit is rewritten, so that other bodies cost nothing
/// more.
fn without_empty_fractions(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut shorter = Vec::with_capacity(bytes.len());
    let (mut in_text, mut at) = (false, 0);
    while let Some(&byte) = bytes.get(at) {
        let is_in_number = at > 0 && bytes[at - 1].is_ascii_digit();
        if byte == b'.' && is_in_number && !in_text {
            let zeros = bytes[at + 1..].iter().take_while(|byte| **byte == b'0').count();
            let next = bytes.get(at + 1 + zeros).copied().unwrap_or(b' ');
            if zeros > 0 && !next.is_ascii_digit() && !b"eE".contains(&next) {
                at += 1 + zeros;
                continue;
            }
        }
        shorter.push(byte);
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => {
                at += 1;
                shorter.extend(bytes.get(at));
            }
            _ => {}
        }
        at += 1;
    }
    (shorter.len() < bytes.len()).then_some(shorter)
}

fn malformed(error: &serde_json::Error) -> ApiError {
    ApiError::new(ErrorCode::MalformedJson, format!("the body is not JSON: {error}"))
        .with_details(json!({ "line": error.line(), "column": error.column() }))
}

fn misfit<T: DeserializeOwned>(bytes: &[u8]) -> ApiError {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Err(error) = serde_path_to_error::deserialize::<_, Object<T>>(&mut json) else {
        return ApiError::of(ErrorCode::Invalid);
    };
    let Fault { field, reason } = Fault::new(&error.path().to_string(), &error.inner().to_string());
    let place = if field == "." { "the body" } else { &field };
    let message = format!("{place} {reason}");
    ApiError::new(ErrorCode::Invalid, message).with_details(json!({ "field": field }))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(deserialize_with = "crate::http::extract::object::list")]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        quantity: u32,
    }

    #[test]
    fn a_body_that_does_not_fit_is_refused_with_its_place() {
        for (body, code, says) in [
            ("{", "MALFORMED_JSON", "line 1 column 1"),
            ("", "MALFORMED_JSON", "line 1"),
            ("[", "MALFORMED_JSON", "line 1"),
            ("{\"lines\":[{\"quantity\":1}]} x", "MALFORMED_JSON", "trailing"),
            ("{\"lines\":[{\"quantity\":-1}]}", "INVALID", "lines[0].quantity"),
            ("{\"lines\":[{\"quantity\":1.5}]}", "INVALID", "lines[0].quantity"),
            ("{\"lines\":[{\"quantity\":99999999999}]}", "INVALID", "lines[0].quantity"),
            (
                "{\"lines\":[{\"quantity\":1,\"price\":0}]}",
                "INVALID",
                "lines[0].price is not known here",
            ),
            ("{\"lines\":\"x\"}", "INVALID", "lines"),
            ("{}", "INVALID", "lines is missing"),
            ("{\"lines\":[{}]}", "INVALID", "lines[0].quantity is missing"),
            ("null", "INVALID", "null"),
            (" [[{\"quantity\":1}]]", "INVALID", "the body must be an object, not a list"),
            ("{\"lines\":[[1]]}", "INVALID", "lines[0] must be an object, not a list"),
            ("{\"lines\":[1]", "MALFORMED_JSON", "line 1"),
        ] {
            let error = parse::<Order>(body.as_bytes()).expect_err(body);
            assert_eq!(error.code().as_str(), code, "{body}");
            assert!(error.to_string().contains(says), "{body}: {error}");
        }
    }

    #[test]
    fn an_integer_may_be_written_with_an_empty_fraction() {
        let order: Order =
            parse(b"{\"lines\":[{\"quantity\":2.00}, {\"quantity\":10.0}]}").unwrap();
        assert_eq!(order.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, 10]);
        for bad in ["2.01", "2.", ".0", "2.0e1", "\"2.0\"", "-2.0"] {
            assert!(
                parse::<Order>(format!("{{\"lines\":[{{\"quantity\":{bad}}}]}}").as_bytes())
                    .is_err()
            );
        }
        let text = br#"{"a\"2.0":"1.0 \\","b":[3.0,1.50]}"#;
        let shorter = br#"{"a\"2.0":"1.0 \\","b":[3,1.50]}"#;
        assert_eq!(super::without_empty_fractions(text).as_deref(), Some(&shorter[..]));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(100_000);
        let error = parse::<serde_json::Value>(deep.as_bytes()).expect_err("too deep");
        assert_eq!(error.code().as_str(), "MALFORMED_JSON");
    }
}
