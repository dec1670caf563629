//! Rendered seat maps, shared by all workers: each section is divided into blocks of rows, and each
//! block is one buffer that all readers of a version share. A block is rendered when it is first
//! sent, and dropped when its rows have changed, even if slow readers of the previous version
//! remain.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::box_office::View;
use crate::http::api::box_office::availability::seat_dto::{
    RowDto, SeatStateDto, SectionDto, status_name,
};
use crate::http::dto::Money;
use crate::ids::{OfferingId, SeatId, SectionId, Seq};
use crate::inventory::{Minor, RowView, SeatStatus, SectionView};

/// The most seats of a block; exceeded only by a block of one larger row.
const BLOCK_SEATS: usize = 1_000;
/// The most bytes of rendered blocks that are kept. Beyond it, all blocks are dropped and rendered
/// again.
const MOST_KEPT: usize = 256 * 1_024 * 1_024;

/// The rendered blocks that are kept.
#[derive(Default)]
pub struct SeatMaps {
    by_section: DashMap<(OfferingId, SectionId), Section>,
    kept_bytes: Arc<AtomicUsize>,
}

/// The most recent version of a section that was requested.
struct Section {
    of: Arc<SectionView>,
    price: Minor,
    seq: Seq,
    layout: Layout,
    blocks: Vec<OnceLock<Bytes>>,
    kept_bytes: Arc<AtomicUsize>,
}

/// The index of the first row of each block of a section; the last entry is the end of the section.
#[derive(Clone)]
pub(crate) struct Layout(Arc<[usize]>);

impl Layout {
    pub(crate) fn of(section: &SectionView) -> Self {
        let mut starts = vec![0];
        let mut seats = 0;
        for (row, view) in section.rows.iter().enumerate() {
            if seats > 0 && seats + view.seats.len() > BLOCK_SEATS {
                starts.push(row);
                seats = 0;
            }
            seats += view.seats.len();
        }
        // A section without rows has one block without rows.
        starts.push(section.rows.len());
        Self(starts.into())
    }

    /// Returns the number of blocks.
    pub(crate) fn len(&self) -> usize {
        self.0.len() - 1
    }

    fn rows(&self, block: usize) -> Range<usize> {
        self.0[block]..self.0[block + 1]
    }

    fn is_last(&self, block: usize) -> bool {
        block + 1 == self.len()
    }
}

impl SeatMaps {
    /// Returns a block of a section in the state of `view`. `layout` is the layout of that section.
    pub(crate) fn block(
        &self,
        view: &View,
        id: SectionId,
        (layout, block): (&Layout, usize),
    ) -> Bytes {
        let section = &view.sections[usize::from(id.0)];
        let price = view.products[section.product.index()].price;
        let key = (view.offering, id);
        let is_it = |kept: &Section| Arc::ptr_eq(&kept.of, section) && kept.price == price;
        if let Some(kept) = self.by_section.get(&key)
            && is_it(&kept)
        {
            return kept.block(view, id, block);
        }
        if self.kept_bytes.load(Relaxed) > MOST_KEPT {
            self.by_section.clear();
        }
        let kept = || Arc::clone(&self.kept_bytes);
        match self.by_section.entry(key) {
            // Another request rendered it first.
            Entry::Occupied(entry) if is_it(entry.get()) => entry.get().block(view, id, block),
            // An older version for a slow reader: it is not kept, because no other reader needs it.
            Entry::Occupied(entry) if entry.get().seq > view.seq => {
                render(view, id, (layout, block))
            }
            Entry::Occupied(mut entry) => {
                let new = Section::after(Some(entry.get()), (view, id), layout, kept());
                entry.insert(new);
                entry.get().block(view, id, block)
            }
            Entry::Vacant(entry) => {
                let new = Section::after(None, (view, id), layout, kept());
                entry.insert(new).block(view, id, block)
            }
        }
    }
}

impl Section {
    /// Returns the section of a view, with the unchanged blocks of `before`.
    fn after(
        before: Option<&Self>,
        (view, id): (&View, SectionId),
        layout: &Layout,
        kept_bytes: Arc<AtomicUsize>,
    ) -> Self {
        let of = Arc::clone(&view.sections[usize::from(id.0)]);
        let price = view.products[of.product.index()].price;
        let blocks = (0..layout.len()).map(|block| {
            let same = before.filter(|before| before.is_same(&of, price, (layout, block)));
            let rendered = same.and_then(|before| before.blocks[block].get());
            rendered.map_or_else(OnceLock::new, |bytes| {
                kept_bytes.fetch_add(bytes.len(), Relaxed);
                OnceLock::from(bytes.clone())
            })
        });
        let blocks = blocks.collect();
        Self { of, price, seq: view.seq, layout: layout.clone(), blocks, kept_bytes }
    }

    fn is_same(
        &self,
        other: &SectionView,
        price: Minor,
        (layout, block): (&Layout, usize),
    ) -> bool {
        let is_there = block < self.layout.len()
            && self.layout.rows(block) == layout.rows(block)
            && self.layout.is_last(block) == layout.is_last(block);
        let has_same_head = block > 0
            || (self.price == price
                && self.of.name == other.name
                && self.of.product == other.product);
        is_there && has_same_head && {
            let rows = layout.rows(block);
            self.of.rows[rows.clone()] == other.rows[rows]
        }
    }

    fn block(&self, view: &View, id: SectionId, block: usize) -> Bytes {
        let render = || {
            let bytes = render(view, id, (&self.layout, block));
            self.kept_bytes.fetch_add(bytes.len(), Relaxed);
            bytes
        };
        self.blocks[block].get_or_init(render).clone()
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        let bytes = self.blocks.iter().filter_map(OnceLock::get).map(Bytes::len).sum();
        self.kept_bytes.fetch_sub(bytes, Relaxed);
    }
}

/// Renders the rows of a block; the first block begins the section, and the last one ends it.
fn render(view: &View, id: SectionId, (layout, block): (&Layout, usize)) -> Bytes {
    const END: &[u8] = b"]}";
    const OF_A_SEAT: usize = 56;
    let section = &view.sections[usize::from(id.0)];
    let mut json = BytesMut::with_capacity(BLOCK_SEATS * OF_A_SEAT);
    if block == 0 {
        let price = view.products[section.product.index()].price;
        let head = SectionDto {
            id: id.to_public(view.offering),
            name: section.name.clone(),
            product_id: section.product.to_public(view.offering),
            price: Money::new(price, view.currency),
            rows: Vec::new(),
        };
        let head = serde_json::to_vec(&head).expect("a section is plain data");
        // The end of the section is written with the last block.
        json.put_slice(&head[..head.len() - END.len()]);
    }
    for (position, row) in layout.rows(block).zip(&section.rows[layout.rows(block)]) {
        if position > 0 {
            json.put_u8(b',');
        }
        let row = row_of(view.offering, row);
        serde_json::to_writer((&mut json).writer(), &row).expect("memory takes plain data");
    }
    if layout.is_last(block) {
        json.put_slice(END);
    }
    json.freeze()
}

fn row_of(offering: OfferingId, row: &RowView) -> RowDto {
    let seat = |(number, (seat, status)): (u32, (u32, &SeatStatus))| {
        let status = status_name(*status)?;
        Some(SeatStateDto { id: SeatId(seat).to_public(offering), number, status })
    };
    RowDto {
        name: row.name.clone(),
        seats: (1..).zip((row.first_seat.0..).zip(&row.seats)).filter_map(seat).collect(),
    }
}
