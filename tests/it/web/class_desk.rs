//! The desk of a class as a browser without scripts uses it: search, files, attendance, the log.

use serde_json::json;

use super::classes::{applies, class};
use super::organiser::{Browser, Page, known};
use super::sessions::Browser as Nobody;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Makes a class that begins soon, and lets people apply; returns its address and their boxes.
async fn desk_of(shop: &Shop, change: serde_json::Value, names: &[&str]) -> (String, Vec<String>) {
    let mut body = json!({"selectionType": "REVIEW", "allowWaitlist": true, "waitlistCapacity": 9,
        "capacity": 2, "startAt": shop.time_in(20 * 3_600), "endAt": shop.time_in(22 * 3_600)});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let id = class(shop, body).await;
    let mut boxes = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let person = known(shop, name, &format!("p{n}@{id}.example")).await;
        let mine = applies(&Browser::of(shop, &person), &id).await;
        boxes.push(format!("{}_1", mine.rsplit('/').next().unwrap()));
    }
    (format!("/organiser/classes/{id}"), boxes)
}

/// Returns the entries of a log that a page shows, and the link to older ones.
fn entries(page: &Page) -> (Vec<String>, Option<String>) {
    let (_, list) = page.text.split_once("<ul class=\"plain\">").expect("a list");
    let (list, rest) = list.split_once("</ul>").expect("its end");
    let entries = list.split("<li>").skip(1).map(str::to_owned).collect();
    let link = rest.split_once("class=\"more\"").map(|(_, more)| {
        let (_, link) = more.split_once("href=\"").expect("a link");
        link.split_once('"').expect("its end").0.to_owned()
    });
    (entries, link)
}

on_both_databases! {
    async fn people_are_found_at_the_desk_by_parts_of_their_names(db: TestDb) {
        let shop = Shop::open(db).await;
        let names = ["Ann O'Hara", "김하늘", "<b>Bo</b>", "100% Eve"];
        let (at, boxes) = desk_of(&shop, json!({"promotion": "OFFER", "capacity": 1}), &names).await;
        let desk = Browser::of(&shop, &shop.admin());
        let shown = ["Ann O", "김하늘", "&lt;b&gt;Bo", "100% Eve"];
        for (query, expected) in [
            ("", &[0, 1, 2, 3][..]), ("?q=", &[0, 1, 2, 3]), ("?q=o'HARA", &[0]), ("?q=하늘", &[1]),
            ("?q=%EA%B9%80", &[1]), ("?q=<b>", &[2]), ("?q=%25", &[3]), ("?q=p2@", &[2]),
            ("?q=_", &[]), ("?q=zoe", &[]), ("?q=ann&status=REJECTED", &[]),
            ("?q=ann&status=APPLIED", &[0]), ("?status=OFFERED", &[]),
        ] {
            let page = desk.get(&format!("{at}{query}")).await;
            assert_eq!(page.status, 200, "{query}: {}", page.text);
            let found: Vec<_> = (0..4).filter(|n| page.text.contains(shown[*n])).collect();
            assert_eq!(found, expected, "{query}: {}", page.text);
        }
        desk.get(&format!("{at}?q=%22%3Cb%3E")).await.shows(&["value=\"&quot;&lt;b&gt;\"", "None."]);
        assert_eq!(desk.get(&format!("{at}?after=x")).await.status, 422);

        // Who has an offer is no longer in line.
        let decide = format!("{at}/decisions");
        let approve = [("key", "a"), ("do", "approve"), ("pick", &*boxes[0])];
        desk.post(&decide, &approve).await.shows(&["1 of 1 decided."]);
        let wait = [("key", "w"), ("do", "waitlist"), ("pick", &*boxes[1]), ("pick", &*boxes[2])];
        desk.post(&decide, &wait).await.shows(&["2 of 2 decided."]);
        let cancel = [("key", "c"), ("version", "2"), ("do", "cancel"), ("reason", "")];
        let first = boxes[0].split('_').next().unwrap();
        let first = format!("/organiser/enrollments/{first}");
        desk.post(&format!("{first}/decision"), &cancel).await.leads_to(&first);
        for (status, expected) in [("OFFERED", "김하늘"), ("WAITLISTED", "&lt;b&gt;Bo")] {
            let page = desk.get(&format!("{at}?status={status}")).await;
            let found: Vec<_> = shown.iter().filter(|name| page.text.contains(**name)).collect();
            assert_eq!(found, [&expected], "{status}");
        }
    }

    async fn attendance_that_is_refused_for_one_is_recorded_for_the_others(db: TestDb) {
        let shop = Shop::open(db).await;
        let fee = json!({"fee": {"amount": 30_000, "currency": "KRW"}, "capacity": 3});
        let (at, mut boxes) = desk_of(&shop, fee, &["Ann", "Bo", "Cy"]).await;
        let desk = Browser::of(&shop, &shop.admin());
        let decide = format!("{at}/decisions");
        let approve = [("key", "a"), ("do", "approve"), ("pick", &*boxes[0]), ("pick", &*boxes[1])];
        desk.post(&decide, &approve).await.shows(&["2 of 2 decided."]);
        let ann = boxes[0].split('_').next().unwrap().to_owned();
        let paid = json!({"method": "wallet"});
        let owner = shop.app.state().store
            .enrollment_get(ann.parse().unwrap()).await.unwrap().unwrap().user;
        let person = shop.person(owner, admitone::accounts::Role::User);
        person.charge(30_000).await;
        person.post_with_key(&format!("/api/reservations/{ann}/payments"), "pay", &paid).await.is(200);
        boxes.push(format!("{}_1", admitone::ids::EnrollmentId::random()));
        let mut marks = vec![("key", "m"), ("do", "present")];
        marks.extend(boxes.iter().map(|one| ("pick", &**one)));
        let outcome = desk.post(&decide, &marks).await;
        assert_eq!(outcome.status, 200, "{}", outcome.text);
        outcome.shows(&["Recorded for 1 of 4.", "Ann", "The fee is not paid yet.", "Cy",
            "not possible any more", "There is no such enrollment"]);
        assert_eq!(desk.post(&decide, &marks).await.text, outcome.text, "sent twice");
        let history = format!("/organiser/enrollments/{ann}");
        let (log, _) = entries(&desk.get(&history).await);
        let times = log.iter().filter(|entry| entry.contains("Attendance (Present)")).count();
        assert_eq!(times, 1, "recorded once: {log:?}");
        // Those of one alone, and those who can all be marked, lead back to the desk.
        let late = [("key", "l"), ("do", "late"), ("pick", &*boxes[0])];
        desk.post(&decide, &late).await.leads_to(&at);
        desk.get(&history).await.shows(&["Attendance (Late)"]);

        let (later, boxes) = desk_of(&shop, json!({"startAt": "2035-05-01T10:00:00Z",
            "endAt": "2035-05-01T12:00:00Z"}), &["Dee", "Eve"]).await;
        let marks = [("key", "e"), ("do", "absent"), ("pick", &*boxes[0]), ("pick", &*boxes[1])];
        desk.post(&format!("{later}/decisions"), &marks).await
            .shows(&["Recorded for 0 of 2.", "Dee", "Eve", "24 hours"]);
    }

    async fn a_log_is_read_page_by_page_to_its_first_entry(db: TestDb) {
        let shop = Shop::open(db).await;
        let (at, boxes) = desk_of(&shop, json!({}), &["Ann"]).await;
        let desk = Browser::of(&shop, &shop.admin());
        let reject = [("key", "r"), ("do", "reject"), ("pick", &*boxes[0]), ("reason", "<i>Full</i>")];
        desk.post(&format!("{at}/decisions"), &reject).await.shows(&["1 of 1 decided."]);
        many_changes(&shop, 230).await;
        let enrollment = boxes[0].split('_').next().unwrap();
        for (start, number) in [(format!("{at}/log"), 231), (format!("/organiser/enrollments/{enrollment}"), 232)] {
            let (mut all, mut pages, mut next) = (Vec::new(), 0, Some(start.clone()));
            while let Some(link) = next {
                let page = desk.get(&link).await;
                page.shows(&["The newest first."].iter().copied().filter(|_| start.ends_with("log")).collect::<Vec<_>>());
                let (entries, older) = entries(&page);
                all.extend(entries);
                (pages, next) = (pages + 1, older);
            }
            assert_eq!((all.len(), pages), (number, 3), "{start}");
            let rejected = &all[230];
            assert!(rejected.contains("Rejected") && rejected.contains("&lt;i&gt;Full"), "{rejected}");
            assert!(all[..230].iter().all(|entry| entry.contains("Attendance (Late)")), "{start}");
        }
        assert_eq!(desk.get(&format!("{at}/log?after=x")).await.status, 422);
    }
}

/// Adds changes of the one enrollment to the rows, after all others.
async fn many_changes(shop: &Shop, number: u32) {
    let series = match shop.app.db.is_postgres() {
        true => format!("generate_series(1, {number}) AS s(n)"),
        false => format!(
            "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {number})
                SELECT n FROM s)"
        ),
    };
    let sql = format!(
        "INSERT INTO enrollment_changes (class_id, seq, position, enrollment_id, at, action, detail)
        SELECT class_id, 100000 + n / 7, n % 7, id, applied_at + n, 'ATTENDANCE', 'LATE'
        FROM enrollments CROSS JOIN {series}"
    );
    assert_eq!(shop.app.db.sql(&sql).await, u64::from(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_class_are_downloaded_from_its_desk() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (at, _) = desk_of(&shop, json!({}), &["김하늘"]).await;
    let (empty, _) = desk_of(&shop, json!({}), &[]).await;
    let desk = Browser::of(&shop, &shop.admin());
    assert!(!desk.get(&empty).await.text.contains("enrollments.csv"), "nothing to download");
    let page = desk.get(&at).await;
    for (file, start) in
        [("enrollments.csv", "\u{feff}"), ("enrollments.xlsx", "PK"), ("waitlist.csv", "\u{feff}")]
    {
        let link = format!("{at}/{file}");
        page.shows(&[&format!("href=\"{link}\"")]);
        let downloaded = desk.get(&link).await;
        assert_eq!(downloaded.status, 200, "{file}");
        let text = downloaded.text.trim_start_matches('\u{feff}');
        assert!(start == "\u{feff}" || text.starts_with(start), "{file}: {text}");
        assert_eq!(text.contains("김하늘"), file == "enrollments.csv", "{file}");
        assert_eq!(Browser::of(&shop, &shop.customer()).get(&link).await.status, 403, "{file}");
        let nobody = Nobody::at(shop.app.url("")).get(&link).await;
        assert!(nobody.status().is_redirection(), "{file}: signs in first");
        let class = at.rsplit('/').next().unwrap();
        let other = link.replace(class, &admitone::ids::OfferingId::random().to_string());
        assert_eq!(desk.get(&other).await.status, 404, "{file}");
    }
    // More than a spreadsheet takes: there is no link, and the address says what to do.
    shop.app.db.sql("UPDATE class_counts SET rejected = 100001").await;
    assert!(!desk.get(&at).await.text.contains("enrollments.xlsx"));
    let refused = desk.get(&format!("{at}/enrollments.xlsx")).await;
    assert_eq!(refused.status, 422);
    refused.shows(&["Please download them as CSV."]);
}
