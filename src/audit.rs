//! The audit of a journal: every row follows from the one before, every change fits the state it
//! meets, the counts add up at every step. Incremental: what was verified once is not read again.
//! `GET …/audit` and `admitone journal verify` are this one check, so their digests agree.

use std::sync::Arc;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::ids::{OfferingId, ProductId};
use crate::inventory::{Change, Inventory};
use crate::journal::{Head, LoadError, Record, Row, fold_row};
use crate::store::{Archived, JournalRows, Store};

/// Rows read at a time.
const PAGE: u64 = 500;
/// Audits kept to continue from.
const MAX_KEPT: usize = 64;

/// What an audit found. No customer's ids are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The last row verified.
    pub seq: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Its hash, in hex: the digest of the whole history.
    pub digest: String,
    /// `"ok"`: an audit that finds anything else is answered as an error.
    pub invariants: &'static str,
    /// The rows before those that are verified, where they are archived: `tally` and `transitions`
    /// count them, as they were verified then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<ArchivedRows>,
    /// Decisions in those rows.
    pub transitions: u64,
    /// What happened, in numbers.
    pub tally: Tally,
    /// How the places are spread at `seq`, by product.
    pub products: Vec<ProductTally>,
}

/// Rows that are in files, and no longer in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedRows {
    /// The last of them; the first is 1.
    pub seq: u64,
    /// Its hash, in hex: what `admitone journal verify --file … --digest` finds for them.
    pub digest: String,
}

impl ArchivedRows {
    fn of(last: &Head) -> Self {
        Self { seq: last.seq.0, digest: digest_of(last) }
    }
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tally {
    pub takeovers: u64,
    pub holds_placed: u64,
    pub holds_released: u64,
    pub holds_expired: u64,
    pub holds_converted: u64,
    pub offers_made: u64,
    pub reservations_confirmed: u64,
    pub reservations_expired: u64,
    pub reservations_cancelled: u64,
    pub check_ins: u64,
    pub check_ins_undone: u64,
}

/// A product's places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProductTally {
    pub product_id: String,
    pub total: u32,
    pub available: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

/// How far the audit of one journal has come.
pub(crate) struct Progress {
    pub(crate) inventory: Inventory,
    pub(crate) head: Head,
    archived: Option<ArchivedRows>,
    transitions: u64,
    tally: Tally,
}

/// What of a [`Progress`] is kept with the state of an archive.
#[derive(Serialize, Deserialize)]
struct Counted {
    transitions: u64,
    tally: Tally,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let (inventory, archived) = (Inventory::empty(), None);
        Self { inventory, head: Head::EMPTY, archived, transitions: 0, tally: Tally::default() }
    }

    /// After the archived rows: from the state that is kept of them.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] when that state is not there or cannot be read; says what to do.
    pub(crate) fn after_archive(
        offering: OfferingId,
        archived: &Archived,
        state: Option<&[u8]>,
    ) -> Result<Self, LoadError> {
        let seq = archived.head.seq;
        let lost = |what: &str| LoadError::Damaged {
            seq,
            reason: format!(
                "the rows up to {seq} are archived, and the state after them {what}: run `admitone \
                 archive rebuild {offering} --from {}`",
                archived.directory
            ),
        };
        let state = state.ok_or_else(|| lost("is not kept"))?;
        let inventory = Inventory::from_snapshot(state)
            .map_err(|why| lost(&format!("cannot be read ({why})")))?;
        let Counted { transitions, tally } = serde_json::from_str(&archived.tally)
            .map_err(|_| lost("was not counted by this version"))?;
        let rows = Some(ArchivedRows::of(&archived.head));
        Ok(Self { inventory, head: archived.head, archived: rows, transitions, tally })
    }

    /// What has happened so far, in numbers, as an archive keeps it.
    pub(crate) fn counted(&self) -> String {
        let counted = Counted { transitions: self.transitions, tally: self.tally };
        serde_json::to_string(&counted).expect("numbers can be encoded")
    }

    fn take(&mut self, rows: &JournalRows) -> Result<(), LoadError> {
        for (row, record) in rows {
            self.take_one(row, record)?;
        }
        Ok(())
    }

    /// Folds a row that was verified against the one before.
    pub(crate) fn take_one(&mut self, row: &Row, record: &Record) -> Result<(), LoadError> {
        fold_row(&mut self.inventory, row, record)?;
        self.head = row.head();
        match record {
            Record::Takeover => self.tally.takeovers += 1,
            Record::Batch(transitions) => {
                self.transitions += transitions.len() as u64;
                transitions.iter().flat_map(|one| &one.changes).for_each(|c| self.tally.add(c));
            }
        }
        Ok(())
    }

    fn report(&self, offering: OfferingId) -> Result<Report, LoadError> {
        self.inventory.check().map_err(|violation| LoadError::Damaged {
            seq: self.head.seq,
            reason: violation.to_string(),
        })?;
        let products = (0..self.inventory.products()).filter_map(|id| u16::try_from(id).ok());
        let product = |id: ProductId| {
            let counts = self.inventory.counts(id);
            ProductTally {
                product_id: id.to_public(offering),
                total: counts.total,
                available: counts.available,
                held: counts.held,
                sold: counts.sold,
                blocked: counts.blocked,
            }
        };
        Ok(Report {
            seq: self.head.seq.0,
            epoch: self.head.epoch.0,
            digest: digest_of(&self.head),
            archived: self.archived.clone(),
            invariants: "ok",
            transitions: self.transitions,
            tally: self.tally,
            products: products.map(ProductId).map(product).collect(),
        })
    }
}

fn digest_of(head: &Head) -> String {
    blake3::Hash::from(head.hash).to_hex().to_string()
}

impl Tally {
    fn add(&mut self, change: &Change) {
        match change {
            Change::HoldPlaced { .. } => self.holds_placed += 1,
            Change::HoldReleased { .. } => self.holds_released += 1,
            Change::HoldsExpired { holds } => self.holds_expired += holds.len() as u64,
            Change::CheckedOut { .. } => self.holds_converted += 1,
            Change::OfferMade { .. } => self.offers_made += 1,
            Change::ReservationConfirmed { .. } | Change::ReservationGranted { .. } => {
                self.reservations_confirmed += 1;
            }
            Change::ReservationsExpired { reservations } => {
                self.reservations_expired += reservations.len() as u64;
            }
            Change::ReservationsCancelled { reservations } => {
                self.reservations_cancelled += reservations.len() as u64;
            }
            Change::ReservationCancelledFor { .. } => self.reservations_cancelled += 1,
            Change::CheckedIn { .. } | Change::CheckedInAtGate { .. } => self.check_ins += 1,
            Change::CheckInUndone { .. } => self.check_ins_undone += 1,
            Change::Created { .. }
            | Change::HoldExtended { .. }
            | Change::PaymentBegun { .. }
            | Change::PaymentFailed { .. }
            | Change::ReservationRevived { .. }
            | Change::WaitlistJoined { .. }
            | Change::WaitlistLeft { .. }
            | Change::OfferAccepted { .. }
            | Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::Resized { .. }
            | Change::RowAdded { .. }
            | Change::SeatsRemoved { .. }
            | Change::Repriced { .. }
            | Change::SaleWindowSet { .. }
            | Change::SaleStateSet { .. }
            | Change::Refused { .. }
            | Change::ActedBy { .. }
            | Change::ProductAdded { .. }
            | Change::ProductDescribed { .. }
            | Change::ProductWithdrawn { .. }
            | Change::ProductRestored { .. }
            | Change::EventTimesSet { .. }
            | Change::CancellationPolicySet { .. }
            | Change::WaitlistPassedOver { .. } => {}
        }
    }
}

/// Audits that continue where the last one of the same offering ended.
#[derive(Clone)]
pub struct Auditor {
    store: Store,
    kept: Arc<DashMap<OfferingId, Arc<Mutex<Progress>>>>,
}

impl Auditor {
    /// An auditor of that store's journals.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// Verifies what was appended since the last audit, and says how everything stands.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] names the first row that is wrong.
    pub async fn audit(&self, offering: OfferingId) -> Result<Report, LoadError> {
        self.verify(offering, false).await
    }

    /// The same from the first row on: finds what was tampered with since an earlier audit.
    ///
    /// # Errors
    /// As for [`Self::audit`].
    pub async fn audit_again(&self, offering: OfferingId) -> Result<Report, LoadError> {
        self.verify(offering, true).await
    }

    async fn verify(&self, offering: OfferingId, anew: bool) -> Result<Report, LoadError> {
        if self.kept.len() >= MAX_KEPT && !self.kept.contains_key(&offering) {
            self.kept.clear();
        }
        let fresh = || Arc::new(Mutex::new(Progress::new()));
        let progress = Arc::clone(self.kept.entry(offering).or_insert_with(fresh).value());
        // One audit of an offering at a time; the others wait and then have little left to do.
        let mut progress = progress.lock_owned().await;
        if anew {
            *progress = Progress::new();
        }
        let mut ended_at = None;
        loop {
            self.skip_archived(offering, &mut progress).await?;
            let rows = self.store.journal_rows(offering, progress.head, PAGE).await;
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) => {
                    let from = progress.head;
                    *progress = Progress::new();
                    let archived = self.store.archived(offering).await?;
                    if archived.is_some_and(|archived| archived.head.seq > from.seq) {
                        // The rows went to files meanwhile.
                        continue;
                    }
                    return Err(error);
                }
            };
            let rows_read = rows.len() as u64;
            let last = rows_read < PAGE;
            let folding = tokio::task::spawn_blocking(move || {
                let taken = progress.take(&rows);
                (progress, taken)
            });
            let taken;
            (progress, taken) =
                folding.await.map_err(|panic| LoadError::Unavailable(panic.into()))?;
            if let Err(error) = taken {
                // A state that a bad row was folded into is of no further use.
                *progress = Progress::new();
                return Err(error);
            }
            if progress.head == Head::EMPTY {
                self.kept.remove(&offering);
                return Err(LoadError::NotFound);
            }
            if !last {
                continue;
            }
            // Read after the rows: it names the last of them, or one that came meanwhile.
            let head = self.store.journal_head(offering).await?;
            if head == progress.head {
                return progress.report(offering);
            }
            if head.seq <= progress.head.seq || (rows_read == 0 && ended_at == Some(head)) {
                let seq = progress.head.seq.next().min(head.seq);
                *progress = Progress::new();
                let reason = "the head names another row than the last one there is".into();
                return Err(LoadError::Damaged { seq, reason });
            }
            ended_at = Some(head);
        }
    }
}

impl Auditor {
    /// Where more is archived than was verified, goes on after that.
    async fn skip_archived(
        &self,
        offering: OfferingId,
        progress: &mut Progress,
    ) -> Result<(), LoadError> {
        let Some(archived) = self.store.archived(offering).await? else { return Ok(()) };
        if archived.head.seq > progress.head.seq {
            let state = self.store.snapshot_of(offering, archived.head).await?;
            *progress = Progress::after_archive(offering, &archived, state.as_deref())?;
        }
        progress.archived = Some(ArchivedRows::of(&archived.head));
        Ok(())
    }
}

/// Verifies a journal from its export, without the database it came from.
#[derive(Default)]
pub struct OfflineAudit {
    offering: Option<OfferingId>,
    progress: Option<Progress>,
}

impl OfflineAudit {
    /// Verifies the next row and decodes what it holds.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] when it does not follow from those before.
    pub fn take(&mut self, row: &Row) -> Result<Record, LoadError> {
        let progress = self.progress.get_or_insert_with(Progress::new);
        if *self.offering.get_or_insert(row.offering) != row.offering {
            let reason = "it belongs to another journal".into();
            return Err(LoadError::Damaged { seq: row.seq, reason });
        }
        let record = row.verify(&progress.head)?;
        progress.take_one(row, &record)?;
        Ok(record)
    }

    /// Where the rows taken so far end.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.progress.as_ref().map(|progress| progress.head)
    }

    /// How everything stands after the last row. Whether there were more rows, only the digest of
    /// the journal itself can tell.
    ///
    /// # Errors
    /// [`LoadError::NotFound`] when there was no row, [`LoadError::Damaged`] for a broken invariant.
    pub fn report(&self) -> Result<(OfferingId, Report), LoadError> {
        let (Some(offering), Some(progress)) = (self.offering, &self.progress) else {
            return Err(LoadError::NotFound);
        };
        Ok((offering, progress.report(offering)?))
    }
}
