//! Compares the enrollments of one class, as the server shows them, with the journal: to each buyer
//! its own, with their places in line, and their numbers to everybody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use uuid::Uuid;

use super::Subject;
use super::classes::Class;
use super::replay::Replay;
use crate::api::{Api, Call};
use crate::ledger::{Answered, Entry};
use admitone::ids::OfferingId;
use admitone::inventory::EnrollmentStatus;

/// The status and the place in line of an enrollment, as the API shows them.
type Shown = (String, Option<u64>);

/// Those who were told that they have a place, and never had one.
pub(super) fn without_place(entries: &[&Entry], replay: &Replay) -> Vec<String> {
    let mut wrong = Vec::new();
    for entry in entries {
        if let Answered::Enrolled { enrollment, waits: false } = entry.answered
            && !replay.reservations.contains_key(&enrollment)
        {
            wrong.push(format!("LOST: the place that enrollment {enrollment} was told of"));
        }
    }
    wrong
}

/// Returns the number of enrollments compared, and the differences.
pub(super) async fn compare(
    api: &mut Api,
    subject: &Subject<'_>,
    class: OfferingId,
    entries: &[&Entry],
    journal: &Class,
) -> Result<(u64, Vec<String>)> {
    let mut differing = Vec::new();
    let positions: HashMap<Uuid, u64> = journal.line.values().copied().zip(1..).collect();
    let ours: BTreeMap<Uuid, Shown> = journal
        .enrollments
        .iter()
        .map(|(id, found)| (*id, (word(found.status).to_owned(), positions.get(id).copied())))
        .collect();
    let mut theirs = BTreeMap::new();
    let buyers: BTreeSet<u32> = entries.iter().map(|entry| entry.buyer).collect();
    for buyer in buyers {
        let token = subject.tokens.get(buyer as usize).context("a buyer who is not logged in")?;
        theirs.extend(list(api, class, token).await?);
    }
    for (id, shown) in &theirs {
        if ours.get(id) != Some(shown) {
            let journal = ours.get(id);
            differing.push(format!(
                "enrollment {id} is shown as {shown:?}, and the journal says {journal:?}"
            ));
        }
    }
    for id in ours.keys().filter(|id| !theirs.contains_key(id)) {
        differing.push(format!("LOST: enrollment {id} is in a journal and in no list"));
    }
    let path = format!("/api/mclasses/{class}");
    let seen = api.call(Call::get(&path, Some(subject.admin))).await?;
    let count = |status: &str| ours.values().filter(|(it, _)| it == status).count();
    for (field, status) in [("enrolledCount", "APPROVED"), ("waitlistCount", "WAITLISTED")] {
        let counted = count(status);
        if seen[field].as_u64() != Some(counted as u64) {
            let theirs = &seen[field];
            differing.push(format!("{field} is {theirs}, and the journal says {counted}"));
        }
    }
    Ok((theirs.len() as u64, differing))
}

/// The enrollments of a buyer in the class.
async fn list(api: &mut Api, class: OfferingId, token: &str) -> Result<Vec<(Uuid, Shown)>> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut path = format!("/api/mclasses/{class}/enrollments?limit=100");
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.push_str(cursor);
        }
        let page = api.whole(Call::get(&path, Some(token))).await?;
        for one in page["data"].as_array().into_iter().flatten() {
            let id = one["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
            let status = one["status"].as_str().unwrap_or_default().to_owned();
            found.push((id, (status, one["waitlistPosition"].as_u64())));
        }
        cursor = page["meta"]["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

fn word(status: EnrollmentStatus) -> &'static str {
    match status {
        EnrollmentStatus::Applied => "APPLIED",
        EnrollmentStatus::Waitlisted | EnrollmentStatus::Offered => "WAITLISTED",
        EnrollmentStatus::Approved => "APPROVED",
        EnrollmentStatus::Rejected => "REJECTED",
        EnrollmentStatus::Canceled => "CANCELED",
    }
}
