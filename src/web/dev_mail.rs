//! `/dev/mail`: the mails that a server without SMTP keeps, for administrators and for this machine. They
//! hold links that open accounts, so for all others the pages are not there, nor where mails are sent.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::MailMode;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::mail::type_of;
use crate::store::{KeptMail, KeptPart};
use crate::web::format;
use crate::web::layout::{self, Page};
use crate::web::policy;
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/dev/mail").get(list))
        .service(web::resource("/dev/mail/{mail}").get(show))
        .service(web::resource("/dev/mail/{mail}/html").get(message))
        .service(web::resource("/dev/mail/{mail}/parts/{part}").get(part));
}

/// Refuses visitors who may not read the mails of others.
fn check(state: &AppState, request: &HttpRequest, visitor: &Visitor) -> Result<(), ApiError> {
    let is_kept = state.config.mail_mode() == MailMode::Keep;
    match is_kept && (visitor.is_admin() || is_of_this_machine(request)) {
        true => Ok(()),
        false => Err(ApiError::not_found("route")),
    }
}

/// True for a program on this machine. A proxy on this machine speaks for others, which its headers say; a
/// page of another site that a browser here shows cannot name this host.
fn is_of_this_machine(request: &HttpRequest) -> bool {
    const OF_PROXIES: [&str; 5] =
        ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    let is_proxied = OF_PROXIES.iter().any(|name| request.headers().contains_key(*name));
    let is_near = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    is_near && !is_proxied && host.is_some_and(is_local_host)
}

fn is_local_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn wants_json(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|list| list.contains("application/json"))
}

async fn list(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    check(&state, &request, &visitor)?;
    let limit = query.limit()?;
    let mails = state.store.kept_mail_list(query.after()?, limit).await?;
    let last = mails.last().filter(|_| mails.len() as u64 == limit);
    let next = last.map(|mail| format!("{}_{}", mail.created_at, mail.id));
    if wants_json(&request) {
        let items: Vec<Value> = mails.iter().map(summary).collect();
        return Ok(respond::page(&items, next));
    }
    let title = visitor.text("dev_mail.title");
    let main = html! {
        h1 { (title) }
        p.hint { (visitor.text("dev_mail.explained")) }
        @if mails.is_empty() { p { (visitor.text("dev_mail.none")) } }
        div.scroll role="region" tabindex="0" aria-label=(title) {
            table {
                @for mail in &mails {
                    tr {
                        td { (format::time(visitor.language, mail.created_at, visitor.site.zone)) }
                        td { (mail.recipient) }
                        td { a href={ "/dev/mail/" (mail.id) } { (mail.subject) } }
                        td { code { (mail.kind) } }
                    }
                }
            }
        }
        @if let Some(next) = next {
            p { a href={ "/dev/mail?cursor=" (next) } { (visitor.text("start.more")) } }
        }
    };
    Ok(layout::render(&visitor, Page::new(title).main(main)))
}

fn summary(mail: &KeptMail) -> Value {
    json!({
        "id": mail.id, "type": type_of(&mail.kind), "kind": mail.kind, "userId": mail.user, "to": mail.recipient,
        "subject": mail.subject, "createdAt": rfc3339(mail.created_at),
    })
}

async fn kept(state: &AppState, id: Uuid) -> Result<(KeptMail, Vec<KeptPart>), ApiError> {
    let found = state.store.kept_mail_get(id).await?;
    found.ok_or_else(|| ApiError::not_found("mail"))
}

async fn show(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    check(&state, &request, &visitor)?;
    let (mail, parts) = kept(&state, id).await?;
    if wants_json(&request) {
        let mut whole = summary(&mail);
        let parts = parts.iter().enumerate().map(|(position, part)| {
            json!({
                "name": part.name, "contentType": part.content_type,
                "contentId": part.content_id, "size": part.content.len(),
                "url": format!("/dev/mail/{id}/parts/{position}"),
            })
        });
        whole["text"] = mail.plain.into();
        whole["html"] = mail.html.into();
        whole["attachments"] = parts.collect();
        return Ok(respond::ok(&whole));
    }
    let main = html! {
        p { a href="/dev/mail" { (visitor.text("dev_mail.title")) } }
        h1 { (mail.subject) }
        p {
            (mail.recipient) " · "
            (format::time(visitor.language, mail.created_at, visitor.site.zone)) " · "
            code { (mail.kind) }
        }
        (attachments(&visitor, id, &parts))
        iframe.mail sandbox="" title=(mail.subject) src={ "/dev/mail/" (id) "/html" } {}
        h2 { (visitor.text("dev_mail.plain")) }
        pre { (mail.plain) }
    };
    let mut page = layout::render(&visitor, Page::new(&mail.subject).main(main));
    policy::allow_frames(page.headers_mut());
    Ok(page)
}

fn attachments(visitor: &Visitor, id: Uuid, parts: &[KeptPart]) -> Markup {
    let attached = parts.iter().enumerate().filter(|(_, part)| part.content_id.is_none());
    html! {
        ul.plain aria-label=(visitor.text("dev_mail.attachments")) {
            @for (position, part) in attached {
                li { a href={ "/dev/mail/" (id) "/parts/" (position) } { (part.name) } }
            }
        }
    }
}

/// The HTML of a mail for the frame of its page: without scripts, forms, cookies or anything from elsewhere.
/// Its pictures are within it, since a frame without an origin gets no cookies to load them with.
async fn message(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    check(&state, &request, &visitor)?;
    let (mail, parts) = kept(&state, id).await?;
    let mut text = mail.html;
    for part in parts {
        let Some(name) = &part.content_id else { continue };
        let picture =
            format!("\"data:{};base64,{}\"", part.content_type, STANDARD.encode(&part.content));
        text = text.replace(&format!("\"cid:{name}\""), &picture);
    }
    let mut response = HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(PreEscaped(text).into_string());
    policy::of_mail(response.headers_mut());
    Ok(response)
}

async fn part(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    Path((id, position)): Path<(Uuid, usize)>,
) -> Result<HttpResponse, ApiError> {
    check(&state, &request, &visitor)?;
    let (_, parts) = kept(&state, id).await?;
    let found = parts.into_iter().nth(position);
    let part = found.ok_or_else(|| ApiError::not_found("attachment"))?;
    let disposition = format!("attachment; filename=\"{}\"", part.name);
    let disposition = HeaderValue::from_str(&disposition).map_err(ApiError::internal)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(part.content_type)
        .insert_header((header::CONTENT_DISPOSITION, disposition));
    Ok(response.body(part.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in
            ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]", "127.9.9.9"]
        {
            assert!(is_local_host(host), "{host}");
        }
        for host in ["", "example.com", "localhost.evil.example:80", "10.0.0.1", "[2001:db8::1]:80"]
        {
            assert!(!is_local_host(host), "{host}");
        }
    }
}
