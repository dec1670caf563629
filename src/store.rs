//! The database: a concrete store over SeaORM on Postgres and SQLite, and the only user of
//! `entities`. The store keeps the values it is given and decides nothing.
//!
//! On Postgres, one pool serves appends to journals and another pool serves all other statements.
//! On SQLite, one connection writes, which orders all writers, and a few connections read; appends
//! go through a group commit (`store/journal/append_sqlite.rs`).

mod connect;
mod connection;
mod error;
mod instance_lock;
mod journal;
pub mod private_file;
mod sqlite_file;
mod states;
mod tables;

pub use error::StoreError;
use error::is_unique_violation;
pub(crate) use sqlite_file::sqlite_file;
pub use states::{
    OnPaymentFailure, PaymentMethod, PaymentState, RefundReason, RefundState, ReservationState,
    TicketState, attendance_name, auto_payment_id, enrollment_status, promotion_name,
    selection_name, ticket_id,
};
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::TimestampMs;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend};
use uuid::Uuid;

pub use connect::{Options, SchemaStatus};
pub use instance_lock::{InstanceLock, Neighbours};
pub use journal::JournalRows;
pub use journal::archive::Archived;
pub use journal::prune::Prunable;
pub use tables::article::{ArticleCategory, ArticleChanged, ArticleHead, ArticleRow, ArticleText};
pub use tables::article_comment::{CommentAdded, CommentRow};
pub use tables::article_list::{ArticleFilter, ArticleSort};
pub use tables::article_reaction::Liking;
pub use tables::artist::{ArtistRow, CatalogueDeleted};
pub use tables::audit_entry::{AuditEntry, AuditFilter, AuditOutcome};
pub use tables::auto_payment::AutoPaymentRow;
pub use tables::catalogue::{EventSearch, OfferingName};
pub use tables::chat_member::{MemberRole, MemberRow, MemberState};
pub use tables::chat_message::{ChatWrite, ChatWritten, MessageRow};
pub use tables::chat_room::{OwnRooms, RoomEdit, RoomKind, RoomRow, RoomStand};
pub use tables::class::{ClassChange, ClassCounts, ClassPage, ClassRow, ClassSearch, ClassSort};
pub use tables::class_figures::{ClassHour, ClassTotals};
pub use tables::concert::{ConcertCategory, ConcertPut, ConcertRow, TicketLink};
pub use tables::concert_list::{ConcertSearch, ConcertSort, FoundConcert, Stage};
pub use tables::delivery::{
    DeliveryBacklog, DeliveryFilter, DeliveryRow, DeliveryState, Lane, NewDelivery,
};
pub use tables::enrollment::{EnrollmentRow, EnrollmentState, LinePlace};
pub use tables::enrollment_change::{ChangesOf, EnrollmentChangeRow};
pub use tables::enrollment_form::{FormPut, FormRow};
pub use tables::enrollment_list::{EnrollmentFilter, EnrollmentSort};
pub use tables::enrollment_words::{AnswersRow, NewReason};
pub use tables::event::{EventDetails, EventRow, NewEvent, ProductRow, Terms};
pub use tables::event_change::EventChange;
pub use tables::gateway_notification::{Noted, NotificationRow};
pub use tables::grant::{GrantFilter, GrantRole, GrantRow, Granting, Revoking, RightNeeded};
pub use tables::guest::{ClaimableGuest, GuestRow};
pub use tables::idempotency::{Answered, Key};
pub use tables::identity_rows::{IdentityRow, NewIdentity, SocialProvider};
pub use tables::image::ImageRow;
pub use tables::invitation::{INVITATIONS_COUNT_FOR_MS, InvitationRow, Inviting};
pub use tables::kept_mail::{KeptMail, KeptPart};
pub use tables::leaving::{LivingReservation, OnBalance};
pub use tables::like::{LikeChange, LikeState, LikedEvent};
pub use tables::mail_link::{LinkPurpose, MailLink};
pub use tables::moderation::{BanRow, BanScope, Hidden};
pub use tables::new_class::{NewClass, Visibility};
pub use tables::notice::{NewNotice, NoticeRow};
pub use tables::outbox::OutboxRow;
pub use tables::payment::{Authorization, PaymentBacklog};
pub use tables::payment_gateway::PaymentFilter;
pub use tables::payment_group::Beginning;
pub use tables::payment_row::{GatewayPart, NewPayment, PaymentRow};
pub use tables::person::Person;
pub use tables::refresh_token::{Opened, Proof, Rotation};
pub use tables::refund::{PaidBack, RefundFilter, RefundRow};
pub use tables::report::{ReportOutcome, ReportReason, ReportRow, Reported, ThingKind};
pub use tables::reported::ThingRow;
pub use tables::reservation::{ReservationFilter, ReservationRow};
pub use tables::revocation::Revocation;
pub use tables::sales::{OrdersInState, SalesSlice};
pub use tables::series::SeriesRow;
pub use tables::session::{EndedSession, SessionRow};
pub use tables::session_rows::{Device, FreshSession, RefreshToken};
pub use tables::setlist::{SetlistPut, SetlistRow};
pub use tables::simulator_charge::{NewSimulatorCharge, SimulatorCharge};
pub use tables::social_identity::{IdentityLinked, IdentityUnlinked, SocialAccount};
pub use tables::term::{TermFilter, TermHead, TermKind, TermRow, TermsOf};
pub use tables::term_agreement::AgreementRow;
pub use tables::ticket::TicketRow;
pub use tables::user_reset::PasswordByMail;
pub use tables::user_row::{
    EmailAdded, Forgotten, NO_PASSWORD, NewPassword, NewUser, OwnerProof, Role, UserChange,
    UserChanged, UserRow,
};
pub use tables::venue::{EventPlan, NewPlan, PlanRow, VenueChange, VenueRow};
pub use tables::wallet::{Balance, EntryKind, WalletEntry};
pub use tables::webhook::{Created as WebhookCreated, Disabled, WebhookChange, WebhookRow};
pub use tables::webhook_attempt::WebhookAttemptRow;
pub use tables::webhook_delivery::webhook_destination;

/// The database.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    reads: DatabaseConnection,
    /// The same as `reads` on Postgres.
    writes: DatabaseConnection,
    appends: Appends,
    payments: tables::payment_group::PaymentGroups,
    words: tables::words_group::WordsGroups,
    append_timeout: Duration,
    url: String,
}

/// The path of appends to the database.
enum Appends {
    Postgres(Arc<journal::append_pool::AppendPool>),
    Sqlite(journal::append_sqlite::Appender),
}

impl Store {
    fn backend(&self) -> DbBackend {
        self.inner.reads.get_database_backend()
    }

    fn is_postgres(&self) -> bool {
        matches!(self.inner.appends, Appends::Postgres(_))
    }

    fn reads(&self) -> &DatabaseConnection {
        &self.inner.reads
    }

    fn writes(&self) -> &DatabaseConnection {
        &self.inner.writes
    }

    /// Checks that the database answers and accepts a write.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self, now: TimestampMs) -> Result<(), StoreError> {
        let write = format!(
            "INSERT INTO probe (id, at) VALUES (1, {now})
             ON CONFLICT (id) DO UPDATE SET at = excluded.at"
        );
        self.writes().execute_unprepared(&write).await?;
        Ok(())
    }

    /// Returns the number of connections in the pool, the number of idle ones, and the maximum.
    pub fn pool_use(&self) -> (u32, usize, u32) {
        if self.is_postgres() {
            let pool = self.reads().get_postgres_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        } else {
            let pool = self.reads().get_sqlite_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        }
    }
}

/// The condition for rows that follow a given row in a newest-first list. It compares both columns
/// as one tuple, which an index on both finds at once; with two conditions the index would be read
/// from its beginning for each page.
fn older<C: ColumnTrait>(at: (C, TimestampMs), id: (C, Uuid)) -> Expr {
    let columns = Expr::tuple([at.0, id.0].map(|column| Expr::col(column.as_column_ref())));
    columns.lt(Expr::tuple([Expr::value(at.1), Expr::value(id.1)]))
}
