//! The envelope, the request id and the headers that every answer has, whichever layer made it.

use reqwest::Method;
use serde_json::json;

use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

async fn app() -> TestApp {
    TestApp::start(TestDb::sqlite().await).await
}

#[tokio::test]
async fn unknown_routes_and_methods_are_answered_in_the_envelope() {
    let app = app().await;
    for (method, path, status, code) in [
        (Method::GET, "/nothing", 404, "NOT_FOUND"),
        (Method::GET, "/api/nothing", 404, "NOT_FOUND"),
        (Method::GET, "/api/../etc/passwd", 404, "NOT_FOUND"),
        (Method::GET, "/api/users/me/", 404, "NOT_FOUND"),
        (Method::GET, "/api/auth/login", 405, "METHOD_NOT_ALLOWED"),
        (Method::DELETE, "/health/live", 405, "METHOD_NOT_ALLOWED"),
        (Method::from_bytes(b"BREW").unwrap(), "/api/auth/login", 405, "METHOD_NOT_ALLOWED"),
    ] {
        app.call(method, path).send().await.expect_error(status, code);
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_with_the_reason() {
    let app = app().await;
    for (body, status, code, says) in [
        ("", 400, "MALFORMED_JSON", "line 1"),
        ("{", 400, "MALFORMED_JSON", "column 1"),
        ("{\"email\": nope}", 400, "MALFORMED_JSON", "column 1"),
        ("\u{feff}{}", 400, "MALFORMED_JSON", "line 1"),
        ("[]", 422, "INVALID", ""),
        ("{}", 422, "INVALID", "email"),
        ("{\"email\":\"a\",\"email\":\"b\",\"password\":\"c\"}", 422, "INVALID", "email"),
        ("{\"email\":\"a\",\"password\":\"b\",\"isAdmin\":true}", 422, "INVALID", "isAdmin"),
        ("{\"email\":{},\"password\":\"b\"}", 422, "INVALID", "email"),
    ] {
        let answer = app.call(Method::POST, "/api/auth/login").raw(body).send().await;
        let error = answer.expect_error(status, code);
        assert!(error["message"].as_str().unwrap().contains(says), "{body}: {error}");
    }
    let not_utf8: &[u8] = b"{\"email\":\"\xff\"}";
    let answer = app.call(Method::POST, "/api/auth/login").raw(not_utf8).send().await;
    answer.expect_error(400, "MALFORMED_JSON");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_client_hears_it() {
    let app = app().await;
    let large = format!("{{\"email\":\"{}\"}}", "x".repeat(10 << 20));
    let answer = app.call(Method::POST, "/api/auth/login").raw(large).send().await;
    let error = answer.expect_error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(error["details"]["maxBytes"], 65_536);
    app.get_anonymously("/health/live").await.expect(200);
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let app = app().await;
    for (name, value) in [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", "gzip"),
    ] {
        let call = app.call(Method::POST, "/api/auth/login").header(name, value);
        call.send().await.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let app = app().await;
    let ask = async |id: &str| {
        let answer = app.call(Method::GET, "/health/live").header("X-Request-Id", id).send().await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("trace-42:a.b_c").await, "trace-42:a.b_c");
    for bad in ["", "a b", "<script>", &"x".repeat(65)] {
        let given = ask(bad).await;
        assert_ne!(given, bad);
        assert_eq!(given.len(), 32);
    }
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_browsers_safe() {
    let app = app().await;
    for path in ["/health/live", "/api/nothing", "/api/users/me"] {
        let headers = app.get_anonymously(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn pages_of_configured_origins_may_call_and_no_others() {
    let origin = "https://tickets.example";
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.cors_origins = vec![origin.into()])
        .start()
        .await;
    let preflight = async |from: &str| {
        let call = app.call(Method::OPTIONS, "/api/auth/login").header("Origin", from);
        call.header("Access-Control-Request-Method", "POST").send().await
    };
    let allowed = preflight(origin).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.headers["access-control-allow-origin"], origin);
    let names = allowed.headers["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    assert!(names.contains("authorization") && names.contains("idempotency-key"));
    let refused = preflight("https://evil.example").await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    // Failures too, from every layer: a page has to be able to read the reason.
    for (path, status) in [("/health/live", 200), ("/api/nothing", 404), ("/api/wallet", 401)] {
        let call = app.call(Method::GET, path).header("Origin", origin).send().await;
        assert_eq!(call.status, status);
        assert_eq!(call.headers["access-control-allow-origin"], origin, "{path}");
        assert_eq!(call.headers["vary"], "Origin");
        let exposed = call.headers["access-control-expose-headers"].to_str().unwrap();
        for header in ["Retry-After", "Idempotency-Replayed", "X-Request-Id", "ETag"] {
            assert!(exposed.contains(header), "{path}: {exposed}");
        }
        let call = app.call(Method::GET, path).header("Origin", "https://evil.example");
        assert!(!call.send().await.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn requests_are_measured_by_route_and_never_by_path() {
    let app = app().await;
    app.get_anonymously("/health/live").await.expect(200);
    app.get_anonymously("/api/secret-path").await.expect_error(404, "NOT_FOUND");
    app.post_anonymously("/api/auth/login", json!({})).await.expect_error(422, "INVALID");
    let metrics = app.metrics().await;
    for line in [
        "admitone_http_requests_total{method=\"GET\",route=\"/health/live\",status=\"200\"} 1",
        "admitone_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "admitone_http_requests_total{method=\"POST\",route=\"/api/auth/login\",status=\"422\"} 1",
        "admitone_ready 1",
        "admitone_build_info{version=",
        "admitone_process_resident_memory_bytes",
        "admitone_database_connections{state=\"idle\"}",
        "admitone_outbox_messages_waiting 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    assert!(!metrics.contains("secret-path"));
    for line in metrics.lines().filter(|line| line.starts_with("# TYPE")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no help text");
        assert!(name.starts_with("admitone_"), "{name}");
    }
}

#[actix_web::test]
async fn a_panic_in_a_handler_is_one_answer_that_reveals_nothing() {
    use actix_web::{App, HttpResponse, middleware::from_fn, test, web};
    async fn panics() -> HttpResponse {
        panic!("hunter2")
    }
    let app = app().await;
    let service = App::new()
        .app_data(app.running().shared_state())
        .route("/panics", web::get().to(panics))
        .route("/works", web::get().to(HttpResponse::NoContent))
        .wrap(from_fn(admitone::http::middleware::request_context::request_context));
    let service = test::init_service(service).await;
    let request = test::TestRequest::get().uri("/panics").to_request();
    let error = test::try_call_service(&service, request).await.expect_err("it panicked");
    let response = error.error_response();
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("x-request-id"));
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).expect("the envelope");
    assert_eq!(body["error"]["code"], "INTERNAL_ERROR");
    assert!(!body.to_string().contains("hunter2"), "{body}");
    let request = test::TestRequest::get().uri("/works").to_request();
    assert_eq!(test::call_service(&service, request).await.status(), 204);
}
