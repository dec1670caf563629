//! The roles that an operation needs, in its description: from the table by which requests are let in.

use utoipa::openapi::path::Operation;

use crate::http::staff;
use crate::store::GrantRole;

/// Adds the roles that an operation of staff needs.
pub(super) fn describe(path: &str, method: &str, operation: &mut Operation) {
    let rules = staff::rules_of(path);
    let rule = rules.into_iter().find(|rule| rule.method.eq_ignore_ascii_case(method));
    let Some(rule) = rule else { return };
    let others = GrantRole::ALL.into_iter().filter(|role| *role != GrantRole::Admin);
    let others = others.filter(|role| rule.permission.is_of(*role)).map(GrantRole::as_str);
    let others: Vec<&str> = others.collect();
    let of_offering = match others.is_empty() {
        true => String::new(),
        false => format!(", or {} of the offering", others.join(" or ")),
    };
    let whose = if rule.is_shared { "For what is another person's it needs" } else { "Needs" };
    let description = operation.description.get_or_insert_default();
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(&format!("{whose} the role ADMIN{of_offering}."));
}
