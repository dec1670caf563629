//! The routes of staff: the permission that each needs, what it is about, and how the audit log calls
//! it. The pages have a table of their own.

use serde_json::Value;

use crate::roles::Permission::{self, Administer, Door, Manage, ReadOrders, Refund};

/// A route of staff.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) permission: Permission,
    pub(crate) about: About,
    /// The name of the act; `None` for a read.
    pub(crate) act: Option<&'static str>,
    pub(crate) shot: Shot,
    /// True if customers use the route too, for what is theirs.
    pub(crate) is_shared: bool,
    /// True if staff can do more than a customer with what is their own: that is written down too.
    pub(crate) exceeds_terms: bool,
    /// Returns the name of the act by the values of a form that has several.
    pub(crate) named: Option<Named>,
}

/// Returns the name of an act by the values of its form, if they choose another than the rule's.
pub(crate) type Named = fn(&Value) -> Option<&'static str>;

/// The thing that a request is about, by a parameter of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// No offering in particular: a list, or something that belongs to no offering.
    Nothing,
    /// An offering: `event` or `class`.
    Offering,
    /// The offering that this field of the body names; the handler checks the permission again.
    InBody(&'static str),
    /// The ticket that the body names, at the door of its `eventId`; the handler checks the permission again.
    TicketInBody,
    Reservation,
    Payment,
    Refund,
    Enrollment,
    Grant,
    Invitation,
    /// A hold or an entry of the waitlist: `hold`, `entry`.
    Holding,
    Article,
    Comment,
}

/// The values that are read before and after an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shot {
    /// None: the values of the request stand for them.
    Nothing,
    Event,
    Class,
    Term,
    Webhook,
    Grant,
}

/// A route that reads.
pub(crate) const fn read(path: &'static str, permission: Permission, about: About) -> Rule {
    Rule { act: None, ..act(("GET", path), permission, about, "") }
}

/// A route that changes something.
pub(crate) const fn act(
    (method, path): (&'static str, &'static str),
    permission: Permission,
    about: About,
    name: &'static str,
) -> Rule {
    Rule {
        method,
        path,
        permission,
        about,
        act: Some(name),
        shot: Shot::Nothing,
        is_shared: false,
        exceeds_terms: false,
        named: None,
    }
}

/// A route that changes what is the caller's own, or for staff what is a customer's.
pub(crate) const fn own_or_others(
    (method, path): (&'static str, &'static str),
    permission: Permission,
    about: About,
    name: &'static str,
) -> Rule {
    Rule { is_shared: true, ..act((method, path), permission, about, name) }
}

impl Rule {
    /// The same, with values that are read before and after.
    pub(crate) const fn with(self, shot: Shot) -> Self {
        Self { shot, ..self }
    }

    /// The same, with a row also for what is the caller's own.
    pub(crate) const fn beyond_terms(self) -> Self {
        Self { exceeds_terms: true, ..self }
    }

    /// The same, with a name that depends on the form.
    pub(crate) const fn named(self, named: Named) -> Self {
        Self { named: Some(named), ..self }
    }
}

/// The routes of the API.
pub(super) const API: &[Rule] = &[
    // Events.
    act(("POST", "/api/events"), Administer, About::Nothing, "event.create").with(Shot::Event),
    act(("PATCH", "/api/events/{event}"), Manage, About::Offering, "event.change")
        .with(Shot::Event),
    act(("PUT", "/api/events/{event}"), Manage, About::Offering, "event.change").with(Shot::Event),
    act(("DELETE", "/api/events/{event}"), Manage, About::Offering, "event.cancel")
        .with(Shot::Event),
    act(("POST", "/api/events/{event}/products"), Manage, About::Offering, "product.add")
        .with(Shot::Event),
    act(
        ("PATCH", "/api/events/{event}/products/{product}"),
        Manage,
        About::Offering,
        "product.change",
    )
    .with(Shot::Event),
    act(
        ("DELETE", "/api/events/{event}/products/{product}"),
        Manage,
        About::Offering,
        "product.withdraw",
    )
    .with(Shot::Event),
    read("/api/events/{event}/feed", ReadOrders, About::Offering),
    read("/api/admin/offerings/{event}", Manage, About::Offering),
    read("/api/admin/offerings/{event}/journal", Manage, About::Offering),
    read("/api/admin/offerings/{event}/holds", ReadOrders, About::Offering),
    read("/api/admin/offerings/{event}/waitlist", ReadOrders, About::Offering),
    read("/api/admin/offerings/{event}/seats/{seat}", ReadOrders, About::Offering),
    act(
        ("POST", "/api/admin/offerings/{event}/complimentary-orders"),
        Manage,
        About::Offering,
        "order.give",
    ),
    act(("POST", "/api/admin/offerings/{event}/block"), Manage, About::Offering, "sale.block")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/unblock"), Manage, About::Offering, "sale.unblock")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/resize"), Manage, About::Offering, "sale.resize")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/reprice"), Manage, About::Offering, "sale.reprice")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/add-row"), Manage, About::Offering, "sale.add-row")
        .with(Shot::Event),
    act(
        ("POST", "/api/admin/offerings/{event}/remove-seats"),
        Manage,
        About::Offering,
        "sale.remove-seats",
    )
    .with(Shot::Event),
    act(
        ("POST", "/api/admin/offerings/{event}/keep-seats"),
        Manage,
        About::Offering,
        "sale.keep-seats",
    ),
    act(("POST", "/api/admin/offerings/{event}/move"), Administer, About::Offering, "sale.move"),
    act(("POST", "/api/admin/offerings/{event}/open"), Manage, About::Offering, "sale.open")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/pause"), Manage, About::Offering, "sale.pause")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/close"), Manage, About::Offering, "sale.close")
        .with(Shot::Event),
    act(("POST", "/api/admin/offerings/{event}/cancel"), Manage, About::Offering, "event.cancel")
        .with(Shot::Event),
    read("/api/admin/events/{event}/queue", Manage, About::Offering),
    act(("PUT", "/api/admin/events/{event}/queue"), Manage, About::Offering, "queue.set"),
    act(("POST", "/api/admin/events/{event}/queue/draw"), Manage, About::Offering, "queue.draw"),
    act(
        ("POST", "/api/admin/events/{event}/queue/guests"),
        Manage,
        About::Offering,
        "queue.guests",
    ),
    act(("POST", "/api/admin/events/{event}/queue/void"), Manage, About::Offering, "queue.void"),
    own_or_others(
        ("POST", "/api/queue/{event}/validate-pass-token"),
        Manage,
        About::Offering,
        "queue.use-pass",
    ),
    act(("PUT", "/api/events/{event}/concert"), Manage, About::Offering, "concert.put"),
    act(("DELETE", "/api/events/{event}/concert"), Manage, About::Offering, "concert.delete"),
    act(("POST", "/api/artists"), Administer, About::Nothing, "artist.create"),
    act(("PATCH", "/api/artists/{artist}"), Administer, About::Nothing, "artist.change"),
    act(("DELETE", "/api/artists/{artist}"), Administer, About::Nothing, "artist.delete"),
    act(("POST", "/api/series"), Administer, About::Nothing, "series.create"),
    act(("PATCH", "/api/series/{series}"), Administer, About::Nothing, "series.change"),
    act(("DELETE", "/api/series/{series}"), Administer, About::Nothing, "series.delete"),
    act(("DELETE", "/api/events/{event}/setlist"), Manage, About::Offering, "setlist.delete"),
    // The door.
    act(("POST", "/api/checkins"), Door, About::TicketInBody, "ticket.check-in"),
    act(("POST", "/api/checkins/undo"), Door, About::TicketInBody, "ticket.undo-check-in"),
    // Classes.
    act(("POST", "/api/mclasses"), Administer, About::Nothing, "class.create").with(Shot::Class),
    act(("PUT", "/api/mclasses/{class}"), Manage, About::Offering, "class.change")
        .with(Shot::Class),
    act(("DELETE", "/api/mclasses/{class}"), Manage, About::Offering, "class.cancel")
        .with(Shot::Class),
    act(("POST", "/api/mclasses/{class}/enrollment-form"), Manage, About::Offering, "form.create"),
    act(("PUT", "/api/mclasses/{class}/enrollment-form"), Manage, About::Offering, "form.replace"),
    act(
        ("DELETE", "/api/mclasses/{class}/enrollment-form"),
        Manage,
        About::Offering,
        "form.delete",
    ),
    read("/api/mclasses/{class}/feed", ReadOrders, About::Offering),
    read("/api/admin/dashboard", Administer, About::Nothing),
    read("/api/admin/enrollments", Manage, About::Nothing),
    act(
        ("POST", "/api/admin/enrollments/decisions"),
        Manage,
        About::InBody("mclassId"),
        "enrollment.decide-many",
    ),
    read("/api/admin/enrollments/{enrollment}", Manage, About::Enrollment),
    act(
        ("PUT", "/api/admin/enrollments/{enrollment}"),
        Manage,
        About::Enrollment,
        "enrollment.decide",
    ),
    act(
        ("PUT", "/api/admin/enrollments/{enrollment}/position"),
        Manage,
        About::Enrollment,
        "enrollment.move",
    ),
    read("/api/admin/enrollments/{enrollment}/changes", Manage, About::Enrollment),
    act(
        ("POST", "/api/admin/mclasses/{class}/attendance"),
        Manage,
        About::Offering,
        "enrollment.attendance",
    ),
    read("/api/admin/mclasses/{class}/changes", Manage, About::Offering),
    read("/api/admin/mclasses/{class}/enrollments.csv", Manage, About::Offering),
    read("/api/admin/mclasses/{class}/enrollments.xlsx", Manage, About::Offering),
    read("/api/admin/mclasses/{class}/waitlist.csv", Manage, About::Offering),
    own_or_others(
        ("PUT", "/api/mclasses/{class}/enrollments/{enrollment}"),
        Manage,
        About::Enrollment,
        "enrollment.change",
    ),
    own_or_others(
        ("DELETE", "/api/mclasses/{class}/enrollments/{enrollment}"),
        Manage,
        About::Enrollment,
        "enrollment.cancel",
    ),
    // Orders and money.
    read("/api/admin/reservations", ReadOrders, About::Nothing),
    read("/api/admin/payments", ReadOrders, About::Nothing),
    read("/api/admin/payments/notifications", Administer, About::Nothing),
    act(
        ("POST", "/api/admin/payments/{payment}/paid"),
        Refund,
        About::Payment,
        "payment.mark-paid",
    ),
    act(
        ("POST", "/api/admin/payments/{payment}/refused"),
        Refund,
        About::Payment,
        "payment.refuse",
    ),
    act(
        ("POST", "/api/admin/payments/{payment}/settled"),
        Refund,
        About::Payment,
        "payment.settle",
    ),
    read("/api/admin/refunds", ReadOrders, About::Nothing),
    act(("POST", "/api/admin/refunds/{refund}/retry"), Refund, About::Refund, "refund.retry"),
    act(("POST", "/api/admin/refunds/{refund}/paid"), Refund, About::Refund, "refund.mark-paid"),
    act(
        ("POST", "/api/admin/users/{user}/wallet/charges"),
        Administer,
        About::Nothing,
        "wallet.charge",
    ),
    own_or_others(
        ("POST", "/api/reservations/{reservation}/cancel"),
        Refund,
        About::Reservation,
        "order.cancel",
    ),
    own_or_others(
        ("POST", "/api/reservations/{reservation}/refunds"),
        Refund,
        About::Reservation,
        "order.refund",
    )
    .beyond_terms(),
    own_or_others(
        ("DELETE", "/api/events/{event}/holds/{hold}"),
        Manage,
        About::Holding,
        "hold.release",
    ),
    own_or_others(
        ("DELETE", "/api/events/{event}/waitlist/{entry}"),
        Manage,
        About::Holding,
        "waitlist.remove",
    ),
    own_or_others(
        ("DELETE", "/api/reservations/{reservation}"),
        Refund,
        About::Reservation,
        "order.cancel",
    ),
    // Terms, venues, webhooks, messages, the cluster.
    act(("POST", "/api/terms"), Administer, About::Nothing, "term.create").with(Shot::Term),
    act(("PUT", "/api/terms/{term}"), Administer, About::Nothing, "term.replace").with(Shot::Term),
    act(("DELETE", "/api/terms/{term}"), Administer, About::Nothing, "term.retire")
        .with(Shot::Term),
    read("/api/admin/venues", Administer, About::Nothing),
    act(("POST", "/api/admin/venues"), Administer, About::Nothing, "venue.create"),
    read("/api/admin/venues/{venue}", Administer, About::Nothing),
    act(("PATCH", "/api/admin/venues/{venue}"), Administer, About::Nothing, "venue.change"),
    read("/api/admin/venues/{venue}/plans", Administer, About::Nothing),
    act(("POST", "/api/admin/venues/{venue}/plans"), Administer, About::Nothing, "venue.add-plan"),
    read("/api/admin/venues/{venue}/plans/{version}", Administer, About::Nothing),
    act(("POST", "/api/admin/plans/generate"), Administer, About::Nothing, "venue.draw-plan"),
    read("/api/admin/webhooks", Administer, About::Nothing),
    act(("POST", "/api/admin/webhooks"), Administer, About::Nothing, "webhook.create")
        .with(Shot::Webhook),
    read("/api/admin/webhooks/{webhook}", Administer, About::Nothing),
    act(("PATCH", "/api/admin/webhooks/{webhook}"), Administer, About::Nothing, "webhook.change")
        .with(Shot::Webhook),
    act(("DELETE", "/api/admin/webhooks/{webhook}"), Administer, About::Nothing, "webhook.delete")
        .with(Shot::Webhook),
    act(
        ("POST", "/api/admin/webhooks/{webhook}/rotate-secret"),
        Administer,
        About::Nothing,
        "webhook.rotate-secret",
    ),
    act(("POST", "/api/admin/webhooks/{webhook}/ping"), Administer, About::Nothing, "webhook.ping"),
    read("/api/admin/webhooks/{webhook}/deliveries", Administer, About::Nothing),
    act(
        ("POST", "/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay"),
        Administer,
        About::Nothing,
        "webhook.replay",
    ),
    act(
        ("POST", "/api/admin/webhooks/{webhook}/replay"),
        Administer,
        About::Nothing,
        "webhook.replay",
    ),
    read("/api/admin/outbox", Administer, About::Nothing),
    read("/api/admin/outbox/{delivery}", Administer, About::Nothing),
    act(("POST", "/api/admin/outbox/{delivery}/retry"), Administer, About::Nothing, "outbox.retry"),
    act(("POST", "/api/admin/outbox/retry"), Administer, About::Nothing, "outbox.retry"),
    act(
        ("POST", "/api/admin/outbox/{delivery}/cancel"),
        Administer,
        About::Nothing,
        "outbox.cancel",
    ),
    read("/api/admin/instances", Administer, About::Nothing),
    // What fans write.
    own_or_others(
        ("DELETE", "/api/articles/{article}"),
        Administer,
        About::Article,
        "article.delete",
    ),
    own_or_others(
        ("DELETE", "/api/comments/{comment}"),
        Administer,
        About::Comment,
        "comment.delete",
    ),
    read("/api/admin/moderation/reports", Administer, About::Nothing),
    act(("POST", "/api/admin/moderation/hide"), Administer, About::Nothing, "moderation.hide"),
    act(
        ("POST", "/api/admin/moderation/restore"),
        Administer,
        About::Nothing,
        "moderation.restore",
    ),
    act(
        ("POST", "/api/admin/moderation/dismiss"),
        Administer,
        About::Nothing,
        "moderation.dismiss",
    ),
    read("/api/admin/moderation/bans", Administer, About::Nothing),
    act(("POST", "/api/admin/moderation/bans"), Administer, About::Nothing, "ban.create"),
    act(("DELETE", "/api/admin/moderation/bans/{ban}"), Administer, About::Nothing, "ban.lift"),
    // People and their roles.
    read("/api/admin/users", Administer, About::Nothing),
    read("/api/admin/grants", Manage, About::Nothing),
    act(("POST", "/api/admin/grants"), Manage, About::InBody("offeringId"), "grant.give"),
    act(("DELETE", "/api/admin/grants/{grant}"), Manage, About::Grant, "grant.revoke")
        .with(Shot::Grant),
    read("/api/admin/invitations", Manage, About::Nothing),
    act(("POST", "/api/admin/invitations"), Manage, About::InBody("offeringId"), "invitation.send"),
    act(
        ("DELETE", "/api/admin/invitations/{invitation}"),
        Manage,
        About::Invitation,
        "invitation.withdraw",
    ),
    read("/api/admin/audit-log", Manage, About::Nothing),
    read("/api/admin/audit-log.csv", Manage, About::Nothing),
];
