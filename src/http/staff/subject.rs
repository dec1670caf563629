//! The thing that a request of staff is about: its offering, its owner, and its id.

use serde_json::Value;

use super::rules::About;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{
    ArticleId, CommentId, EnrollmentId, GrantId, HoldId, InvitationId, OfferingId, PaymentId,
    RefundId, ReservationId, UserId,
};
use crate::offerings::TicketRef;

/// What a request is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    /// `None` if it belongs to no offering, or there is no such thing.
    pub(super) offering: Option<OfferingId>,
    /// The customer whose thing it is.
    pub(super) owner: Option<UserId>,
    /// The id, as the path has it.
    pub(super) target: Option<String>,
}

/// The parameters of a path, by the pattern of its route.
pub(super) struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    pub(super) fn of(pattern: &'a str, path: &'a str) -> Self {
        let pairs = pattern.split('/').zip(path.split('/'));
        let named = pairs.filter_map(|(name, value)| {
            let name = name.strip_prefix('{')?.split_once('}')?.0;
            Some((name, value))
        });
        Self(named.collect())
    }

    fn id<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.iter().find(|(it, _)| *it == name)?.1.parse().ok()
    }

    /// Returns the most particular one.
    fn last(&self) -> Option<String> {
        // A longer text is no id.
        self.0.last().map(|(_, value)| value.chars().take(100).collect())
    }

    pub(super) fn named(&self, names: &[&str]) -> Option<OfferingId> {
        names.iter().find_map(|name| self.id(name))
    }
}

/// Finds what a request is about.
pub(super) async fn find(
    state: &AppState,
    about: About,
    params: &Params<'_>,
    values: &Value,
) -> Result<Subject, ApiError> {
    let target = params.last();
    let none = Subject { target: target.clone(), ..Subject::default() };
    let of = |offering, owner| Subject { offering: Some(offering), owner, target };
    let subject = match about {
        About::Nothing => None,
        About::Offering => params.named(&["event", "class"]).map(|offering| of(offering, None)),
        About::InBody(field) => {
            // Forms are read without the spaces around a value.
            let offering: Option<OfferingId> =
                text(values, field).and_then(|id| id.trim().parse().ok());
            let target = offering.map(|id| id.to_string());
            return Ok(Subject { offering, owner: None, target });
        }
        About::TicketInBody => return ticket_in_body(state, values).await,
        About::Reservation => match params.id::<ReservationId>("reservation") {
            Some(id) => {
                let row = state.store.reservation_get(id).await?;
                row.map(|row| of(row.offering, Some(row.user)))
            }
            None => None,
        },
        About::Payment => match params.id::<PaymentId>("payment") {
            Some(id) => {
                let row = state.store.payment_get(id).await?;
                row.map(|row| of(row.offering, Some(row.user)))
            }
            None => None,
        },
        About::Refund => match params.id::<RefundId>("refund") {
            Some(id) => state.store.refund_get(id).await?.map(|row| of(row.offering, None)),
            None => None,
        },
        About::Enrollment => match params.id::<EnrollmentId>("enrollment") {
            Some(id) => {
                let row = state.store.enrollment_get(id).await?;
                row.map(|row| of(row.class, Some(row.user)))
            }
            None => None,
        },
        About::Grant => match params.id::<GrantId>("grant") {
            Some(id) => {
                let row = state.store.grant_get(id).await?;
                row.and_then(|row| row.offering).map(|offering| of(offering, None))
            }
            None => None,
        },
        About::Invitation => match params.id::<InvitationId>("invitation") {
            Some(id) => {
                let row = state.store.invitation_get(id).await?;
                row.and_then(|row| row.offering).map(|offering| of(offering, None))
            }
            None => None,
        },
        About::Article => {
            let owner = match params.id::<ArticleId>("article") {
                Some(id) => state.store.article_get(id).await?.and_then(|row| row.head.author),
                None => None,
            };
            return Ok(Subject { owner, ..none });
        }
        About::Comment => {
            let owner = match params.id::<CommentId>("comment") {
                Some(id) => state.store.comment_get(id).await?.and_then(|row| row.author),
                None => None,
            };
            return Ok(Subject { owner, ..none });
        }
        About::Holding => match params.id::<OfferingId>("event") {
            Some(event) => {
                let id = params.id::<HoldId>("hold").or_else(|| params.id("entry"));
                let owner = match id {
                    Some(id) => owner_of(state, event, id).await?,
                    None => None,
                };
                Some(of(event, owner))
            }
            None => None,
        },
    };
    Ok(subject.unwrap_or(none))
}

async fn owner_of(
    state: &AppState,
    event: OfferingId,
    id: HoldId,
) -> Result<Option<UserId>, ApiError> {
    if let Some(entry) = state.offices.waitlist_entry(event, id).await? {
        return Ok(Some(entry.customer));
    }
    Ok(state.offices.hold(event, id).await?.map(|hold| hold.customer))
}

fn text<'a>(values: &'a Value, field: &str) -> Option<&'a str> {
    values.get(field)?.as_str()
}

/// Finds the ticket that a body names, and the door at which it is shown.
async fn ticket_in_body(state: &AppState, values: &Value) -> Result<Subject, ApiError> {
    let ticket = match (text(values, "code"), text(values, "ticketId")) {
        (Some(code), _) => Some(TicketRef::Code(code.to_owned())),
        (None, Some(id)) => id.parse().ok().map(TicketRef::Id),
        (None, None) => None,
    };
    // The event of a door: the handler refuses tickets of others, and says of which they are.
    let at_door: Option<OfferingId> = text(values, "eventId").and_then(|id| id.parse().ok());
    let row = match ticket {
        // Refused by the handler if there is none.
        Some(ticket) => state.offerings.ticket_of(&ticket).await.ok(),
        None => None,
    };
    let offering = at_door.or(row.as_ref().map(|row| row.offering));
    let target = row.map(|row| row.id.to_string());
    Ok(Subject { offering, owner: None, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_parameter_of_a_path_is_the_target() {
        let pattern = "/api/events/{event}/holds/{hold}";
        let event = OfferingId::random();
        let path = format!("/api/events/{event}/holds/abc");
        let params = Params::of(pattern, &path);
        assert_eq!(params.named(&["event", "class"]), Some(event));
        assert_eq!(params.last().as_deref(), Some("abc"));
        assert_eq!(params.id::<HoldId>("hold"), None);
        assert_eq!(Params::of("/organiser", "/organiser").last(), None);
    }
}
