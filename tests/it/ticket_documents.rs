//! Ticket documents as other programs read them: the text of a page, its picture, and the QR code in
//! the picture.

use std::path::Path;
use std::process::Command;

use admitone::ticket_documents::{Labelled, Ticket, pdf};

/// A code of the length that the server signs.
const CODE: &str = "0190D9A47F2E7C3B9A7E0000000000010190D9A47F2E7C3B9A7E000000000001";

fn ticket(event: &str) -> Ticket {
    Ticket {
        event: event.into(),
        when: "2027년 1월 15일 (금) 17:00 (서울)".into(),
        venue: "세종문화회관 대극장, 서울".into(),
        place: vec![
            Labelled::new("구역", "1층 가운데"),
            Labelled::new("열", "A"),
            Labelled::new("좌석", "12"),
        ],
        details: vec![
            Labelled::new("예매자", "김민수"),
            Labelled::new("Ticket", "Gold — ₩150,000"),
        ],
        code: CODE.into(),
        by_hand: "스캔이 안 되면: 0190 D9A4".into(),
        note: "입구에서 이 코드를 보여 주세요.".into(),
    }
}

/// Runs a program of poppler-utils.
fn poppler(program: &str, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new(program).args(arguments).output();
    let out = out.expect("poppler-utils is installed: use tests/run");
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    assert!(out.stderr.is_empty(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Writes a document; returns its path, and the text of each page.
fn written(dir: &Path, tickets: &[Ticket]) -> (String, Vec<String>) {
    let bytes = pdf(tickets, "Tickets", "ko").expect("a document");
    let file = dir.join("tickets.pdf");
    std::fs::write(&file, bytes).expect("a file");
    let file = file.to_str().expect("UTF-8").to_owned();
    let text = String::from_utf8(poppler("pdftotext", &["-layout", &file, "-"])).expect("UTF-8");
    let pages = text.trim_end_matches('\u{c}').split('\u{c}').map(str::to_owned).collect();
    (file, pages)
}

/// Returns the texts of the QR codes on the first page.
fn qr_codes(file: &str) -> Vec<String> {
    let picture = poppler("pdftoppm", &["-gray", "-r", "150", "-f", "1", "-l", "1", file]);
    // P5, width, height, 255, each followed by one blank.
    let mut parts = picture.splitn(4, u8::is_ascii_whitespace);
    assert_eq!(parts.next(), Some(&b"P5"[..]));
    let mut number =
        || -> usize { std::str::from_utf8(parts.next().unwrap()).unwrap().parse().unwrap() };
    let (width, height) = (number(), number());
    let pixels = &picture[picture.len() - width * height..];
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    picture.detect_grids().iter().map(|grid| grid.decode().expect("a readable code").1).collect()
}

#[test]
fn a_ticket_is_a_page_with_its_text_and_a_code_that_a_scanner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let second = Ticket { code: CODE.replace('0', "F"), ..ticket("햄릿 — Hamlet") };
    let (file, pages) = written(dir.path(), &[ticket("햄릿 — Hamlet"), second]);
    assert_eq!(pages.len(), 2);
    for text in [
        "햄릿 — Hamlet",
        "2027년 1월 15일 (금) 17:00 (서울)",
        "세종문화회관 대극장, 서울",
        "구역",
        "1층 가운데",
        "12",
        "예매자",
        "김민수",
        "Gold — ₩150,000",
        CODE,
        "입구에서 이 코드를 보여 주세요.",
    ] {
        assert!(pages[0].contains(text), "{text} is in {}", pages[0]);
    }
    assert!(pages[1].contains(&CODE.replace('0', "F")));
    assert_eq!(qr_codes(&file), [CODE]);
    let fonts = String::from_utf8(poppler("pdffonts", &[&file])).unwrap();
    assert!(fonts.contains("AdmitOneSans-Regular"), "{fonts}");
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 60_000, "only the letters in use are embedded: {size} bytes");
}

#[test]
fn long_and_odd_texts_stay_on_their_page_beside_a_readable_code() {
    let dir = tempfile::tempdir().unwrap();
    let hangul = "가나다라마바사아자차 ".repeat(27);
    let unbroken = "W".repeat(300);
    let arabic = "مسرح المدينة ".repeat(20);
    let hebrew = "המלט Hamlet 12 ".repeat(10);
    let odd = "👩‍👩‍👧‍👦 漢字 \u{202e}evil\u{0}\u{7} e\u{301} z͈̤̭͖̉͑́a̳ͫ́̇͑̽͒ͯlͨ͗̍̀̍̔̀ģ͔̫̫̄o̗̠͔͆̏̓͢ <script>";
    for event in
        [&hangul, &unbroken, &arabic, &hebrew, odd, "", " ", "\u{200b}", "\u{fffd}\u{10ffff}"]
    {
        let long = |label: &str| Labelled::new(label, event);
        let crowded = Ticket {
            venue: event.to_owned(),
            when: event.to_owned(),
            place: vec![long("Section"), long("Row"), long(event)],
            details: (0..6).map(|_| long(event)).collect(),
            note: event.to_owned(),
            ..ticket(event)
        };
        let (file, pages) = written(dir.path(), &[crowded]);
        assert_eq!(pages.len(), 1, "{event}");
        assert_eq!(qr_codes(&file), [CODE], "{event}");
    }
    let (_, pages) = written(dir.path(), &[ticket(&hangul)]);
    let words = pages[0].matches("가나다라마바사아자차").count();
    assert_eq!(words, 27, "a title of 300 characters is whole");
    let (_, pages) = written(dir.path(), &[ticket("Łódź — Гамлет — Ωμέγα")]);
    assert!(pages[0].contains("Łódź — Гамлет — Ωμέγα"), "{}", pages[0]);
}

#[test]
fn what_is_no_ticket_makes_no_document() {
    assert!(pdf(&[], "Tickets", "ko").is_err());
    let endless = Ticket { code: "A".repeat(10_000), ..ticket("Hamlet") };
    assert!(pdf(&[endless], "Tickets", "ko").is_err());
}
