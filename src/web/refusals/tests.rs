//! Every refusal that a page can show has a sentence in every language.

use chrono_tz::Tz;

use super::*;
use crate::ids::EnrollmentId;
use crate::inventory::{Rejection, SaleEnd};

/// Codes of answers that no page shows: they are about JSON, headers and tokens of programs, about
/// calls between instances, and about operations that have no page.
const NOT_ON_PAGES: &[ErrorCode] = &[
    ErrorCode::MalformedJson,
    ErrorCode::MalformedIdempotencyKey,
    ErrorCode::IdempotencyKeyRequired,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::InvalidRefreshToken,
    ErrorCode::RefreshTokenReused,
    ErrorCode::TooManyStreams,
    ErrorCode::NotOfThisCluster,
    ErrorCode::InvalidSignature,
    ErrorCode::OtherProtocol,
    ErrorCode::LoopDetected,
    ErrorCode::LeasesAway,
    ErrorCode::NoSuchInstance,
    ErrorCode::NotTheCaller,
    ErrorCode::ParticipationUnavailable,
    ErrorCode::EventNotOpen,
    ErrorCode::EventAlreadyParticipated,
    ErrorCode::EventCapacityExceeded,
    ErrorCode::FeedArchived,
];

fn explainer(language: Language) -> Explainer<'static> {
    Explainer { language, zone: Tz::Asia__Seoul, seats: "" }
}

fn said(language: Language, failure: impl Into<ApiError>) -> String {
    explainer(language).explain(&failure.into())
}

fn on_pages() -> impl Iterator<Item = ErrorCode> {
    ErrorCode::ALL.iter().copied().filter(|code| !NOT_ON_PAGES.contains(code))
}

#[test]
fn every_code_that_a_page_can_show_has_a_sentence_of_its_own_in_every_language() {
    for language in Language::ALL {
        for code in on_pages() {
            let key = format!("error.{}", code.as_str());
            let text = language.find(&key);
            assert!(text.is_some(), "{} has no {key}", language.tag());
            let said = said(language, ApiError::of(code));
            assert!(!said.contains(code.as_str()), "{}: {said}", language.tag());
            is_a_sentence(language, &said);
        }
    }
}

/// A sentence in the language, with every placeholder filled in.
#[track_caller]
fn is_a_sentence(language: Language, said: &str) {
    assert!(said.ends_with('.') && !said.contains(['{', '}']), "{}: {said}", language.tag());
    if language != Language::Korean {
        return;
    }
    let words = said.split_whitespace().filter(|word| {
        let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
        letters.len() > 1 && letters.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    let english: Vec<_> = words.collect();
    assert!(english.is_empty(), "English in {said:?}");
    assert!(said.contains(|c| ('가'..='힣').contains(&c)), "{said:?} is not Korean");
}

#[test]
fn no_sentence_is_about_a_code_that_does_not_exist_or_no_page_shows() {
    let codes: Vec<_> = on_pages().map(ErrorCode::as_str).collect();
    for (key, _) in Language::English.below("error.") {
        let name = key.trim_start_matches("error.");
        let code = name.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_');
        assert!(code.is_empty() || codes.contains(&code), "{key}");
    }
}

/// One refusal of each kind, with its details.
fn rejections() -> Vec<Rejection> {
    use Rejection as R;
    let (at, reason) = (Some(1_893_456_000_000), "seats must not be empty".into());
    vec![
        R::SoldOut { requested: 4, available: 2 },
        R::SoldOut { requested: 4, available: 0 },
        R::SeatsTaken { seats: Vec::new() },
        R::UnknownProduct,
        R::UnknownSection,
        R::UnknownSeats { seats: Vec::new() },
        R::DuplicateSeats { seats: Vec::new() },
        R::WrongKindOfProduct { numbered: true },
        R::WrongKindOfProduct { numbered: false },
        R::Invalid { reason },
        R::Invalid { reason: "a sentence that no table has".into() },
        R::LimitExceeded { max: 4, current: 0 },
        R::LimitExceeded { max: 4, current: 3 },
        R::SaleNotOpen { opens_at: at },
        R::SaleNotOpen { opens_at: None },
        R::SaleClosed { paused: true },
        R::SaleClosed { paused: false },
        R::Cancelled,
        R::HoldNotFound,
        R::HoldExpired,
        R::HoldEnded,
        R::ExtensionExhausted,
        R::ReservationNotFound,
        R::ReservationExpired,
        R::WrongState { what: "reservation".into(), state: "cancelled".into() },
        R::PaymentInProgress,
        R::AlreadyCheckedIn,
        R::TicketNotFound,
        R::WaitlistUnavailable { full: true },
        R::AlreadyWaiting,
        R::PlacesAvailable { available: 3 },
        R::WaitlistEntryNotFound,
        R::BelowTaken { taken: 12 },
        R::KeyReused,
        R::TooManyKeys,
        R::ProductWithdrawn,
        R::CancellationRefused { until: at },
        R::CancellationRefused { until: None },
        R::SaleOver { end: SaleEnd::Event, at: 1_893_456_000_000 },
        R::RecruitmentNotOpen { opens_at: at },
        R::RecruitmentNotOpen { opens_at: None },
        R::RecruitmentOver { ended_at: at },
        R::RecruitmentOver { ended_at: None },
        R::AlreadyEnrolled { enrollment: EnrollmentId::random() },
        R::ReapplyRefused { enrollment: EnrollmentId::random() },
        R::ClassFull { capacity: 12, waitlist: 6 },
        R::NoPlacesLeft { left: 0 },
        R::EnrollmentNotFound,
        R::VersionConflict { current: 3 },
        R::SelectionFrozen,
        R::HasEnrollments { living: 4 },
        R::PlacesLeft { left: 3 },
        R::TooManyApplications { limit: 20 },
        R::WrongOffering { is_class: false },
        R::QueueIsOn,
        R::NoQueue,
        R::QueueClosing,
        R::QueueDraining,
        R::QueueFull { max: 4_000_000 },
        R::InQueue,
        R::QueueEntryNotFound,
        R::PassRequired,
        R::PassExpired,
        R::PassUsed,
        R::Invalid { reason: "activeLimit must be 1 to 9: pause the queue to admit nobody".into() },
    ]
}

#[test]
fn every_refusal_of_the_core_is_a_sentence_in_every_language() {
    for language in Language::ALL {
        for rejection in rejections() {
            is_a_sentence(language, &said(language, rejection));
        }
    }
}

#[test]
fn sentences_have_the_limits_times_and_seats_of_the_refusal() {
    let korean = |rejection: Rejection| said(Language::Korean, rejection);
    for (said, part) in [
        (korean(Rejection::SoldOut { requested: 4, available: 2 }), "2자리"),
        (korean(Rejection::LimitExceeded { max: 4, current: 3 }), "이미 3매"),
        (korean(Rejection::LimitExceeded { max: 4, current: 0 }), "최대 4매"),
        (korean(Rejection::SaleNotOpen { opens_at: Some(1_893_456_000_000) }), "09:00"),
        (korean(Rejection::CancellationRefused { until: Some(1_893_456_000_000) }), "09:00"),
        (korean(Rejection::BelowTaken { taken: 12 }), "12자리"),
        (korean(Rejection::PlacesLeft { left: 3 }), "3자리"),
        (korean(Rejection::RecruitmentNotOpen { opens_at: Some(1_893_456_000_000) }), "09:00"),
        (korean(Rejection::RecruitmentOver { ended_at: Some(1_893_456_000_000) }), "09:00"),
        (
            korean(Rejection::Invalid {
                reason: "one hold may have at most 6 places in all".into(),
            }),
            "6매",
        ),
        (
            said(
                Language::Korean,
                ApiError::of(ErrorCode::TooManyRequests)
                    .with_retry_after(std::time::Duration::from_secs(200)),
            ),
            "4분 후",
        ),
    ] {
        assert!(said.contains(part), "{said:?} without {part}");
    }
    let apart = ApiError::of(ErrorCode::SoldOut).with_details(serde_json::json!({"apart": 5}));
    assert!(said(Language::Korean, apart).contains("나란히 빈 5자리"));
    let taken = ApiError::from(Rejection::SeatsTaken { seats: Vec::new() });
    let named = explainer(Language::English).naming("Left, row A, seat 1").explain(&taken);
    assert_eq!(named, "Just taken by others: Left, row A, seat 1. Please choose other seats.");
}

#[test]
fn a_field_is_called_by_its_label_and_a_field_of_a_list_by_its_path_too() {
    let failure = ApiError::invalid("name", "must have 1 to 200 characters");
    let (english, korean) =
        (said(Language::English, failure.clone()), said(Language::Korean, failure));
    assert_eq!(english, "Please check: “Name” must have 1 to 200 characters.");
    assert_eq!(korean, "'이름' 항목을 확인해 주세요. 1~200자로 입력해 주세요.");
    let failure = ApiError::invalid("products[2].price.amount", "must be 0 to 9");
    assert!(said(Language::Korean, failure).contains("products[2].price.amount"));
    let failure = ApiError::invalid("quantity", "invalid digit found in string");
    is_a_sentence(Language::Korean, &said(Language::Korean, failure));
}

#[test]
fn sentences_that_quote_others_are_translated_whole_and_those_of_pages_stay() {
    let korean = |text: &str| reason(Language::Korean, text);
    assert_eq!(
        korean("name must not be empty").as_deref(),
        Some("이름이 올바르지 않습니다. 비워 둘 수 없습니다."),
    );
    assert_eq!(korean("이미 한국어인 문장").as_deref(), Some("이미 한국어인 문장"));
    let quoting = korean("names \"홀\", which is no zone of seats in the plan").expect("known");
    assert!(quoting.starts_with("\"홀\""), "{quoting}");
    assert_eq!(korean("a sentence that no table has"), None);
}
