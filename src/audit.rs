//! The audit of a journal: every row follows from the one before, every change fits the state it
//! meets, and the counts add up at every step. An audit is incremental: it does not read rows again
//! that were verified once. `GET …/audit` and `admitone journal verify` run this same check, so
//! their digests agree.

use std::sync::Arc;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::ids::{OfferingId, ProductId};
use crate::inventory::{Approval, Change, Inventory};
use crate::journal::{Head, LoadError, Record, Row, fold_row};
use crate::store::{Archived, JournalRows, Store};

/// Rows read at a time.
const PAGE: u64 = 500;
/// Most audits whose progress is kept to continue from.
const MAX_KEPT: usize = 64;

/// The result of an audit. It contains no customer's ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The last row verified.
    pub seq: u64,
    /// The epoch of that row.
    pub epoch: u64,
    /// The hash of that row, in hex: the digest of the whole history.
    pub digest: String,
    /// Always `"ok"`: an audit that finds a violation is answered with an error.
    pub invariants: &'static str,
    /// The archived rows before the verified ones, if there are any. `tally` and `transitions`
    /// include them, as counted when they were verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<ArchivedRows>,
    /// Number of decisions in the rows up to `seq`.
    pub transitions: u64,
    /// Number of changes by kind.
    pub tally: Tally,
    /// Number of places in each state at `seq`, by product.
    pub products: Vec<ProductTally>,
}

/// Rows that are in files, and no longer in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedRows {
    /// The last of these rows; the first is 1.
    pub seq: u64,
    /// The hash of that row, in hex: the digest that `admitone journal verify --file … --digest`
    /// finds for these rows.
    pub digest: String,
}

impl ArchivedRows {
    fn of(last: &Head) -> Self {
        Self { seq: last.seq.0, digest: digest_of(last) }
    }
}

/// Number of changes by kind.
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

/// Number of a product's places in each state.
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

/// The part of a [`Progress`] that is stored with the state of an archive.
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

    /// Returns the progress after the archived rows, from the state that was stored for them.
    ///
    /// # Errors
    /// [`LoadError::Damaged`], with advice, when that state is missing or cannot be read.
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

    /// Returns the counts so far, in the form that an archive stores.
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

    /// Folds a row that was verified against the row before it.
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
            Change::EnrollmentApproved { pay_by, how, .. } => {
                self.holds_converted += u64::from(*how == Approval::Accepted);
                self.reservations_confirmed += u64::from(pay_by.is_none());
            }
            Change::PlaceOffered { .. } => self.offers_made += 1,
            Change::Created { .. }
            | Change::HoldExtended { .. }
            | Change::HoldChanged { .. }
            | Change::SeatsKept { .. }
            | Change::KeptSeatsReleased { .. }
            | Change::PaymentBegun { .. }
            | Change::PaymentFailed { .. }
            | Change::PaymentDeferred { .. }
            | Change::TicketsCancelled { .. }
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
            | Change::WaitlistPassedOver { .. }
            | Change::ClassRulesSet { .. }
            | Change::Enrolled { .. }
            | Change::EnrollmentRejected { .. }
            | Change::EnrollmentsCanceled { .. }
            | Change::AnswersReplaced { .. }
            | Change::EnrollmentWaitlisted { .. }
            | Change::EnrollmentRevived { .. }
            | Change::WaitlistMoved { .. }
            | Change::AttendanceRecorded { .. }
            | Change::VerdictRefused { .. }
            | Change::QueueSet { .. }
            | Change::QueueEntered { .. }
            | Change::QueueReturned { .. }
            | Change::QueueClosed { .. }
            | Change::QueueDrawn { .. }
            | Change::QueueAdmitted { .. }
            | Change::QueueLeft { .. }
            | Change::QueueSetAside { .. }
            | Change::QueueVoided { .. }
            | Change::QueuePrioritised { .. }
            | Change::PassUsed { .. }
            | Change::SessionsEnded { .. }
            | Change::QueueEnded { .. } => {}
        }
    }
}

/// Audits that continue where the last audit of the same offering ended.
#[derive(Clone)]
pub struct Auditor {
    store: Store,
    kept: Arc<DashMap<OfferingId, Arc<Mutex<Progress>>>>,
}

impl Auditor {
    /// Returns an auditor of that store's journals.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// Verifies the rows appended since the last audit, and reports on the whole journal.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] names the first row that is wrong.
    pub async fn audit(&self, offering: OfferingId) -> Result<Report, LoadError> {
        self.verify(offering, false).await
    }

    /// Audits from the first row on: finds rows that were tampered with since an earlier audit.
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
                        // The rows were archived meanwhile.
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
                // A state into which a bad row was folded is of no further use.
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
            // Read after the rows: the head names the last of them, or a row appended meanwhile.
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
    /// Skips to the end of the archived rows, if more rows are archived than were verified.
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
    /// Verifies the next row and decodes its record.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] when the row does not follow from those before.
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

    /// Returns the head of the rows taken so far.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.progress.as_ref().map(|progress| progress.head)
    }

    /// Reports on the journal after the last row. Only the digest of the journal itself can show
    /// whether there were more rows.
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
