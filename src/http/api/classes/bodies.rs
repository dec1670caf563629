//! The bodies of a new and of a changed class, and the drafts that the rules of `classes` check.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::classes::{ClassDraft, ClassEdit, WaitlistDraft};
use crate::http::api::offerings::create_event::CancellationBody;
use crate::http::dto::{Money, Time};
use crate::http::extract::object;
use crate::inventory::{Attendance, Promotion, Selection};
use crate::offerings::CancellationDraft;
use crate::store::Visibility;
use crate::text::InvalidField;

/// Time to pay a fee: two days.
const PAY_WINDOW_SECONDS: i64 = 172_800;
/// Time to take an offered place: a day.
const OFFER_SECONDS: i64 = 86_400;

/// Whether lists show a class; an `UNLISTED` one is for those who know its address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum VisibilityDto {
    #[default]
    Public,
    Unlisted,
}

/// How applicants are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum SelectionTypeDto {
    FirstCome,
    Review,
}

/// How a free place goes to the first in line: `AUTO` approves, `OFFER` holds the place until the
/// person takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PromotionDto {
    #[default]
    Auto,
    Offer,
}

/// Whether a person attended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AttendanceDto {
    Present,
    Late,
    Absent,
}

/// A class to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "title": "Pottery for beginners",
    "location": "Studio 3",
    "capacity": 12,
    "allowWaitlist": true,
    "waitlistCapacity": 6,
    "selectionType": "FIRST_COME",
    "fee": { "amount": 50_000, "currency": "KRW" },
    "startAt": "2030-05-01T10:00:00Z",
    "endAt": "2030-05-01T12:00:00Z"
}))]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewClassBody {
    #[schema(example = "Pottery for beginners", max_length = 200)]
    pub title: String,
    #[serde(default)]
    #[schema(max_length = 10_000)]
    pub description: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    pub location: String,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub capacity: u32,
    /// Whether people wait in line once the places are taken; needs `waitlistCapacity`.
    #[serde(default)]
    pub allow_waitlist: Option<bool>,
    #[serde(default)]
    #[schema(maximum = 100_000)]
    pub waitlist_capacity: Option<u32>,
    #[serde(default, deserialize_with = "object::option_word")]
    pub visibility: Option<VisibilityDto>,
    /// Nothing if absent.
    #[serde(default, deserialize_with = "object::option")]
    #[schema(value_type = Option<crate::http::openapi::forms::Price>)]
    pub fee: Option<Money>,
    #[serde(deserialize_with = "object::word")]
    pub selection_type: SelectionTypeDto,
    #[serde(default, deserialize_with = "object::option_word")]
    pub promotion: Option<PromotionDto>,
    /// Whether a person whose enrollment was canceled or rejected may apply again; true if absent.
    #[serde(default)]
    pub allow_reapply: Option<bool>,
    /// At once if absent.
    #[serde(default)]
    pub recruit_start_at: Option<Time>,
    /// `startAt` if absent.
    #[serde(default)]
    pub recruit_end_at: Option<Time>,
    pub start_at: Time,
    pub end_at: Time,
    #[serde(default)]
    pub is_online: bool,
    /// Time to pay the fee after an approval, in seconds; two days if absent.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 5_184_000)]
    pub pay_window_seconds: Option<i64>,
    /// Time to take a place that is offered, in seconds; a day if absent.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 5_184_000)]
    pub offer_seconds: Option<i64>,
    /// Refund terms for people who cancel. If absent, the whole fee is refunded until the class
    /// starts.
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
    /// The IANA time zone of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Asia/Seoul")]
    pub time_zone: Option<String>,
}

impl NewClassBody {
    /// Returns the draft that the rules check.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn draft(&self) -> Result<ClassDraft, InvalidField> {
        let fee = self.fee.as_ref();
        Ok(ClassDraft {
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            capacity: self.capacity,
            waitlist: WaitlistDraft {
                allowed: self.allow_waitlist,
                capacity: self.waitlist_capacity,
            },
            visibility: self.visibility.unwrap_or_default().into(),
            fee: fee.map_or((0, "KRW".into()), |fee| (fee.amount, fee.currency.clone())),
            selection: self.selection_type.into(),
            promotion: self.promotion.unwrap_or_default().into(),
            allow_reapply: self.allow_reapply.unwrap_or(true),
            recruit_start: self.recruit_start_at.map(Time::millis),
            recruit_end: self.recruit_end_at.map(Time::millis),
            starts_at: self.start_at.millis(),
            ends_at: self.end_at.millis(),
            is_online: self.is_online,
            pay_window_ms: millis(self.pay_window_seconds.unwrap_or(PAY_WINDOW_SECONDS)),
            offer_ttl_ms: millis(self.offer_seconds.unwrap_or(OFFER_SECONDS)),
            cancellation: self
                .cancellation
                .as_ref()
                .map(CancellationBody::draft)
                .unwrap_or_default()
                .policy()?,
            time_zone: self.time_zone.clone(),
        })
    }
}

/// Changes of a class; absent fields stay as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassPatch {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    #[schema(max_length = 200)]
    pub location: Option<String>,
    /// Never below the places that are taken; more places go to the line at once.
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub capacity: Option<u32>,
    pub allow_waitlist: Option<bool>,
    #[schema(maximum = 100_000)]
    pub waitlist_capacity: Option<u32>,
    #[serde(default, deserialize_with = "object::option_word")]
    pub visibility: Option<VisibilityDto>,
    /// The fee of approvals from now on, in the same currency.
    #[serde(default, deserialize_with = "object::option")]
    #[schema(value_type = Option<crate::http::openapi::forms::Price>)]
    pub fee: Option<Money>,
    /// Cannot change after the first application.
    #[serde(default, deserialize_with = "object::option_word")]
    pub selection_type: Option<SelectionTypeDto>,
    #[serde(default, deserialize_with = "object::option_word")]
    pub promotion: Option<PromotionDto>,
    pub allow_reapply: Option<bool>,
    /// `null` opens recruitment at once.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub recruit_start_at: Option<Option<Time>>,
    pub recruit_end_at: Option<Time>,
    pub start_at: Option<Time>,
    pub end_at: Option<Time>,
    pub is_online: Option<bool>,
    #[schema(minimum = 60, maximum = 5_184_000)]
    pub pay_window_seconds: Option<i64>,
    #[schema(minimum = 60, maximum = 5_184_000)]
    pub offer_seconds: Option<i64>,
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
    #[schema(example = "Asia/Seoul")]
    pub time_zone: Option<String>,
}

impl ClassPatch {
    /// Returns the changes for the rules to check.
    ///
    /// # Errors
    /// Names the field that is not allowed.
    pub fn edit(self) -> Result<ClassEdit, InvalidField> {
        let cancellation = self.cancellation.as_ref().map(CancellationBody::draft);
        let cancellation = cancellation.map(CancellationDraft::policy).transpose()?;
        let at = |time: Option<Time>| time.map(Time::millis);
        Ok(ClassEdit {
            title: self.title,
            description: self.description,
            location: self.location,
            capacity: self.capacity,
            waitlist: WaitlistDraft {
                allowed: self.allow_waitlist,
                capacity: self.waitlist_capacity,
            },
            visibility: self.visibility.map(Into::into),
            fee: self.fee.map(|fee| (fee.amount, fee.currency)),
            selection: self.selection_type.map(Into::into),
            promotion: self.promotion.map(Into::into),
            allow_reapply: self.allow_reapply,
            recruit_start: self.recruit_start_at.map(at),
            recruit_end: at(self.recruit_end_at),
            starts_at: at(self.start_at),
            ends_at: at(self.end_at),
            is_online: self.is_online,
            pay_window_ms: self.pay_window_seconds.map(millis),
            offer_ttl_ms: self.offer_seconds.map(millis),
            cancellation,
            time_zone: self.time_zone,
        })
    }
}

/// Distinguishes `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Time>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn millis(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000)
}

impl From<VisibilityDto> for Visibility {
    fn from(word: VisibilityDto) -> Self {
        match word {
            VisibilityDto::Public => Self::Public,
            VisibilityDto::Unlisted => Self::Unlisted,
        }
    }
}

impl From<SelectionTypeDto> for Selection {
    fn from(word: SelectionTypeDto) -> Self {
        match word {
            SelectionTypeDto::FirstCome => Self::FirstCome,
            SelectionTypeDto::Review => Self::Review,
        }
    }
}

impl From<PromotionDto> for Promotion {
    fn from(word: PromotionDto) -> Self {
        match word {
            PromotionDto::Auto => Self::Auto,
            PromotionDto::Offer => Self::Offer,
        }
    }
}

impl From<AttendanceDto> for Attendance {
    fn from(mark: AttendanceDto) -> Self {
        match mark {
            AttendanceDto::Present => Self::Present,
            AttendanceDto::Late => Self::Late,
            AttendanceDto::Absent => Self::Absent,
        }
    }
}
