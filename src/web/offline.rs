//! The page that the service worker shows without a network, and the manifest with which browsers
//! install the shop as an app.

use actix_web::{HttpResponse, web};
use maud::html;
use serde_json::json;

use crate::web::layout::{self, Page};
use crate::web::site::Site;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/offline").get(page))
        .service(web::resource("/site.webmanifest").get(manifest));
}

/// Renders the page in place of one that cannot be loaded. It is kept by browsers and names no
/// visitor.
async fn page(visitor: Visitor) -> HttpResponse {
    let title = visitor.text("offline.title");
    let main = html! {
        main {
            section.notice-page {
                h1 { (title) }
                p { (visitor.text("offline.explained")) }
                p.actions {
                    // The page stands at the address that could not be loaded.
                    a.button href="" { (visitor.text("error_page.retry")) }
                    a.button.quiet href="/tickets" { (visitor.text("tickets.title")) }
                }
                p.fine { (visitor.text("offline.tickets")) }
            }
        }
    };
    layout::render(&visitor, Page::new(title).main(main).bare())
}

async fn manifest(site: web::Data<Site>) -> HttpResponse {
    let body = json!({
        "id": "/",
        "name": site.name,
        "short_name": site.name,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f7f7f9",
        "theme_color": site.color,
        "icons": [{
            "src": site.assets.url("icon.svg"), "sizes": "any", "type": "image/svg+xml",
        }],
    });
    HttpResponse::Ok()
        .content_type("application/manifest+json")
        .insert_header((actix_web::http::header::CACHE_CONTROL, "no-cache"))
        .body(body.to_string())
}
