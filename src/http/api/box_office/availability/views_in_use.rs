//! The views that answers under way still need. The bound keeps slow readers from holding any
//! number of versions of a large seat map in memory: beyond it, the answers that need the oldest
//! version break off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use crate::box_office::View;
use crate::ids::OfferingId;
use crate::journal::Hash;

/// The most bytes that all versions may take, by the estimate of `weight`: a hundred versions of
/// the largest map.
const MOST: usize = 128 * 1_024 * 1_024;
/// Bytes that a row takes beside its seats.
const OF_A_ROW: usize = 96;

/// All versions that are in use.
#[derive(Default)]
pub struct ViewsInUse {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_version: HashMap<Version, Arc<ViewInUse>>,
    /// Number of versions ever in use; gives their order.
    count: u64,
    weight: usize,
}

type Version = (OfferingId, Hash);

struct ViewInUse {
    order: u64,
    weight: usize,
    view: ArcSwapOption<View>,
}

/// One reader's claim on a version.
pub(crate) struct Claim {
    views_in_use: Arc<ViewsInUse>,
    version: Version,
    view: Arc<ViewInUse>,
}

impl ViewsInUse {
    /// Returns a claim on `view`, to be kept while an answer with it is being sent.
    pub(crate) fn claim(self: &Arc<Self>, view: &Arc<View>) -> Claim {
        self.claim_within(view, MOST)
    }

    fn claim_within(self: &Arc<Self>, view: &Arc<View>, most: usize) -> Claim {
        let version = (view.offering, view.hash);
        let mut table = self.table();
        let found = table.by_version.get(&version).cloned();
        let found = found.unwrap_or_else(|| table.add(version, view, most));
        Claim { views_in_use: Arc::clone(self), version, view: found }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No code panics while holding this lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, version: Version, view: &Arc<View>, most: usize) -> Arc<ViewInUse> {
        let weight = weight(view);
        while self.weight + weight > most
            && let Some(oldest) = self.oldest()
        {
            self.remove(oldest);
        }
        self.count += 1;
        self.weight += weight;
        let views_in_use = ViewInUse {
            order: self.count,
            weight,
            view: ArcSwapOption::new(Some(Arc::clone(view))),
        };
        let views_in_use = Arc::new(views_in_use);
        self.by_version.insert(version, Arc::clone(&views_in_use));
        views_in_use
    }

    fn oldest(&self) -> Option<Version> {
        let oldest = self.by_version.iter().min_by_key(|(_, views_in_use)| views_in_use.order);
        oldest.map(|(version, _)| *version)
    }

    fn remove(&mut self, version: Version) {
        if let Some(views_in_use) = self.by_version.remove(&version) {
            self.weight -= views_in_use.weight;
            views_in_use.view.store(None);
        }
    }
}

impl Claim {
    /// Returns the view; `None` if it was given up for newer ones.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.view.load_full()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.views_in_use.table();
        let is_it = |views_in_use: &Arc<ViewInUse>| Arc::ptr_eq(views_in_use, &self.view);
        // The two references are the table's and this claim's: claims are made and dropped under
        // the lock.
        if table.by_version.get(&self.version).is_some_and(is_it)
            && Arc::strong_count(&self.view) == 2
        {
            table.remove(self.version);
        }
    }
}

fn weight(view: &View) -> usize {
    let rows = view.sections.iter().flat_map(|section| &section.rows);
    rows.map(|row| OF_A_ROW + row.seats.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ProductId, SeatId, Seq};
    use crate::inventory::{RowView, SaleState, SaleWindow, SeatStatus, SectionView};

    const SEATS: usize = 904;

    fn view(offering: OfferingId, seq: u8) -> Arc<View> {
        let row = RowView {
            name: "A".into(),
            first_seat: SeatId(0),
            seats: vec![SeatStatus::Available; SEATS],
        };
        let section = SectionView { name: "S".into(), product: ProductId(0), rows: vec![row] };
        Arc::new(View {
            offering,
            seq: Seq(seq.into()),
            hash: [seq; 32],
            as_of: 0,
            currency: *b"KRW",
            sale_state: SaleState::Open,
            sale: SaleWindow::default(),
            products: Vec::new(),
            sections: vec![Arc::new(section)],
        })
    }

    #[test]
    fn readers_of_one_version_owe_it_once_and_the_oldest_version_is_given_up() {
        let (views_in_use, offering) = (Arc::new(ViewsInUse::default()), OfferingId::random());
        let claim = |seq| views_in_use.claim_within(&view(offering, seq), 3_000);
        let first: Vec<_> = (0..50).map(|_| claim(1)).collect();
        let (second, third) = (claim(2), claim(3));
        assert!(first.iter().all(|claim| claim.view().is_some()));
        let fourth = claim(4);
        assert!(first.iter().all(|claim| claim.view().is_none()), "the oldest");
        assert!([&second, &third, &fourth].iter().all(|claim| claim.view().is_some()));
    }

    #[test]
    fn what_nobody_reads_any_more_is_not_owed() {
        let (views_in_use, offering) = (Arc::new(ViewsInUse::default()), OfferingId::random());
        let claims =
            [views_in_use.claim(&view(offering, 1)), views_in_use.claim(&view(offering, 1))];
        let weight = || views_in_use.table().weight;
        assert_eq!(weight(), SEATS + OF_A_ROW);
        let [first, second] = claims;
        drop(first);
        assert_eq!(weight(), SEATS + OF_A_ROW);
        assert!(second.view().is_some());
        drop(second);
        assert_eq!((weight(), views_in_use.table().by_version.len()), (0, 0));
    }
}
