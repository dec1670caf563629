//! Changes of a class, and its end.

use crate::classes::draft::in_order;
use crate::classes::{ClassError, Classes, WaitlistDraft, currencies};
use crate::ids::{OfferingId, UserId};
use crate::inventory::{
    self, CancellationPolicy, ClassRules, Command, Idempotency, Minor, OfferingChange, Promotion,
    SaleState, Selection, TimestampMs,
};
use crate::store::{Answered, ClassChange, ClassRow, Key, Visibility};
use crate::text::{self, InvalidField};
use crate::venues;

/// The changes to make to a class; `None` leaves a value as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassEdit {
    pub title: Option<String>,
    pub description: Option<String>,
    pub location: Option<String>,
    pub capacity: Option<u32>,
    pub waitlist: WaitlistDraft,
    pub visibility: Option<Visibility>,
    pub fee: Option<(Minor, String)>,
    pub selection: Option<Selection>,
    pub promotion: Option<Promotion>,
    pub allow_reapply: Option<bool>,
    /// `Some(None)` opens that side.
    pub recruit_start: Option<Option<TimestampMs>>,
    pub recruit_end: Option<TimestampMs>,
    pub starts_at: Option<TimestampMs>,
    pub ends_at: Option<TimestampMs>,
    pub is_online: Option<bool>,
    pub pay_window_ms: Option<i64>,
    pub offer_ttl_ms: Option<i64>,
    pub cancellation: Option<CancellationPolicy>,
    pub time_zone: Option<String>,
}

/// The client's idempotency key, as the store and the box office remember it.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassKeys {
    pub row: Option<Key>,
    pub command: Option<Idempotency>,
}

impl Classes {
    /// Changes a class. Returns whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The refusal, in which case nothing has changed; or a failure half-way, after which a retry with
    /// the same key does the rest and nothing twice.
    pub async fn change(
        &self,
        class: OfferingId,
        admin: UserId,
        edit: ClassEdit,
        keys: ClassKeys,
        now: TimestampMs,
    ) -> Result<bool, ClassError> {
        let turn = usize::from(class.0.as_bytes()[15]) % self.changing.len();
        let _turn = self.changing[turn].lock().await;
        let row = self.existing(class).await?;
        let shown = shown(&edit)?;
        let change = decided(&row, &edit)?;
        // Checked before anything changes: the key may have been used for another request.
        self.store.idempotency_check(keys.row.as_ref()).await?;
        if change != inventory::ClassChange::default() {
            // First, in one command, because it can be refused.
            let command = Command::ChangeClass { change: Box::new(change) };
            self.submit_by_admin(class, admin, command, keys.command).await?;
        }
        let answered = self.store.class_update(class, shown, keys.row.as_ref(), now).await?;
        Ok(matches!(answered, Answered::Before(_)))
    }

    /// Cancels a class and takes it out of lists. While enrollments are not over, only if
    /// `with_enrollments`: they end, everybody is told, and fees are paid back.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn delete(
        &self,
        class: OfferingId,
        admin: UserId,
        with_enrollments: bool,
        key: Option<Idempotency>,
        now: TimestampMs,
    ) -> Result<bool, ClassError> {
        let row = self.visible(class).await?;
        let replayed = if row.event.sale_state == SaleState::Cancelled {
            // Cancelled before, and then the process stopped.
            false
        } else {
            let command = Command::CancelClass { with_enrollments };
            self.submit_by_admin(class, admin, command, key).await?.replayed
        };
        self.store.class_delete(class, now).await?;
        Ok(replayed)
    }
}

fn shown(edit: &ClassEdit) -> Result<ClassChange, InvalidField> {
    let paragraph = |field, value: &Option<String>, longest| {
        value.as_ref().map(|value| text::paragraph(field, value, longest)).transpose()
    };
    let title = edit.title.as_ref().map(|title| text::line("title", title, 200));
    let zone = edit.time_zone.as_ref().map(|zone| venues::time_zone("timeZone", zone));
    Ok(ClassChange {
        title: title.transpose()?,
        description: paragraph("description", &edit.description, 10_000)?,
        location: paragraph("location", &edit.location, 200)?,
        visibility: edit.visibility,
        is_online: edit.is_online,
        time_zone: zone.transpose()?,
    })
}

/// Returns the part of an edit that the box office decides.
fn decided(row: &ClassRow, edit: &ClassEdit) -> Result<inventory::ClassChange, ClassError> {
    if let Some((_, currency)) = &edit.fee
        && (*currency != row.event.currency || currencies::parse(currency).is_none())
    {
        let reason = format!("must be {}: the currency of a class stays", row.event.currency);
        return Err(InvalidField::new("fee.currency", reason).into());
    }
    let before = row.rules;
    let waitlist = match (edit.waitlist.allowed, edit.waitlist.capacity) {
        (None, None) => before.waitlist,
        // Only the number changes: that there is a waitlist stays.
        (None, capacity) => {
            let allowed = Some(before.waitlist > 0);
            WaitlistDraft { allowed, capacity }.places()?
        }
        (Some(true), None) if before.waitlist > 0 => before.waitlist,
        (Some(_), _) => edit.waitlist.places()?,
    };
    let rules = ClassRules {
        selection: edit.selection.unwrap_or(before.selection),
        waitlist,
        promotion: edit.promotion.unwrap_or(before.promotion),
        offer_ttl_ms: edit.offer_ttl_ms.unwrap_or(before.offer_ttl_ms),
        pay_window_ms: edit.pay_window_ms.unwrap_or(before.pay_window_ms),
        allow_reapply: edit.allow_reapply.unwrap_or(before.allow_reapply),
    };
    rules.validate()?;
    let event = &row.event;
    let starts_at = edit.starts_at.unwrap_or(event.details.event_date);
    let ends_at = edit.ends_at.or(event.event_end).unwrap_or(starts_at);
    // An end that was left out is the start of the class, and moves with it.
    let follows = event.sale.end == Some(event.details.event_date);
    let moved = edit.starts_at.filter(|_| follows && edit.recruit_end.is_none());
    let new_recruit_end = edit.recruit_end.or(moved);
    let recruit_end = new_recruit_end.or(event.sale.end).unwrap_or(starts_at);
    let recruit_start = edit.recruit_start.unwrap_or(event.sale.start);
    let moves = [edit.starts_at, edit.ends_at, edit.recruit_end].iter().any(Option::is_some);
    if moves || edit.recruit_start.is_some() {
        in_order(recruit_start, recruit_end, starts_at, ends_at)?;
    }
    Ok(inventory::ClassChange {
        capacity: edit.capacity,
        fee: edit.fee.as_ref().map(|(amount, _)| *amount),
        rules: (rules != before).then_some(rules),
        terms: OfferingChange {
            sale_start: edit.recruit_start,
            sale_end: new_recruit_end.map(Some),
            state: None,
            // Both, so that the length of the class does not stay by itself.
            starts_at: (edit.starts_at.is_some() || edit.ends_at.is_some()).then_some(starts_at),
            ends_at: (edit.starts_at.is_some() || edit.ends_at.is_some()).then_some(ends_at),
            cancellation: edit.cancellation,
        },
    })
}
