//! The pages of staff: the permission that each needs, what it is about, and the name of its act, which
//! is that of the API.

use super::rules::{About, Rule, Shot, act, own_or_others, read};
use crate::roles::Permission::{self, Administer, Any, Door, Manage, ReadOrders, Refund};

/// The pages of staff.
pub(super) const PAGES: &[Rule] = &[
    read("/organiser", Any, About::Nothing),
    read("/organiser/events/new", Administer, About::Nothing),
    post("/organiser/events/new", Administer, About::Nothing, "event.create"),
    read("/organiser/events/{event}", ReadOrders, About::Offering),
    post("/organiser/events/{event}/actions", Manage, About::Offering, "sale.act")
        .with(Shot::Event),
    read("/organiser/events/{event}/edit", Manage, About::Offering),
    post("/organiser/events/{event}/edit", Manage, About::Offering, "event.change")
        .with(Shot::Event),
    post("/organiser/events/{event}/products", Manage, About::Offering, "product.change")
        .with(Shot::Event),
    read("/organiser/events/{event}/seats", Manage, About::Offering),
    read("/organiser/events/{event}/give", Manage, About::Offering),
    post("/organiser/events/{event}/give", Manage, About::Offering, "order.give"),
    read("/organiser/events/{event}/holds", ReadOrders, About::Offering),
    read("/organiser/events/{event}/holds.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/waitlist", ReadOrders, About::Offering),
    read("/organiser/events/{event}/waitlist.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/orders", ReadOrders, About::Offering),
    read("/organiser/events/{event}/orders.csv", ReadOrders, About::Offering),
    read("/organiser/events/{event}/queue", Manage, About::Offering),
    post("/organiser/events/{event}/queue", Manage, About::Offering, "queue.set"),
    read("/organiser/orders/{reservation}", ReadOrders, About::Reservation),
    post("/organiser/orders/{reservation}/cancel", Refund, About::Reservation, "order.cancel"),
    post("/organiser/orders/{reservation}/refund", Refund, About::Reservation, "order.refund"),
    post("/organiser/orders/{reservation}/retry", Refund, About::Reservation, "payment.retry"),
    read("/organiser/team", Manage, About::Nothing),
    post("/organiser/team", Manage, About::InBody, "invitation.send"),
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
    post("/organiser/classes/new", Administer, About::Nothing, "class.create"),
    read("/organiser/classes/{class}", Manage, About::Offering),
    read("/organiser/classes/{class}/edit", Manage, About::Offering),
    post("/organiser/classes/{class}/edit", Manage, About::Offering, "class.change")
        .with(Shot::Class),
    read("/organiser/classes/{class}/cancel", Manage, About::Offering),
    post("/organiser/classes/{class}/cancel", Manage, About::Offering, "class.cancel")
        .with(Shot::Class),
    post("/organiser/classes/{class}/decisions", Manage, About::Offering, "enrollment.decide-many"),
    read("/organiser/classes/{class}/enrollments.csv", Manage, About::Offering),
    read("/organiser/classes/{class}/enrollments.xlsx", Manage, About::Offering),
    read("/organiser/classes/{class}/waitlist.csv", Manage, About::Offering),
    read("/organiser/classes/{class}/log", Manage, About::Offering),
    read("/organiser/classes/{class}/form", Manage, About::Offering),
    post("/organiser/classes/{class}/form", Manage, About::Offering, "form.replace"),
    read("/organiser/enrollments/{enrollment}", Manage, About::Enrollment),
    post(
        "/organiser/enrollments/{enrollment}/decision",
        Manage,
        About::Enrollment,
        "enrollment.decide",
    ),
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
    post("/organiser/venues", Administer, About::Nothing, "venue.create"),
    read("/organiser/venues/{venue}", Administer, About::Nothing),
    post("/organiser/venues/{venue}", Administer, About::Nothing, "venue.add-plan"),
    post("/organiser/venues/{venue}/edit", Administer, About::Nothing, "venue.change"),
    read("/organiser/terms", Administer, About::Nothing),
    post("/organiser/terms", Administer, About::Nothing, "term.create"),
    read("/organiser/terms/{term}", Administer, About::Nothing),
    post("/organiser/terms/{term}", Administer, About::Nothing, "term.replace").with(Shot::Term),
    post("/organiser/terms/{term}/retire", Administer, About::Nothing, "term.retire")
        .with(Shot::Term),
    read("/organiser/webhooks", Administer, About::Nothing),
    post("/organiser/webhooks", Administer, About::Nothing, "webhook.create"),
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
    use super::*;

    #[test]
    fn every_page_of_staff_has_one_rule() {
        for rule in PAGES {
            let same = PAGES.iter().filter(|it| (it.method, it.path) == (rule.method, rule.path));
            assert_eq!(same.count(), 1, "{} {}", rule.method, rule.path);
            assert_eq!(rule.act.is_some(), rule.method != "GET", "{}", rule.path);
        }
    }
}
