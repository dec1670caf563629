//! Updates that owners send to the followers of their offerings: what has changed, or that nothing
//! has, and when ownership was last proven. Pure. Read by instances of neighbouring versions:
//! append new variants at the end, never reorder, never change the fields of an old one
//! (`encodings.rs` pins the bytes).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::box_office::views::view::{ProductView, View};
use crate::ids::{InstanceId, Seq};
use crate::inventory::{RowView, SaleState, SaleWindow, SectionView, TimestampMs};
use crate::journal::Hash;
use crate::planted::{Bug, is_planted};

/// The state that a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) seq: Seq,
    pub(crate) hash: Hash,
}

impl Version {
    pub(crate) fn of(view: &View) -> Self {
        Self { seq: view.seq, hash: view.hash }
    }
}

/// The owner that sends a view, and how good the view is. The times are of the owner's monotonic
/// clock: an instance that has sent the owner a request knows the greatest offset of that clock
/// from its own, and so is not misled by a message that was long on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) owner: InstanceId,
    /// The owner's monotonic milliseconds at which this was its view.
    pub(crate) said_at_ms: u64,
    /// The owner's monotonic milliseconds of the last proof that the offering is its own.
    pub(crate) proven_at_ms: u64,
}

/// The whole view of an offering.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShownView {
    pub(crate) stamp: Stamp,
    /// The owner's monotonic milliseconds after it received the request.
    pub(crate) now_ms: u64,
    pub(crate) view: View,
}

/// A message of the feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ViewUpdate {
    /// The view is still of this version.
    Unchanged { stamp: Stamp, version: Version },
    /// The view has changed by this delta.
    Changed { stamp: Stamp, delta: Box<Delta> },
    /// The offering is no longer this owner's.
    Over { owner: InstanceId },
}

/// The difference between two views.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delta {
    pub(crate) before: Version,
    pub(crate) after: Version,
    as_of: TimestampMs,
    sale_state: SaleState,
    sale: SaleWindow,
    products: Vec<ProductView>,
    /// By position; sections that are not listed have not changed.
    sections: Vec<(u16, SectionDelta)>,
}

/// The change of one section.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum SectionDelta {
    /// The whole section, because its shape has changed.
    Whole(SectionView),
    /// The changed rows, by position.
    Rows(Vec<(u32, RowView)>),
}

impl Delta {
    /// Returns the delta from `before` to `after`, both of one offering. `None` if no delta can
    /// express it.
    pub(crate) fn between(before: &View, after: &View) -> Option<Self> {
        if before.sections.len() > after.sections.len() || before.currency != after.currency {
            return None;
        }
        let mut sections = Vec::new();
        for (position, new) in after.sections.iter().enumerate() {
            let old = before.sections.get(position);
            if old.is_some_and(|old| Arc::ptr_eq(old, new)) {
                continue;
            }
            let delta = match old {
                Some(old) => section_delta(old, new)?,
                None => SectionDelta::Whole(SectionView::clone(new)),
            };
            sections.push((u16::try_from(position).ok()?, delta));
        }
        Some(Self {
            before: Version::of(before),
            after: Version::of(after),
            as_of: after.as_of,
            sale_state: after.sale_state,
            sale: after.sale,
            products: after.products.clone(),
            sections,
        })
    }

    /// Returns the view after the delta; it shares unchanged sections with `to`. `None` if the
    /// delta does not fit.
    pub(crate) fn apply(self, to: &View) -> Option<View> {
        if self.before != Version::of(to) && !is_planted(Bug::DeltaOnAnyView) {
            return None;
        }
        let mut sections = to.sections.clone();
        for (position, delta) in self.sections {
            let position = usize::from(position);
            match delta {
                SectionDelta::Whole(whole) if position == sections.len() => {
                    sections.push(Arc::new(whole));
                }
                SectionDelta::Whole(whole) => *sections.get_mut(position)? = Arc::new(whole),
                SectionDelta::Rows(rows) => {
                    let section = sections.get_mut(position)?;
                    let mut changed = SectionView::clone(section);
                    for (row, new) in rows {
                        *changed.rows.get_mut(usize::try_from(row).ok()?)? = new;
                    }
                    *section = Arc::new(changed);
                }
            }
        }
        Some(View {
            offering: to.offering,
            seq: self.after.seq,
            hash: self.after.hash,
            as_of: self.as_of,
            currency: to.currency,
            sale_state: self.sale_state,
            sale: self.sale,
            products: self.products,
            sections,
        })
    }
}

fn section_delta(old: &SectionView, new: &SectionView) -> Option<SectionDelta> {
    let same_shape =
        old.rows.len() == new.rows.len() && old.name == new.name && old.product == new.product;
    if !same_shape {
        return Some(SectionDelta::Whole(SectionView::clone(new)));
    }
    let mut rows = Vec::new();
    for (position, (old, new)) in old.rows.iter().zip(&new.rows).enumerate() {
        if old != new {
            rows.push((u32::try_from(position).ok()?, new.clone()));
        }
    }
    Some(SectionDelta::Rows(rows))
}

/// Returns `new` with the sections of `old` where they are equal: code that shows a view sees by
/// this which sections need not be built again.
pub(crate) fn share_sections(mut new: View, old: &View) -> View {
    for (new, old) in new.sections.iter_mut().zip(&old.sections) {
        if **new == **old {
            *new = Arc::clone(old);
        }
    }
    new
}

#[cfg(test)]
mod tests;
