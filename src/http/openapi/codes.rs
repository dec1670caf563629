//! The error codes of operations, as each lists them beside its route.

use crate::http::error::{ErrorCode, OperationCodes};

const ALL: &[&[OperationCodes]] = &[
    crate::http::api::accounts::auth::CODES,
    crate::http::api::accounts::challenge::CODES,
    crate::http::api::accounts::guests::CODES,
    crate::http::api::accounts::identities::CODES,
    crate::http::api::accounts::mail_links::CODES,
    crate::http::api::accounts::profile::CODES,
    crate::http::api::accounts::sessions::CODES,
    crate::http::api::accounts::social::CODES,
    crate::http::api::accounts::users::CODES,
    crate::http::api::audit::verify::CODES,
    crate::http::api::box_office::availability::CODES,
    crate::http::api::box_office::checkout::CODES,
    crate::http::api::box_office::complimentary::CODES,
    crate::http::api::box_office::holds::CODES,
    crate::http::api::box_office::reservations::CODES,
    crate::http::api::box_office::seats::CODES,
    crate::http::api::box_office::stream::CODES,
    crate::http::api::box_office::waitlist::CODES,
    crate::http::api::classes::certificate::CODES,
    crate::http::api::classes::dashboard::CODES,
    crate::http::api::classes::decisions::CODES,
    crate::http::api::classes::desk::CODES,
    crate::http::api::classes::enrollments::CODES,
    crate::http::api::classes::exports::CODES,
    crate::http::api::classes::mclasses::CODES,
    crate::http::api::community::articles::CODES,
    crate::http::api::community::articles::comments::CODES,
    crate::http::api::community::articles::reactions::CODES,
    crate::http::api::community::moderation::CODES,
    crate::http::api::community::moderation::reports::CODES,
    crate::http::api::community::likes::CODES,
    crate::http::api::community::artists::CODES,
    crate::http::api::community::concerts::CODES,
    crate::http::api::community::images::CODES,
    crate::http::api::forms::forms::CODES,
    crate::http::api::offerings::checkins::CODES,
    crate::http::api::offerings::events::CODES,
    crate::http::api::offerings::products::CODES,
    crate::http::api::offerings::sale::CODES,
    crate::http::api::offerings::tickets::CODES,
    crate::http::api::payments::administration::CODES,
    crate::http::api::payments::pay::CODES,
    crate::http::api::outbox::feed::CODES,
    crate::http::api::payments::refunds::CODES,
    crate::http::api::payments::wallet::CODES,
    crate::http::api::roles::grants::CODES,
    crate::http::api::roles::invitations::CODES,
    crate::http::api::community::chat_messages::CODES,
    crate::http::api::community::chat_rooms::CODES,
    crate::http::api::community::chat_socket::CODES,
    crate::http::api::community::setlists::CODES,
    crate::http::api::terms::CODES,
    crate::http::api::waiting_room::admin::CODES,
    crate::http::api::waiting_room::queue::CODES,
    crate::http::api::waiting_room::stream::CODES,
    crate::http::api::webhooks::endpoints::CODES,
    crate::http::api::webhooks::log::CODES,
    crate::http::api::payments::webhooks::CODES,
];

/// The codes that an operation lists.
pub(super) fn listed(path: &str, method: &str) -> &'static [ErrorCode] {
    let all = ALL.iter().copied().flatten();
    let mut found = all.filter(|(m, p, _)| *m == method && *p == path);
    found.next().map_or(&[], |(.., codes)| codes)
}

/// The operations that list codes, as method and path.
#[cfg(test)]
pub(super) fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied().flatten().map(|(method, path, _)| (*method, *path))
}
