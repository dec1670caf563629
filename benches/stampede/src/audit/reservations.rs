//! Compares the reservations of one event, as the server lists them, with the journal.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde_json::Value;
use uuid::Uuid;

use super::answers::price;
use super::replay::{Replay, State};
use crate::api::{Api, Call};
use admitone::ids::OfferingId;
use admitone::inventory::Line;

/// The compared fields of a reservation.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    hold: String,
    status: String,
    payment: Option<String>,
    price: i64,
    lines: Vec<ShownLine>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ShownLine {
    product: String,
    quantity: u64,
    unit_price: i64,
    seats: Vec<String>,
}

/// Compares the server's list of this event with its journal; returns the number of reservations
/// compared and the differences.
pub(super) async fn compare(
    api: &mut Api,
    admin: &str,
    event: OfferingId,
    replay: &Replay,
) -> Result<(u64, Vec<String>)> {
    let (mut differing, mut compared) = (Vec::new(), 0);
    let mut left: HashMap<Uuid, Shown> = replay
        .reservations
        .keys()
        .filter_map(|reservation| Some((*reservation, Shown::of(event, replay, reservation)?)))
        .collect();
    let mut cursor: Option<String> = None;
    loop {
        let mut path = format!("/api/admin/reservations?eventId={event}&limit=100");
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.push_str(cursor);
        }
        let page = api.whole(Call::get(&path, Some(admin))).await?;
        for one in page["data"].as_array().into_iter().flatten() {
            let id = one["id"].as_str().and_then(|id| id.parse().ok());
            let id: Uuid = id.context("a reservation without an id")?;
            let Some(ours) = left.remove(&id) else {
                differing.push(format!("reservation {id} is in a list and in no journal"));
                continue;
            };
            compared += 1;
            let mut theirs = Shown::read(one);
            if may_become(&ours.status, &theirs.status) {
                theirs.status.clone_from(&ours.status);
            }
            if theirs != ours {
                differing.push(format!(
                    "reservation {id} is shown as {theirs:?}, and the journal says {ours:?}"
                ));
            }
        }
        cursor = page["meta"]["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    for id in left.into_keys() {
        differing.push(format!("LOST: reservation {id} is in a journal and in no list"));
    }
    Ok((compared, differing))
}

/// True if the status may change without a request, or by an end that the journal does not specify
/// further.
fn may_become(ours: &str, theirs: &str) -> bool {
    match ours {
        "PAYMENT_PENDING" | "EXPIRED" => matches!(theirs, "EXPIRED" | "CANCELLED"),
        _ => false,
    }
}

impl Shown {
    fn of(event: OfferingId, replay: &Replay, reservation: &Uuid) -> Option<Self> {
        let hold = replay.reservations.get(reservation)?;
        let claim = replay.claims.get(hold)?;
        let status = match claim.state {
            State::Sold => "CONFIRMED",
            State::Ended { was_sold: true } => "CANCELLED",
            State::Ended { was_sold: false } => "EXPIRED",
            State::Offered | State::Held | State::Reserved => "PAYMENT_PENDING",
        };
        let payment = replay.confirmed.get(reservation).map(Uuid::to_string);
        let mut lines: Vec<_> = claim.lines.iter().map(|line| ShownLine::of(event, line)).collect();
        lines.sort();
        let price = price(&claim.lines);
        Some(Self { hold: hold.to_string(), status: status.to_owned(), payment, price, lines })
    }

    fn read(one: &Value) -> Self {
        let lines = one["lines"].as_array().into_iter().flatten();
        let mut lines: Vec<_> = lines.map(ShownLine::read).collect();
        lines.sort();
        Self {
            hold: text(&one["holdId"]),
            status: text(&one["status"]),
            payment: one["paymentId"].as_str().map(str::to_owned),
            price: one["totalPrice"]["amount"].as_i64().unwrap_or(-1),
            lines,
        }
    }
}

impl ShownLine {
    fn of(event: OfferingId, line: &Line) -> Self {
        let mut seats: Vec<_> = line.seats.iter().map(|seat| seat.to_public(event)).collect();
        seats.sort();
        Self {
            product: line.product.to_public(event),
            quantity: line.quantity.into(),
            unit_price: line.unit_price,
            seats,
        }
    }

    fn read(line: &Value) -> Self {
        let seats = line["seats"].as_array().into_iter().flatten();
        let mut seats: Vec<_> = seats.map(|seat| text(&seat["id"])).collect();
        seats.sort();
        Self {
            product: text(&line["productId"]),
            quantity: line["quantity"].as_u64().unwrap_or_default(),
            unit_price: line["unitPrice"]["amount"].as_i64().unwrap_or(-1),
            seats,
        }
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
