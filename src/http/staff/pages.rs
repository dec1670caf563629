//! The pages of staff: the permission that each needs, what it is about, and the name of its act, which
//! is that of the API.

use serde_json::Value;

use super::rules::{About, Rule, Shot, act, own_or_others, read};
use crate::roles::Permission::{self, Administer, Any, Door, Manage, ReadOrders, Refund};

/// The pages of staff.
pub(super) const PAGES: &[Rule] = &[
    read("/organiser", Any, About::Nothing),
    read("/organiser/events/new", Administer, About::Nothing),
    post("/organiser/events/new", Administer, About::Nothing, "event.create")
        .with(Shot::Event)
        .named(of_new_event),
    read("/organiser/events/{event}", ReadOrders, About::Offering),
    post("/organiser/events/{event}/actions", Manage, About::Offering, "sale.act")
        .with(Shot::Event)
        .named(of_sale),
    read("/organiser/events/{event}/edit", Manage, About::Offering),
    post("/organiser/events/{event}/edit", Manage, About::Offering, "event.change")
        .with(Shot::Event),
    post("/organiser/events/{event}/products", Manage, About::Offering, "product.change")
        .with(Shot::Event)
        .named(of_product),
    read("/organiser/events/{event}/concert", Manage, About::Offering),
    post("/organiser/events/{event}/concert", Manage, About::Offering, "concert.put")
        .named(of_concert),
    read("/organiser/events/{event}/seats", Manage, About::Offering),
    read("/organiser/events/{event}/give", Manage, About::Offering),
    post("/organiser/events/{event}/give", Manage, About::Offering, "order.give").named(of_gift),
    read("/organiser/events/{event}/holds", ReadOrders, About::Offering),
    read("/organiser/events/{event}/holds.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/waitlist", ReadOrders, About::Offering),
    read("/organiser/events/{event}/waitlist.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/orders", ReadOrders, About::Offering),
    read("/organiser/events/{event}/orders.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/queue", Manage, About::Offering),
    post("/organiser/events/{event}/queue", Manage, About::Offering, "queue.set").named(of_queue),
    read("/organiser/orders/{reservation}", ReadOrders, About::Reservation),
    post("/organiser/orders/{reservation}/cancel", Refund, About::Reservation, "order.cancel"),
    post("/organiser/orders/{reservation}/refund", Refund, About::Reservation, "order.refund"),
    post("/organiser/orders/{reservation}/retry", Refund, About::Reservation, "refund.retry"),
    read("/organiser/team", Manage, About::Nothing),
    post("/organiser/team", Manage, About::InBody("offeringId"), "invitation.send"),
    post("/organiser/team/{grant}/revoke", Manage, About::Grant, "grant.revoke").with(Shot::Grant),
    post(
        "/organiser/team/invitations/{invitation}/withdraw",
        Manage,
        About::Invitation,
        "invitation.withdraw",
    ),
    read("/organiser/audit", Manage, About::Nothing),
    read("/organiser/audit.csv", Manage, About::Nothing),
    read("/organiser/users", Administer, About::Nothing),
    read("/organiser/users/{user}", Administer, About::Nothing),
    post("/organiser/users/{user}/charge", Administer, About::Nothing, "wallet.charge"),
    read("/organiser/classes", Any, About::Nothing),
    read("/organiser/classes/new", Administer, About::Nothing),
    post("/organiser/classes/new", Administer, About::Nothing, "class.create").with(Shot::Class),
    read("/organiser/classes/{class}", Manage, About::Offering),
    read("/organiser/classes/{class}/edit", Manage, About::Offering),
    post("/organiser/classes/{class}/edit", Manage, About::Offering, "class.change")
        .with(Shot::Class),
    read("/organiser/classes/{class}/cancel", Manage, About::Offering),
    post("/organiser/classes/{class}/cancel", Manage, About::Offering, "class.cancel")
        .with(Shot::Class),
    post("/organiser/classes/{class}/decisions", Manage, About::Offering, "enrollment.decide-many")
        .named(of_desk),
    read("/organiser/classes/{class}/enrollments.csv", Manage, About::Offering),
    read("/organiser/classes/{class}/enrollments.xlsx", Manage, About::Offering),
    read("/organiser/classes/{class}/waitlist.csv", Manage, About::Offering),
    read("/organiser/classes/{class}/log", Manage, About::Offering),
    read("/organiser/classes/{class}/form", Manage, About::Offering),
    post("/organiser/classes/{class}/form", Manage, About::Offering, "form.replace").named(of_form),
    read("/organiser/enrollments/{enrollment}", Manage, About::Enrollment),
    post(
        "/organiser/enrollments/{enrollment}/decision",
        Manage,
        About::Enrollment,
        "enrollment.decide",
    )
    .named(of_enrollment),
    post(
        "/organiser/enrollments/{enrollment}/position",
        Manage,
        About::Enrollment,
        "enrollment.move",
    ),
    read("/organiser/payments", ReadOrders, About::Nothing),
    read("/organiser/payments/notifications", Administer, About::Nothing),
    post("/organiser/payments/{payment}/paid", Refund, About::Payment, "payment.mark-paid"),
    post("/organiser/payments/{payment}/refused", Refund, About::Payment, "payment.refuse"),
    post("/organiser/payments/{payment}/settled", Refund, About::Payment, "payment.settle"),
    read("/organiser/refunds", ReadOrders, About::Nothing),
    post("/organiser/refunds/{refund}/retry", Refund, About::Refund, "refund.retry"),
    post("/organiser/refunds/{refund}/paid", Refund, About::Refund, "refund.mark-paid"),
    read("/organiser/venues", Administer, About::Nothing),
    post("/organiser/venues", Administer, About::Nothing, "venue.create").named(of_plan),
    read("/organiser/venues/{venue}", Administer, About::Nothing),
    post("/organiser/venues/{venue}", Administer, About::Nothing, "venue.add-plan").named(of_plan),
    post("/organiser/venues/{venue}/edit", Administer, About::Nothing, "venue.change"),
    read("/organiser/terms", Administer, About::Nothing),
    post("/organiser/terms", Administer, About::Nothing, "term.create").with(Shot::Term),
    read("/organiser/terms/{term}", Administer, About::Nothing),
    post("/organiser/terms/{term}", Administer, About::Nothing, "term.replace").with(Shot::Term),
    post("/organiser/terms/{term}/retire", Administer, About::Nothing, "term.retire")
        .with(Shot::Term),
    read("/organiser/moderation", Administer, About::Nothing),
    post("/organiser/moderation", Administer, About::Nothing, "moderation.dismiss")
        .named(of_desk_of_moderators),
    post("/organiser/moderation/bans", Administer, About::Nothing, "ban.create"),
    post("/organiser/moderation/bans/{ban}/lift", Administer, About::Nothing, "ban.lift"),
    read("/organiser/webhooks", Administer, About::Nothing),
    post("/organiser/webhooks", Administer, About::Nothing, "webhook.create").with(Shot::Webhook),
    read("/organiser/webhooks/{webhook}", Administer, About::Nothing),
    post("/organiser/webhooks/{webhook}", Administer, About::Nothing, "webhook.change")
        .with(Shot::Webhook),
    post("/organiser/webhooks/{webhook}/enabled", Administer, About::Nothing, "webhook.change")
        .with(Shot::Webhook),
    post("/organiser/webhooks/{webhook}/ping", Administer, About::Nothing, "webhook.ping"),
    post(
        "/organiser/webhooks/{webhook}/rotate",
        Administer,
        About::Nothing,
        "webhook.rotate-secret",
    ),
    post("/organiser/webhooks/{webhook}/delete", Administer, About::Nothing, "webhook.delete")
        .with(Shot::Webhook),
    post("/organiser/webhooks/{webhook}/replay", Administer, About::Nothing, "webhook.replay"),
    post(
        "/organiser/webhooks/{webhook}/deliveries/{delivery}/replay",
        Administer,
        About::Nothing,
        "webhook.replay",
    ),
    read("/door", Door, About::Nothing),
    read("/door/{event}", Door, About::Offering),
    read("/door/{event}/counts", Door, About::Offering),
    read("/door/{event}/search", Door, About::Offering),
    post("/door/{event}/check", Door, About::Offering, "ticket.check-in"),
    post("/door/{event}/undo", Door, About::Offering, "ticket.undo-check-in"),
    // Pages of customers, on which staff may act for another.
    shared("/orders/{reservation}/cancel", Refund, About::Reservation, "order.cancel"),
    shared("/orders/{reservation}/refund", Refund, About::Reservation, "order.refund"),
    shared("/events/{event}/holds/{hold}/release", Manage, About::Holding, "hold.release"),
    shared("/events/{event}/waitlist/{entry}/leave", Manage, About::Holding, "waitlist.remove"),
    shared("/enrollments/{enrollment}/cancel", Manage, About::Enrollment, "enrollment.cancel"),
    shared("/enrollments/{enrollment}/answers", Manage, About::Enrollment, "enrollment.change"),
];

/// Returns a value as handlers read it: the first, of a field that was sent several times.
fn first<'a>(values: &'a Value, field: &str) -> Option<&'a str> {
    match values.get(field)? {
        Value::Array(several) => several.first()?.as_str(),
        one => one.as_str(),
    }
}

/// Returns the button of a form that has several.
fn button(values: &Value) -> Option<&str> {
    first(values, "do")
}

fn of_sale(values: &Value) -> Option<&'static str> {
    Some(match button(values)? {
        "open" => "sale.open",
        "pause" => "sale.pause",
        "close" => "sale.close",
        "cancel" => "event.cancel",
        "reprice" => "sale.reprice",
        "resize" => "sale.resize",
        "block" | "block-seats" => "sale.block",
        "unblock" | "unblock-seats" => "sale.unblock",
        "add-row" => "sale.add-row",
        "remove-seats" => "sale.remove-seats",
        _ => return None,
    })
}

/// Forms with several buttons store nothing before they are saved.
fn of_new_event(values: &Value) -> Option<&'static str> {
    (!matches!(button(values)?, "save" | "publish")).then_some("event.preview")
}

/// Seats that were chosen by rows are shown before they are given.
fn of_gift(values: &Value) -> Option<&'static str> {
    let rows = first(values, "rows")?;
    (!rows.trim().is_empty()).then_some("order.preview")
}

fn of_product(values: &Value) -> Option<&'static str> {
    (button(values)? == "add").then_some("product.add")
}

fn of_queue(values: &Value) -> Option<&'static str> {
    Some(match button(values)? {
        "draw" => "queue.draw",
        "guests" => "queue.guests",
        "void" => "queue.void",
        _ => return None,
    })
}

fn of_desk(values: &Value) -> Option<&'static str> {
    let is_mark = matches!(button(values)?, "present" | "late" | "absent" | "unmark");
    is_mark.then_some("enrollment.attendance")
}

fn of_concert(values: &Value) -> Option<&'static str> {
    (button(values)? == "delete").then_some("concert.delete")
}

fn of_desk_of_moderators(values: &Value) -> Option<&'static str> {
    Some(match button(values)? {
        "hide" => "moderation.hide",
        "restore" => "moderation.restore",
        _ => return None,
    })
}

fn of_enrollment(values: &Value) -> Option<&'static str> {
    Some(match button(values)? {
        "present" | "late" | "absent" | "unmark" => "enrollment.attendance",
        "cancel" => "enrollment.cancel",
        _ => return None,
    })
}

fn of_form(values: &Value) -> Option<&'static str> {
    let version = first(values, "version").unwrap_or_default();
    let button = button(values)?;
    // Some name a question too.
    Some(match button.split_once('-').map_or(button, |(button, _)| button) {
        "delete" => "form.delete",
        "save" if version.is_empty() => "form.create",
        "save" => return None,
        // Nothing is stored before it is saved.
        _ => "form.preview",
    })
}

fn of_plan(values: &Value) -> Option<&'static str> {
    (button(values)? == "preview").then_some("venue.draw-plan")
}

const fn post(
    path: &'static str,
    permission: Permission,
    about: About,
    name: &'static str,
) -> Rule {
    act(("POST", path), permission, about, name)
}

const fn shared(
    path: &'static str,
    permission: Permission,
    about: About,
    name: &'static str,
) -> Rule {
    own_or_others(("POST", path), permission, about, name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::staff::rules::API;
    use crate::store::GrantRole;

    #[test]
    fn every_page_of_staff_has_one_rule() {
        for rule in PAGES {
            let same = PAGES.iter().filter(|it| (it.method, it.path) == (rule.method, rule.path));
            assert_eq!(same.count(), 1, "{} {}", rule.method, rule.path);
            assert_eq!(rule.act.is_some(), rule.method != "GET", "{}", rule.path);
        }
    }

    #[test]
    fn the_table_of_the_manual_has_every_page_of_staff_with_its_roles() {
        let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pages.md");
        let manual = std::fs::read_to_string(manual).expect("it is there");
        let rows = manual.lines().filter(|line| line.starts_with("| `/"));
        let rows: Vec<Vec<&str>> =
            rows.map(|row| row.split('|').map(str::trim).collect()).collect();
        for rule in PAGES.iter().filter(|rule| rule.method == "GET") {
            let address = format!("`{}`", rule.path);
            let named = rows.iter().filter(|row| row[1].split(", ").any(|it| it == address));
            let roles = GrantRole::ALL.into_iter().filter(|role| rule.permission.is_of(*role));
            let roles = match rule.permission {
                Any => "any".to_owned(),
                _ => roles.map(GrantRole::as_str).collect::<Vec<_>>().join(", "),
            };
            let said: Vec<_> = named.map(|row| row[3]).collect();
            assert_eq!(said, [roles], "{}", rule.path);
        }
        for row in &rows {
            for address in row[1].split(", ").map(|it| it.trim_matches('`')) {
                let is_of_staff = address.starts_with("/organiser") || address.starts_with("/door");
                let is_known =
                    PAGES.iter().any(|rule| rule.method == "GET" && rule.path == address);
                assert!(!is_of_staff || is_known, "{address} is no page");
            }
        }
    }

    #[test]
    fn acts_of_pages_have_the_names_of_the_api() {
        // Names of pages alone: a button that is not known, and forms that are shown before they are saved.
        const OF_PAGES: [&str; 4] = ["sale.act", "form.preview", "event.preview", "order.preview"];
        const BUTTONS: [&str; 26] = [
            "open",
            "pause",
            "close",
            "cancel",
            "reprice",
            "resize",
            "block",
            "unblock",
            "add-row",
            "block-seats",
            "unblock-seats",
            "remove-seats",
            "add",
            "change",
            "draw",
            "guests",
            "void",
            "save",
            "present",
            "unmark",
            "approve",
            "delete",
            "preview",
            "up-1",
            "on",
            "publish",
        ];
        let is_of_api = |name: &str| API.iter().any(|rule| rule.act == Some(name));
        for rule in PAGES {
            let Some(act) = rule.act else { continue };
            let named = rule.named.unwrap_or(|_| None);
            let names =
                BUTTONS.iter().filter_map(|button| named(&json!({ "do": button, "rows": "A" })));
            for name in names.chain([act]) {
                assert!(is_of_api(name) || OF_PAGES.contains(&name), "{}: {name}", rule.path);
            }
        }
        assert_eq!(of_sale(&json!({"do": "pause"})), Some("sale.pause"));
        assert_eq!(of_form(&json!({"do": "save", "version": "2"})), None);
        assert_eq!(of_form(&json!({"do": "save", "version": ""})), Some("form.create"));
    }

    #[test]
    fn of_a_field_that_is_sent_twice_the_first_names_the_act_as_it_does_for_the_handler() {
        assert_eq!(of_sale(&json!({"do": ["cancel", "x"]})), Some("event.cancel"));
        assert_eq!(of_sale(&json!({"do": ["x", "cancel"]})), None);
        assert_eq!(of_gift(&json!({"rows": ["", "A"]})), None);
        assert_eq!(of_gift(&json!({"rows": ["A", ""]})), Some("order.preview"));
        assert_eq!(
            of_form(&json!({"do": ["save", "add"], "version": ["", "2"]})),
            Some("form.create")
        );
        assert_eq!(of_form(&json!({"do": "save-1", "version": "2"})), None);
        assert_eq!(of_form(&json!({"do": "delete-1"})), Some("form.delete"));
    }
}
