//! What owners say of their offerings to those who follow: what has changed, or that nothing has,
//! and since when that is proven. Pure. Read by instances of neighbouring versions: append new
//! variants at the end, never reorder, never change the fields of an old one (`encodings.rs` pins the
//! bytes).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::box_office::views::view::{ProductView, View};
use crate::ids::{InstanceId, Seq};
use crate::inventory::{RowView, SaleState, SaleWindow, SectionView, TimestampMs};
use crate::journal::Hash;
use crate::planted::{Bug, is_planted};

/// Which state a view is of.
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

/// Who says it, and how good it is. The times are of the owner's monotonic clock: whoever has asked
/// the owner a question knows how far that is from its own, at the most, and so is not misled by a
/// message that was long on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) owner: InstanceId,
    /// When this was the owner's view.
    pub(crate) said_at_ms: u64,
    /// When it was last proven that the offering is the owner's.
    pub(crate) proven_at_ms: u64,
}

/// All that is shown of an offering.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StampedViewMessage {
    pub(crate) stamp: Stamp,
    /// The owner's clock after it was asked.
    pub(crate) now_ms: u64,
    pub(crate) view: View,
}

/// What is said over the feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ViewUpdate {
    /// This is still how it stands.
    Unchanged { stamp: Stamp, version: Version },
    /// This is how it stands now.
    Changed { stamp: Stamp, delta: Box<Delta> },
    /// It is this owner's no more.
    Over { owner: InstanceId },
}

/// What makes one view out of another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delta {
    pub(crate) before: Version,
    pub(crate) after: Version,
    as_of: TimestampMs,
    sale_state: SaleState,
    sale: SaleWindow,
    products: Vec<ProductView>,
    /// With their positions; those that are not named have not changed.
    sections: Vec<(u16, SectionDelta)>,
}

/// What changed in a section.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum SectionDelta {
    /// Its shape.
    Whole(SectionView),
    /// These rows, with their positions.
    Rows(Vec<(u32, RowView)>),
}

impl Delta {
    /// What makes `after` out of `before`, both of one offering. `None` where that cannot be said.
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

    /// The view after; sections that did not change are shared with the one before. `None` if it
    /// does not fit.
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

/// `new` with the sections of `old` wherever they are the same: who shows a view knows by that what
/// need not be made anew.
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
