//! The one table of the classes of requests: the first row that matches says which limit counts.
//! `docs/security.md` has the same table.

use actix_web::http::Method;

use crate::limits::Class;

/// A row: the class, the methods with blanks between them or `*`, and the routes. A route that ends in
/// `*` stands for all that begin as it does.
pub type Row = (Class, &'static str, &'static [&'static str]);

/// The rows, in the order in which they are looked at.
pub const TABLE: &[Row] = &[
    (
        Class::Free,
        "*",
        &[
            "/health*",
            "/internal/*",
            "/api-docs*",
            "/assets/*",
            "/favicon.ico",
            "/site.webmanifest",
            "/sw.js",
            "/offline",
        ],
    ),
    (
        Class::Strict,
        "POST",
        &[
            "/api/auth/login",
            "/api/auth/register",
            "/api/auth/password/reset-request",
            "/api/auth/password/reset",
            "/api/auth/email/confirm",
            "/api/auth/guest/claim",
            "/sign-in",
            "/register",
            "/forgot-password",
            "/reset-password",
            "/confirm",
            "/claim",
        ],
    ),
    (Class::Guest, "POST", &["/api/auth/guest", "/session/guest"]),
    (
        Class::Staff,
        "*",
        &["/api/admin/*", "/organiser*", "/api/events/{event}/feed", "/api/mclasses/{class}/feed"],
    ),
    (
        Class::Hot,
        "*",
        &[
            "/api/events/{event}/holds*",
            "/api/queue/*",
            "/api/checkins*",
            "/api/webhooks/{gateway}",
            "/events/{event}/holds*",
            "/events/{event}/queue*",
            "/door*",
        ],
    ),
    (
        Class::Hot,
        "GET",
        &[
            "/api/events/{event}/availability",
            "/api/events/{event}/seats",
            "/api/events/{event}/seat-states",
            "/api/events/{event}/plan",
            "/api/events/{event}/stream",
            "/api/challenge",
            "/",
            "/events/{event}*",
            "/classes*",
            "/terms*",
            "/sign-in",
            "/register",
            "/forgot-password",
            "/claim",
        ],
    ),
    (
        Class::Relaxed,
        "GET POST",
        &["/api/auth/{provider}/callback", "/sign-in/{provider}/callback"],
    ),
    (
        Class::Hot,
        "GET POST",
        &["/api/auth/providers", "/api/auth/{provider}*", "/sign-in/{provider}*"],
    ),
    (Class::Hot, "OPTIONS", &["*"]),
    (
        Class::Staff,
        "POST PUT PATCH DELETE",
        &[
            "/api/events",
            "/api/events/{event}",
            "/api/events/{event}/products*",
            "/api/mclasses",
            "/api/mclasses/{class}",
            "/api/mclasses/{class}/enrollment-form*",
        ],
    ),
    (Class::Staff, "POST PUT DELETE", &["/api/terms", "/api/terms/{term}"]),
    (Class::General, "GET", &["/api/events/{event}/audit", "/api/events/{event}/waitlist*"]),
    (Class::General, "GET", &["/api/mclasses/{class}/enrollments*"]),
    (Class::Relaxed, "GET", &["/api/events*", "/api/mclasses*", "/api/terms", "/api/terms/{term}"]),
    (Class::Relaxed, "GET", &["/api/articles*", "/feeds/*"]),
    (Class::General, "*", &["*"]),
];

/// The classes of a route, by method.
#[derive(Clone, Copy, Debug)]
pub struct Classes([Class; METHODS.len()], Class);

const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

impl Classes {
    /// Returns the classes of a route with this pattern; `None` for a path that matches none.
    #[must_use]
    pub fn of(pattern: Option<&str>) -> Self {
        let pattern = pattern.unwrap_or_default();
        let class = |method: &Method| find(method.as_str(), pattern);
        Self(METHODS.each_ref().map(class), find("", pattern))
    }

    /// Returns the class of a request with this method.
    #[must_use]
    pub fn class(&self, method: &Method) -> Class {
        let found = METHODS.iter().position(|one| one == method);
        found.map_or(self.1, |at| self.0[at])
    }
}

fn find(method: &str, pattern: &str) -> Class {
    let is_of = |(_, methods, routes): &&Row| {
        let has_method = *methods == "*" || methods.split(' ').any(|one| one == method);
        has_method && routes.iter().any(|route| matches(route, pattern))
    };
    TABLE.iter().find(is_of).map_or(Class::General, |(class, ..)| *class)
}

fn matches(route: &str, pattern: &str) -> bool {
    match route.strip_suffix('*') {
        Some(beginning) => pattern.starts_with(beginning),
        None => route == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::http::openapi;

    #[test]
    fn every_request_has_the_class_that_is_meant() {
        for (method, pattern, class) in [
            (Method::POST, "/api/auth/login", Class::Strict),
            (Method::POST, "/api/auth/refresh", Class::General),
            (Method::GET, "/sign-in", Class::Hot),
            (Method::POST, "/sign-in", Class::Strict),
            (Method::POST, "/api/events/{event}/holds", Class::Hot),
            (Method::DELETE, "/api/events/{event}/holds/{hold}", Class::Hot),
            (Method::GET, "/api/events", Class::Relaxed),
            (Method::POST, "/api/events", Class::Staff),
            (Method::PATCH, "/api/events/{event}", Class::Staff),
            (Method::GET, "/api/events/{event}/products/{product}", Class::Relaxed),
            (Method::GET, "/api/events/{event}/stream", Class::Hot),
            (Method::POST, "/api/events/{event}/waitlist", Class::General),
            (Method::POST, "/api/events/{event}/participate", Class::General),
            (Method::GET, "/api/events/{event}/feed", Class::Staff),
            (Method::POST, "/api/queue/{event}/enqueue", Class::Hot),
            (Method::POST, "/api/reservations", Class::General),
            (Method::GET, "/api/admin/outbox", Class::Staff),
            (Method::POST, "/organiser/events/{event}/actions", Class::Staff),
            (Method::POST, "/events/{event}/holds", Class::Hot),
            (Method::GET, "/events/{event}", Class::Hot),
            (Method::GET, "/orders", Class::General),
            (Method::GET, "/assets/{build}/{file:.*}", Class::Free),
            (Method::GET, "/health/live", Class::Free),
            (Method::POST, crate::cluster::PATH, Class::Free),
            (Method::OPTIONS, "/api/auth/login", Class::Hot),
            (Method::CONNECT, "/api/auth/login", Class::General),
            (Method::GET, "", Class::General),
        ] {
            let found = Classes::of(Some(pattern)).class(&method);
            assert_eq!(found, class, "{method} {pattern}");
        }
        assert_eq!(Classes::of(None).class(&Method::GET), Class::General);
    }

    #[test]
    fn no_row_is_about_a_route_of_the_api_that_does_not_exist() {
        let paths = openapi::document()["paths"].as_object().expect("paths");
        let undocumented = ["/api-docs*", "/internal/*"];
        let routes = TABLE.iter().flat_map(|(.., routes)| routes.iter());
        for route in
            routes.filter(|route| route.starts_with("/api") && !undocumented.contains(route))
        {
            let is_there = |path: &String| matches(route, path);
            assert!(paths.keys().any(is_there), "{route} matches no operation");
        }
    }

    #[test]
    fn the_table_of_the_documents_is_this_one() {
        let mut table = String::new();
        for (class, methods, routes) in TABLE {
            let methods = if *methods == "*" { "all" } else { methods };
            let routes: Vec<String> = routes.iter().map(|route| format!("`{route}`")).collect();
            writeln!(table, "| {} | {methods} | {} |", class.as_str(), routes.join(" "))
                .expect("text");
        }
        let page = include_str!("../../../../docs/security.md");
        assert!(page.contains(&table), "docs/security.md has another table than\n{table}");
    }
}
