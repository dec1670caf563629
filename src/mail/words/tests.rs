//! What the templates render: parts of each mail in both languages, and what is refused.

use std::collections::BTreeSet;

use minijinja::context;

use super::*;

/// All kinds of mails, with parts of their subject and text in English and in Korean.
const KINDS: &[(&str, [&str; 2], [&str; 2])] = &[
    (
        "reservation.created",
        ["Pay for Ham & let by TONIGHT", "kept until TONIGHT"],
        ["Ham & let: TONIGHT까지 결제해 주세요", "TONIGHT까지 자리를 맡아"],
    ),
    (
        "reservation.confirmed",
        ["Your tickets for Ham & let", "- Stalls A 7: 1A2B 3C4D …"],
        ["Ham & let 티켓", "- Stalls A 7: 1A2B 3C4D …"],
    ),
    (
        "reservation.cancelled",
        ["Your order for Ham & let is cancelled", "₩5 goes back to you"],
        ["Ham & let 주문이 취소되었습니다", "₩5을 돌려드립니다"],
    ),
    (
        "reservation.expired",
        ["The time to pay for Ham & let is over", "Nothing was charged"],
        ["Ham & let 결제 시간이 지났습니다", "결제된 금액은 없습니다"],
    ),
    (
        "payment.refunded",
        ["₩5 goes back to you", "Order number: N-1"],
        ["₩5 환불 안내", "주문 번호: N-1"],
    ),
    (
        "payment.failed",
        ["The payment for Ham & let failed", "Reason: <declined>"],
        ["Ham & let 결제에 실패했습니다", "사유: <declined>"],
    ),
    (
        "waitlist.offered",
        ["Places for Ham & let: accept by SOON", "kept for you until SOON"],
        ["Ham & let 자리가 났습니다: SOON까지", "SOON까지 맡아 두며"],
    ),
    (
        "event.cancelled",
        ["Ham & let does not take place", "₩5 goes back to you"],
        ["Ham & let 공연이 취소되었습니다", "₩5을 돌려드립니다"],
    ),
    (
        "event.changed",
        ["Ham & let: new date or place", "planned for BEFORE"],
        ["Ham & let 일정 또는 장소 변경", "변경 전 일시: BEFORE"],
    ),
    (
        "event.details_changed",
        ["Ham & let: new place", "it was called Macbeth"],
        ["Ham & let 장소 변경", "변경 전 이름: Macbeth"],
    ),
    (
        "tickets.cancelled",
        ["Tickets for Ham & let are cancelled", "- Stalls A 7"],
        ["Ham & let 티켓 일부가 취소되었습니다", "- Stalls A 7"],
    ),
    (
        "enrollment.applied",
        ["Your application for Ham & let", "You hear from us when it is decided"],
        ["Ham & let 신청 접수", "결과가 나오면 알려 드립니다"],
    ),
    (
        "enrollment.approved",
        ["You have a place in Ham & let: pay by TONIGHT", "The fee is ₩7. Please pay by TONIGHT"],
        ["Ham & let 신청 승인: TONIGHT까지 결제해 주세요", "수강료는 ₩7입니다"],
    ),
    (
        "enrollment.promoted",
        ["A place in Ham & let is yours: pay by TONIGHT", "you were next on the waitlist"],
        ["Ham & let 자리가 났습니다: TONIGHT까지 결제해 주세요", "대기 순서에 따라"],
    ),
    (
        "enrollment.offered",
        ["A place in Ham & let: accept it by SOON", "kept for you until SOON"],
        ["Ham & let 자리가 났습니다: SOON까지 수락해 주세요", "SOON까지 맡아 둡니다"],
    ),
    (
        "enrollment.waitlisted",
        ["You are on the waitlist for Ham & let", "Your position: 3"],
        ["Ham & let 대기자 등록", "대기 순서: 3"],
    ),
    (
        "enrollment.rejected",
        ["Your application for Ham & let was not accepted", "<declined>"],
        ["Ham & let 신청 결과", "<declined>"],
    ),
    (
        "enrollment.canceled",
        ["Your place in Ham & let is cancelled", "The fee was not paid in time"],
        ["Ham & let 신청 취소", "기한까지 수강료가 결제되지 않아"],
    ),
    (
        "account.password_reset",
        ["Set a new password", "until TOMORROW"],
        ["비밀번호 재설정", "TOMORROW까지"],
    ),
    (
        "account.email_confirmation",
        ["Please confirm your e-mail address", "until TOMORROW"],
        ["이메일 주소를 확인해 주세요", "TOMORROW까지"],
    ),
    (
        "invitation.sent",
        ["You are invited to help at Shop", "You are invited to check in tickets"],
        ["Shop 초대", "입장 확인 담당자로 초대되었습니다"],
    ),
    (
        "security.password_changed",
        ["Your password was changed", "Signing in by Kakao was removed"],
        ["비밀번호가 변경되었습니다", "Kakao 로그인은 해제되었습니다"],
    ),
    (
        "security.identity_linked",
        ["A way to sign in was added", "An account at Google was added to your account on NOW"],
        ["로그인 방법이 추가되었습니다", "NOW에 Google 계정이"],
    ),
    (
        "security.identity_unlinked",
        ["A way to sign in was removed", "The account at Google was removed"],
        ["로그인 방법이 해제되었습니다", "NOW에 Google 계정이"],
    ),
    (
        "security.login_locked",
        ["Signing in to your account is locked", "again from TOMORROW"],
        ["로그인이 잠겼습니다", "TOMORROW부터"],
    ),
    (
        "webhook.disabled",
        ["A webhook was turned off", "https://shop.example/hook"],
        ["웹훅이 꺼졌습니다", "https://shop.example/hook"],
    ),
];

/// Every value that any template asks for.
fn values(language: Language) -> Value {
    let event = context! {
        name => "Ham & let", when => "FRIDAY", venue => "The <old> theatre",
        url => "https://t.example/events/1", is_class => false,
    };
    let order = context! {
        number => "N-1", url => "https://t.example/orders/1", pay_by => "TONIGHT", total => "₩9",
        is_paid => true, had_tickets => true, is_waiting => true,
        places => [context! { place => "Stalls A 7", price => "₩9" }],
    };
    let ticket = context! { place => "Stalls A 7", code => "1A2B 3C4D", picture => "ticket-1" };
    context! {
        shop => "Shop", language => language.tag(), home => "https://t.example/", name => "Kim & Co",
        event, order, tickets => [ticket], refund => "₩5", reason => "<declined>",
        claim_code => "7H3K9QWX2M", claim_once => true, claim_url => "https://t.example/claim", deadline => "SOON",
        previous_name => "Macbeth", previous_when => "BEFORE", previous_venue => "Elsewhere",
        is_open => true, had_place => true, is_paid => true, cause => "UNPAID", fee => "₩7",
        pay => context! { fee => "₩7", by => "TONIGHT", url => "https://t.example/orders/1" },
        role => "DOOR", offering => "Ham & let",
        position => 3, url => "https://t.example/link", until => "TOMORROW",
        when => "NOW", endpoint => "https://shop.example/hook", provider => "Google",
        removed => "Kakao",
    }
}

#[test]
fn every_kind_has_both_languages_and_both_forms_and_no_file_is_left_over() {
    let files: BTreeSet<String> = Files::iter().map(String::from).collect();
    let shared = ["claim", "event", "layout", "places", "tickets"];
    let mut expected: BTreeSet<String> =
        shared.iter().flat_map(|name| [format!("{name}.txt"), format!("{name}.html")]).collect();
    for (kind, ..) in KINDS {
        for language in Language::ALL {
            let tag = language.tag();
            expected.extend([format!("{tag}/{kind}.txt"), format!("{tag}/{kind}.html")]);
        }
    }
    assert_eq!(files, expected);
}

#[test]
fn every_mail_says_its_own_in_both_languages_and_forms() {
    let templates = Templates::new();
    for (kind, english, korean) in KINDS {
        for (language, [subject, part]) in
            [(Language::English, english), (Language::Korean, korean)]
        {
            let found = templates.write(kind, language, &values(language)).expect(kind);
            assert_eq!(found.subject, *subject, "{kind}");
            assert!(found.plain.contains(part), "{kind}: {part} is not in\n{}", found.plain);
            assert!(!found.plain.contains("\n\n\n"), "{kind}: {}", found.plain);
            assert!(!found.plain.contains("&amp;"), "{kind}: text is not escaped");
            let part = part.trim_start_matches("- ").replace('<', "&lt;").replace('>', "&gt;");
            let part = part.split(": 1A2B").next().unwrap_or_default();
            // Kept apart by elements.
            assert!(
                found.html.replace(" …", "").contains(part),
                "{kind}: {part} in\n{}",
                found.html
            );
            assert!(!found.html.contains("Ham & let") && !found.html.contains("<old>"), "{kind}");
            assert!(found.html.contains(&format!("<html lang=\"{}\">", language.tag())), "{kind}");
            let greeting =
                if language == Language::Korean { "님, 안녕하세요" } else { "Hello Kim" };
            assert!(found.plain.contains(greeting) && found.html.contains(greeting), "{kind}");
        }
    }
}

#[test]
fn a_value_that_is_missing_is_an_error_and_names_the_template() {
    let templates = Templates::new();
    for (kind, ..) in KINDS {
        for language in Language::ALL {
            let bare = context! { shop => "Shop", language => language.tag(), home => "/" };
            let Err(ComposeError::Impossible(why)) = templates.write(kind, language, &bare) else {
                panic!("{kind} was written without its values");
            };
            assert!(why.contains(kind), "{why}");
        }
    }
    assert!(
        templates.write("no.such_kind", Language::English, &values(Language::English)).is_err()
    );
    assert!(
        !templates.has("no.such_kind")
            && !templates.has("../layout")
            && templates.has("webhook.disabled")
    );
}

#[test]
fn a_guest_is_greeted_without_a_name() {
    let values = context! {
        shop => "Shop", language => "en", home => "/", url => "/x", until => "TOMORROW",
    };
    let found = Templates::new().write("account.email_confirmation", Language::English, &values);
    let plain = found.expect("no name is needed").plain;
    assert!(plain.starts_with("Hello,\n"), "{plain}");
    assert!(!plain.contains("other devices"), "{plain}");
}

#[test]
fn a_header_stays_one_line() {
    for (text, expected) in [
        ("a\r\nBcc: b@c.example", "a Bcc: b@c.example"),
        ("  a \t b\0c\u{85}d ", "a b c d"),
        ("표 🎭", "표 🎭"),
        ("", ""),
    ] {
        assert_eq!(one_line(text), expected);
    }
    assert_eq!(one_line(&"가".repeat(500)).chars().count(), MAX_SUBJECT);
}

#[test]
fn a_class_is_called_one_and_its_end_has_a_cause() {
    let templates = Templates::new();
    let says = |kind: &str, language: Language, more: Value, part: &str| {
        let class = context! {
            name => "Yoga", when => "FRIDAY", venue => "Online", url => "/classes/1", is_class => true,
        };
        let all = context! { event => class, ..context! { ..more, ..values(language) } };
        let found = templates.write(kind, language, &all).expect(kind);
        let subject = &found.subject;
        for form in [&found.plain, &found.html] {
            assert!(subject.contains(part) || form.contains(part), "{kind}: {subject}\n{form}");
            assert!(!form.contains("공연") && !form.contains("The event"), "{kind}: {form}");
        }
        assert!(!found.plain.contains("\n\n\n"), "{kind}: {}", found.plain);
    };
    use Language::{English, Korean};
    for (kind, english, korean) in [
        ("event.changed", "The class takes place as follows", "수업이 다음과 같이"),
        ("event.details_changed", "Show the class", "수업 보기"),
        ("reservation.confirmed", "Your fee for Yoga is paid", "수강료가 결제되어"),
    ] {
        says(kind, English, context! {}, english);
        says(kind, Korean, context! {}, korean);
    }
    for (cause, had_place, english, korean) in [
        ("CLASS_CANCELLED", true, "Yoga does not take place", "Yoga 수업이 취소되었습니다"),
        ("OFFER_EXPIRED", false, "was not accepted in time", "기한까지 수락하지 않아"),
        ("ADMIN", true, "The organiser cancelled your place", "주최자가 자리를"),
        ("ADMIN", false, "The organiser cancelled your application", "주최자가 신청을"),
        ("CUSTOMER", true, "You cancelled your place", "요청하신 대로 자리를"),
        ("CUSTOMER", false, "Your application for Yoga is cancelled", "요청하신 대로 신청을"),
    ] {
        says("enrollment.canceled", English, context! { cause, had_place }, english);
        says("enrollment.canceled", Korean, context! { cause, had_place }, korean);
    }
}
