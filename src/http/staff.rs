//! The gate that every request of staff passes, on pages and in the API: it reads the role, and writes
//! each act to the audit log before it happens. A route that is not in its tables lets no request in,
//! because only the gate makes the extractor [`crate::http::extract::Staff`] succeed.

mod begun;
mod carry_out;
mod gate;
mod pages;
mod rules;
mod sent;
mod snapshots;
mod subject;

pub(crate) use carry_out::carry_out;
pub(crate) use gate::enter;
use rules::About;
pub(crate) use rules::Rule;

use crate::roles::Permission;

/// Returns the rules of a route of the API, by its pattern.
pub(crate) fn rules_of(pattern: &str) -> Vec<&'static Rule> {
    rules::API.iter().filter(|rule| rule.path == pattern).collect()
}

/// Returns the rule of a page, by its method and pattern.
pub(crate) fn page_rule(method: &str, pattern: &str) -> Option<&'static Rule> {
    pages::PAGES.iter().find(|rule| rule.path == pattern && rule.method == method)
}

/// A rule, as tests read it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Listed {
    pub method: &'static str,
    pub path: &'static str,
    pub permission: Permission,
    /// True if it is about one offering, or a thing of one, that the path names.
    pub is_of_offering: bool,
    /// True if customers use the route too.
    pub is_shared: bool,
    /// The name of the act in the audit log; `None` for a read.
    pub act: Option<&'static str>,
}

/// Returns all rules of the API.
#[must_use]
pub fn listed() -> Vec<Listed> {
    list(rules::API)
}

/// Returns all rules of pages.
#[must_use]
pub fn listed_pages() -> Vec<Listed> {
    list(pages::PAGES)
}

fn list(rules: &[Rule]) -> Vec<Listed> {
    let of = |rule: &Rule| Listed {
        method: rule.method,
        path: rule.path,
        permission: rule.permission,
        is_of_offering: !matches!(
            rule.about,
            About::Nothing | About::InBody(_) | About::TicketInBody
        ),
        is_shared: rule.is_shared,
        act: rule.act,
    };
    rules.iter().map(of).collect()
}
