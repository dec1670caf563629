//! Files of the desk, as other programs read them: CSV, XLSX and the certificate.

use std::process::Command;

use serde_json::{Value, json};

use super::Desk;
use crate::http::api_client::{Person, Shop};

/// Downloads a file; returns its bytes, type and name.
async fn download(person: &Person<'_>, path: &str) -> (Vec<u8>, String, String) {
    let request = person.request(reqwest::Method::GET, path).header("Accept-Language", "en");
    let answer = request.send().await.expect("the server answers");
    assert_eq!(answer.status(), 200, "{path}");
    let header = |name: &str| answer.headers()[name].to_str().expect("ASCII").to_owned();
    let (kind, name) = (header("content-type"), header("content-disposition"));
    (answer.bytes().await.expect("a whole file").to_vec(), kind, name)
}

fn records(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).expect("a byte order mark");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let rows =
        reader.records().map(|row| row.expect("RFC 4180").iter().map(str::to_owned).collect());
    rows.collect()
}

fn without_apostrophe(field: &str) -> String {
    field.strip_prefix('\'').unwrap_or(field).to_owned()
}

/// A cell of a spreadsheet.
struct Cell {
    /// `s` for texts, `f` for formulas, `n` for numbers and nothing.
    kind: String,
    value: String,
}

/// Reads the cells of a spreadsheet as openpyxl sees them.
fn sheet_of(bytes: &[u8]) -> Vec<Vec<Cell>> {
    let file = tempfile::Builder::new().suffix(".xlsx").tempfile().expect("a file");
    std::fs::write(file.path(), bytes).expect("a file");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spreadsheet/run");
    let out = Command::new(script).arg(file.path()).output().expect("the script runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let rows: Vec<Vec<(String, Value)>> = serde_json::from_slice(&out.stdout).expect("JSON");
    let cell = |(kind, value): (String, Value)| {
        let value = if value.is_null() {
            String::new()
        } else {
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        Cell { kind, value }
    };
    rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()
}

on_both_databases! {
    async fn exports_have_every_application_and_no_formula(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({})).await;
        for (name, answers) in [
            ("Ada", json!({"size": "L", "why": "=HYPERLINK(\"http://evil\")"})),
            ("=1+1", json!({"why": "two\nlines, \"quoted\""})),
            ("Cho", json!({"days": ["mon", "tue"], "age": 7, "ok": true})),
            ("Dee", json!({})),
        ] {
            shop.clock.advance_ms(1_000);
            desk.enroll(&desk.person(name).await, answers).await;
        }
        let base = format!("/api/admin/mclasses/{}", desk.class);
        let (bytes, kind, name) = download(&desk.admin, &format!("{base}/enrollments.csv")).await;
        assert_eq!(kind, "text/csv; charset=utf-8");
        assert_eq!(name, format!("attachment; filename=\"enrollments-{}.csv\"", desk.class));
        let rows = records(&bytes);
        assert_eq!(rows[0][..5], ["position", "name", "email", "phone", "status"]);
        assert_eq!(rows[0][5], "applied (Asia/Seoul)");
        assert_eq!(rows[0][12..], ["size", "why", "age", "ok", "days"]);
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[1][..5], ["", "Ada", "ada@desk.example", "010-1234-5678", "APPROVED"]);
        assert_eq!(rows[1][12..], ["L", "'=HYPERLINK(\"http://evil\")", "", "", ""]);
        assert_eq!(rows[2][1], "'=1+1");
        assert_eq!(rows[2][13], "two\nlines, \"quoted\"");
        assert_eq!(rows[3][0], "1", "the first in line");
        assert_eq!(rows[3][14..17], ["7", "true", "Monday, Tuesday"]);
        assert_eq!(rows[4][0], "2");
        for field in rows.iter().flatten() {
            assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field}");
        }
        let (bytes, ..) = download(&desk.admin, &format!("{base}/waitlist.csv")).await;
        let line = records(&bytes);
        let line: Vec<_> = line[1..].iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
        assert_eq!(line, [("1", "Cho"), ("2", "Dee")]);

        let (bytes, kind, name) = download(&desk.admin, &format!("{base}/enrollments.xlsx")).await;
        assert_eq!(kind, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        assert!(name.ends_with(".xlsx\""), "{name}");
        let sheet = sheet_of(&bytes);
        for cell in sheet.iter().flatten().filter(|cell| !cell.value.is_empty()) {
            assert_eq!(cell.kind, "s", "{:?} is a text and no formula", cell.value);
        }
        // The file is that of CSV, without its apostrophes.
        let plain = |row: &Vec<String>| row.iter().map(|field| without_apostrophe(field)).collect();
        let of_csv: Vec<Vec<String>> = rows.iter().map(plain).collect();
        let of_sheet: Vec<Vec<String>> =
            sheet.iter().map(|row| row.iter().map(|cell| cell.value.clone()).collect()).collect();
        assert_eq!(of_sheet, of_csv);
        assert!(chrono::NaiveDateTime::parse_from_str(&of_sheet[1][5], "%Y-%m-%d %H:%M:%S").is_ok());
    }

    async fn an_export_names_answers_as_the_newest_form_asks_for_them(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({})).await;
        let path = format!("/api/admin/mclasses/{}/enrollments", desk.class);
        desk.enroll(&desk.person("Ada").await, json!({"q1": "one", "size": "L", "age": 7})).await;
        let asked = |id: &str, label: &str| json!({"id": id, "type": "LONG_TEXT", "label": label});
        // `q1` is asked no more, `size` in other words, and two questions in the same words.
        let form = json!({"title": "About you", "questions": [
            asked("why", "=왜 오나요?"), asked("size", "옷 크기, \"T-shirt\""),
            {"id": "age", "type": "NUMBER", "label": "name"}, asked("more", "=왜 오나요?"),
        ]});
        let at = format!("/api/mclasses/{}/enrollment-form", desk.class);
        desk.admin.put(&at, &form).await.is(200);
        shop.clock.advance_ms(1_000);
        let answers = json!({"why": "clay", "more": "fire", "size": "김치 M"});
        desk.enroll(&desk.person("Ben").await, answers).await;
        let titles = ["=왜 오나요? (why)", "옷 크기, \"T-shirt\"", "name (age)", "=왜 오나요? (more)", "q1"];
        let rows = records(&download(&desk.admin, &format!("{path}.csv")).await.0);
        let found: Vec<_> = rows[0][12..].iter().map(|title| without_apostrophe(title)).collect();
        assert_eq!(found, titles);
        assert!(rows[0][12].starts_with('\''), "a title is no formula");
        let answers: Vec<_> = rows[1..].iter().map(|row| &row[12..]).collect();
        assert_eq!(answers, [["", "L", "7", "", "one"], ["clay", "김치 M", "", "fire", ""]]);
        let sheet = sheet_of(&download(&desk.admin, &format!("{path}.xlsx")).await.0);
        let found: Vec<_> = sheet[0][12..].iter().map(|cell| (&*cell.kind, &*cell.value)).collect();
        assert_eq!(found, titles.map(|title| ("s", title)));
        // A form that was deleted has still asked.
        desk.admin.delete(&at).await.is(200);
        let again = records(&download(&desk.admin, &format!("{path}.csv")).await.0);
        assert_eq!(again[0], rows[0]);
        shop.app.db.sql("DELETE FROM enrollment_forms").await;
        let bare = records(&download(&desk.admin, &format!("{path}.csv")).await.0);
        assert_eq!(bare[0][12..], ["age", "more", "q1", "size", "why"]);
    }

    async fn an_export_of_many_pages_has_each_application_once_in_order(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({})).await;
        desk.enroll(&desk.person("Ada").await, json!({})).await;
        // More rows than are read at a time, at few times.
        many(&shop, &desk.class, 1_203).await;
        let path = format!("/api/admin/mclasses/{}/enrollments.csv", desk.class);
        let rows = records(&download(&desk.admin, &path).await.0);
        assert_eq!(rows.len(), 1 + 1_204);
        let places: Vec<usize> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=1_203).collect::<Vec<_>>());
        let times: Vec<_> = rows[1..].iter().map(|row| row[5].clone()).collect();
        assert!(times.is_sorted());
        // More than a spreadsheet takes are refused, before anything is read.
        shop.app.db.sql("UPDATE class_counts SET rejected = 100001").await;
        let path = path.replace("csv", "xlsx");
        desk.admin.get(&path).await.refused(422, "EXPORT_TOO_LARGE");
    }

    async fn a_certificate_is_for_those_who_attended_once_the_class_is_over(db: TestDb) {
        let shop = Shop::open(db).await;
        let desk = Desk::open(&shop, json!({"capacity": 5})).await;
        let (ada, ben) = (desk.person("김아다 Ada").await, desk.person("Ben").await);
        let id = desk.enroll(&ada, json!({})).await;
        let other = desk.enroll(&ben, json!({})).await;
        let path = |id: &str| format!("/api/mclasses/{}/enrollments/{id}/certificate.pdf", desk.class);
        let refused = async |person: &Person<'_>, id: &str, reason: &str| {
            let answer = person.get(&path(id)).await.refused(409, "CERTIFICATE_UNAVAILABLE");
            assert_eq!(answer.body["error"]["details"]["reason"], reason);
        };
        refused(&ada, &id, "NOT_ENDED").await;
        shop.clock.advance_ms(97_300_000);
        let (ada, ben) = (shop.again(&ada, admitone::accounts::Role::User),
            shop.again(&ben, admitone::accounts::Role::User));
        let admin = shop.admin();
        let desk = Desk { admin: shop.admin(), shop: &shop, class: desk.class.clone() };
        refused(&ada, &id, "NOT_ATTENDED").await;
        desk.attend(&id, json!("LATE")).await;
        desk.attend(&other, json!("ABSENT")).await;
        refused(&ben, &other, "NOT_ATTENDED").await;
        ben.get(&path(&id)).await.refused(404, "ENROLLMENT_NOT_FOUND");
        shop.nobody().get(&path(&id)).await.refused(401, "UNAUTHORIZED");
        for person in [&ada, &admin] {
            let (bytes, kind, name) = download(person, &path(&id)).await;
            assert_eq!(kind, "application/pdf");
            assert_eq!(name, format!("attachment; filename=\"certificate-{id}.pdf\""));
            let text = text_of(&bytes);
            for part in ["Certificate of attendance", "김아다 Ada", "도자기 — Pottery", "Studio 3", &id] {
                assert!(text.contains(part), "{part} is in {text}");
            }
        }
        let korean = ada.request(reqwest::Method::GET, &path(&id)).header("Accept-Language", "ko");
        let bytes = korean.send().await.unwrap().bytes().await.unwrap();
        assert!(text_of(&bytes).contains("수료증"));
    }
}

/// Adds people who wait in line to the rows of a class.
pub(super) async fn many(shop: &Shop, class: &str, people: u32) {
    let is_postgres = shop.app.db.is_postgres();
    let id = class.replace('-', "");
    let (series, own, class) = match is_postgres {
        true => (format!("generate_series(1, {people}) AS s(n)"),
            "lpad(to_hex(n), 32, '0')::uuid".to_owned(), format!("'{id}'::uuid")),
        false => (
            format!("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {people})
                SELECT n FROM s)"),
            "unhex(printf('%032x', n))".to_owned(), format!("x'{id}'"),
        ),
    };
    let sql = format!(
        "INSERT INTO enrollments (id, class_id, user_id, status, version, line_rank,
            applied_at, updated_at)
        SELECT {own}, {class}, {own}, 'WAITLISTED', 1, n * 1024, 1900000000000 + n / 100, 0
        FROM {series}"
    );
    assert_eq!(shop.app.db.sql(&sql).await, u64::from(people));
}

fn text_of(pdf: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pdf).expect("a file");
    let out = Command::new("pdftotext").arg("-layout").arg(file.path()).arg("-").output();
    let out = out.expect("poppler-utils is installed: use tests/run");
    assert!(out.status.success());
    String::from_utf8(out.stdout).expect("UTF-8")
}
