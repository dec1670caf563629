//! What makes a class of an offering: the row beside that of the event, with which it is created.

use entities::{class, class_count};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::ids::OfferingId;
use crate::inventory::ClassRules;
use crate::store::StoreError;
use crate::store::states::{promotion_name, selection_name};

/// Returns the kind of an offering as its row has it.
pub(crate) fn kind_name(is_class: bool) -> &'static str {
    if is_class { "CLASS" } else { "EVENT" }
}

/// Whether lists show a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// In lists.
    Public,
    /// For those who know its address.
    Unlisted,
}

impl Visibility {
    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Unlisted => "UNLISTED",
        }
    }

    /// Parses the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Public, Self::Unlisted].into_iter().find(|one| one.as_str() == word)
    }
}

/// What a class has beyond an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewClass {
    pub rules: ClassRules,
    pub visibility: Visibility,
    pub is_online: bool,
}

pub(crate) async fn insert_class(
    transaction: &impl ConnectionTrait,
    id: OfferingId,
    (title, description, location): (&str, &str, &str),
    class: &NewClass,
) -> Result<(), StoreError> {
    let row = class::ActiveModel {
        id: Set(id.0),
        visibility: Set(class.visibility.as_str().into()),
        is_online: Set(i32::from(class.is_online)),
        waitlist_capacity: Set(class.rules.waitlist.into()),
        selection_type: Set(selection_name(class.rules.selection).into()),
        promotion: Set(promotion_name(class.rules.promotion).into()),
        allow_reapply: Set(i32::from(class.rules.allow_reapply)),
        pay_window_ms: Set(class.rules.pay_window_ms),
        offer_ttl_ms: Set(class.rules.offer_ttl_ms),
        search: Set(searchable(title, description, location)),
        deleted_at: Set(None),
    };
    class::Entity::insert(row).exec_without_returning(transaction).await?;
    let none = class_count::ActiveModel {
        class_id: Set(id.0),
        applied: Set(0),
        approved: Set(0),
        waitlisted: Set(0),
        rejected: Set(0),
        canceled: Set(0),
    };
    class_count::Entity::insert(none).exec_without_returning(transaction).await?;
    Ok(())
}

/// The text that a search looks through, in lower case: SQLite itself lowers ASCII letters only.
pub(crate) fn searchable(title: &str, description: &str, location: &str) -> String {
    format!("{title}\n{description}\n{location}").to_lowercase()
}
