//! Judges the views that clients read: each must have been true, and not outdated for long.

use std::time::Duration;

use crate::box_office::{View, changes_view};
use crate::ids::{ProductId, SectionId};
use crate::inventory::{Inventory, QueueEntryView, QueuePlace};
use crate::simulation::customers::{Poll, Read};
use crate::simulation::journal::Chain;
use crate::simulation::machine::LEASE_TTL;
use crate::simulation::world::World;

/// Compares a view with the state after its row, which is `None` if there is no such row.
pub(crate) fn check_read(world: &World, chain: &Chain, state: Option<&Inventory>, look: &Read) {
    let (offering, view) = (look.offering, &look.view);
    // A view may be as old as a proof of ownership may be, and no older.
    let known = chain.durable_at.partition_point(|at| *at <= oldest(look.sent_at));
    // Rows of a queue alone leave the view as it was.
    let shown = chain.rows[..known].iter().rfind(|(_, record)| changes_view(record));
    if shown.is_some_and(|(row, _)| view.seq < row.seq) {
        world.violated(format_args!(
            "shown what was over: {offering} row {}, asked at {:?}, the journal had {known} rows",
            view.seq, look.sent_at
        ));
    }
    let is_row = chain.rows.iter().any(|(row, _)| row.seq == view.seq && row.hash == view.hash);
    if !is_row || !state.is_some_and(|state| is_of(view, state)) {
        world.violated(format_args!("shown what never was: {offering} row {}", view.seq));
    }
}

/// The time of the oldest answer to a read that was sent at that time.
pub(crate) fn oldest(sent_at: Duration) -> Duration {
    sent_at.saturating_sub(LEASE_TTL + SLACK)
}

/// True if the state has the queue and the entry that the client was told of.
pub(crate) fn was_told(state: &Inventory, poll: &Poll) -> bool {
    let Some(answer) = &poll.answer else { return state.queue_progress().is_none() };
    let without_end = |entry: Option<QueueEntryView>| {
        // The end of a session is a matter of time, until the journal has it.
        entry.map(|entry| match entry.place {
            QueuePlace::Inside { .. } | QueuePlace::Lapsed | QueuePlace::Served => {
                QueueEntryView { place: QueuePlace::Served, ..entry }
            }
            _ => entry,
        })
    };
    state.queue_progress().as_ref() == Some(&answer.progress)
        && without_end(state.queue_entry(poll.customer)) == without_end(answer.entries[0])
}

fn is_of(view: &View, state: &Inventory) -> bool {
    let sections = (0_u16..).map(SectionId).zip(&view.sections);
    let products = (0_u16..).map(ProductId).zip(&view.products);
    view.sections.len() == state.sections()
        && view.products.len() == state.products()
        && view.sale_state == state.sale_state()
        && view.sale == state.sale_window()
        && sections.into_iter().all(|(id, section)| **section == state.section(id))
        && products.into_iter().all(|(id, product)| {
            product.counts == state.counts(id) && product.price == state.price(id)
        })
}

/// Allowance for the delay of the request, on top of the age of the proof that the answer rests on.
pub(crate) const SLACK: Duration = Duration::from_millis(300);
