//! Pages and their files, compared with a bare route that answers with the same bytes from memory.

use std::net::SocketAddr;

use admitone::server::Running;

use super::bare::bare_bytes;
use super::load::{closed_loop, get, header, median, once, report};
use super::{READ_ROUNDS, hot_event};

/// Browsers accept this, and nothing but HTML for a page.
const BROWSER: &str = "Accept: text/html\r\nAccept-Encoding: gzip, br\r\nAccept-Language: ko\r\n";
const CONNECTIONS: [usize; 2] = [64, 256];

/// Alternating rounds of each page or file and of its bare route.
pub async fn pages(server: &Running, workers: usize) {
    let event = hot_event(server).await;
    let (_, start) = once(server.address, &get("/", "Accept: text/html\r\n")).await;
    let start = String::from_utf8_lossy(&start).into_owned();
    let asset = |end: &str| {
        let links = start.split('"').filter(|text| text.starts_with("/assets/"));
        let mut found = links.filter(|link| link.ends_with(end));
        found.next().unwrap_or_else(|| panic!("a file {end} on the start page")).to_owned()
    };
    let event = format!("/events/{event}");
    for (name, path) in [
        ("style", asset(".css").as_str()),
        ("sign_in", "/sign-in"),
        ("offline", "/offline"),
        ("start", "/"),
        ("event", &event),
    ] {
        compare((name, path), server.address, workers).await;
    }
}

async fn compare((name, path): (&str, &str), address: SocketAddr, workers: usize) {
    let request = get(path, BROWSER);
    let (head, body) = once(address, &request).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    let bytes = body.len();
    let content_type = header(&head, "content-type").expect("a type");
    let bare = bare_bytes(body, content_type, header(&head, "content-encoding"), workers);
    for connections in CONNECTIONS {
        let asked = vec![request.clone(); connections];
        let bares = vec![get("/bare", BROWSER); connections];
        let (mut of_bare, mut of_page) = (Vec::new(), Vec::new());
        for round in 0..=READ_ROUNDS {
            let rates = (
                closed_loop(bare, &bares, "HTTP/1.1 200").await,
                closed_loop(address, &asked, "HTTP/1.1 200").await,
            );
            if round > 0 {
                of_bare.push(rates.0);
                of_page.push(rates.1);
            }
        }
        let (bare, page) = (median(of_bare), median(of_page));
        report(&format!(
            "http_pages/{name}/{connections} connections: {page:.0}/s, bare route of {bytes} bytes \
             {bare:.0}/s, ratio {:.2}",
            page / bare
        ));
    }
}
