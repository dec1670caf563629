//! The schema of Admit One, in steps that can be applied and reverted. Append-only: a step that has
//! been released is never edited.

pub use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_initial;
mod m0002_payloads_uncompressed;
mod m0003_probe;
mod m0004_room_on_pages;
mod m0005_reservations_by_time;
mod m0006_revocations;
mod m0007_waitlisted;
mod m0008_terms_of_events;
mod m0009_archives;
mod m0010_product_times;
mod m0011_venues;
mod m0012_guests;
mod m0013_checked_in_tickets;
mod m0014_deliveries;
mod m0015_mail;
mod m0016_webhooks;
mod m0018_refunds;
mod m0019_gateways;
mod m0020_auto_payments;
mod m0021_payment_problems;
mod m0022_classes;
mod m0023_terms;
mod m0024_enrollment_forms;
mod m0025_search_of_people;
mod m0026_queue_secrets;
mod m0027_sessions;
mod m0028_grants;
mod m0029_social_identities;
mod m0030_guest_codes;
mod m0031_concerts;
mod m0035_articles;
mod m0036_setlists;
mod m0037_chat;

/// All steps, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_payloads_uncompressed::Migration),
            Box::new(m0003_probe::Migration),
            Box::new(m0004_room_on_pages::Migration),
            Box::new(m0005_reservations_by_time::Migration),
            Box::new(m0006_revocations::Migration),
            Box::new(m0007_waitlisted::Migration),
            Box::new(m0008_terms_of_events::Migration),
            Box::new(m0009_archives::Migration),
            Box::new(m0010_product_times::Migration),
            Box::new(m0011_venues::Migration),
            Box::new(m0012_guests::Migration),
            Box::new(m0013_checked_in_tickets::Migration),
            Box::new(m0014_deliveries::Migration),
            Box::new(m0015_mail::Migration),
            Box::new(m0016_webhooks::Migration),
            Box::new(m0018_refunds::Migration),
            Box::new(m0019_gateways::Migration),
            Box::new(m0020_auto_payments::Migration),
            Box::new(m0021_payment_problems::Migration),
            Box::new(m0022_classes::Migration),
            Box::new(m0023_terms::Migration),
            Box::new(m0024_enrollment_forms::Migration),
            Box::new(m0025_search_of_people::Migration),
            Box::new(m0026_queue_secrets::Migration),
            Box::new(m0027_sessions::Migration),
            Box::new(m0028_grants::Migration),
            Box::new(m0029_social_identities::Migration),
            Box::new(m0030_guest_codes::Migration),
            Box::new(m0031_concerts::Migration),
            Box::new(m0035_articles::Migration),
            Box::new(m0036_setlists::Migration),
            Box::new(m0037_chat::Migration),
        ]
    }
}
