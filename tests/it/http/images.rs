//! Pictures that people upload.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::json;

use super::api_client::{Answer, Person, Shop};

const EDGE: &str = "edge";

/// A form with these fields, each a name and its bytes.
fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in fields {
        let head = format!(
            "--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x.gif\"\r\n\
             Content-Type: image/gif\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{EDGE}--\r\n").as_bytes());
    body
}

async fn send(person: &Person<'_>, body: Vec<u8>) -> Answer {
    let request = person.request(Method::POST, "/api/images");
    let content_type = format!("multipart/form-data; boundary={EDGE}");
    Answer::of(request.header(CONTENT_TYPE, content_type).body(body)).await
}

async fn upload(person: &Person<'_>, picture: &[u8]) -> Answer {
    send(person, form(&[("file", picture)])).await
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A picture that is red on the left and blue on the right.
fn halves(width: u32, height: u32) -> DynamicImage {
    let colour = |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, colour).into()
}

/// A JPEG whose metadata says that it lies on its side, and names a place.
fn on_its_side(picture: &DynamicImage) -> Vec<u8> {
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    // One entry of EXIF: orientation 6, a quarter turn clockwise; and words behind it.
    let mut exif =
        b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(b"taken at 37.5 N 127.0 E");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

/// A PNG whose head claims these sides.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(&halves(8, 8), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

on_both_databases! {
    async fn a_picture_is_shown_upright_in_three_widths_without_what_it_says(db: TestDb) {
        let shop = Shop::open(db).await;
        let person = shop.customer();
        let made = upload(&person, &on_its_side(&halves(1_000, 400))).await.is(201).data;
        assert_eq!((&made["width"], &made["height"]), (&json!(400), &json!(1_000)));
        assert_eq!(made["contentType"], "image/jpeg");
        let url = made["url"].as_str().unwrap();
        assert_eq!(shop.nobody().get(&format!("/api/images/{}", made["id"].as_str().unwrap())).await.is(200).data, made);
        for (width, expected) in [("1600", (400, 1_000)), ("320", (320, 800))] {
            let seen = shop.nobody().request(Method::GET, &url.replace("1600", width)).send().await.unwrap();
            assert_eq!(seen.headers()[CONTENT_TYPE], "image/jpeg");
            assert!(seen.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
            assert_eq!(seen.headers()["x-content-type-options"], "nosniff");
            let version = seen.headers()[ETAG].clone();
            let bytes = seen.bytes().await.unwrap();
            assert!(!bytes.windows(5).any(|window| window == b"taken"), "the place is kept");
            let picture = image::load_from_memory(&bytes).unwrap().into_rgb8();
            assert_eq!((picture.width(), picture.height()), expected);
            let (top, bottom) = (picture.get_pixel(100, 10), picture.get_pixel(100, expected.1 - 10));
            assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
            let again = shop.nobody().request(Method::GET, &url.replace("1600", width));
            let again = again.header(IF_NONE_MATCH, version).send().await.unwrap();
            assert_eq!(again.status(), 304);
        }
        for path in [url.replace("1600", "1601"), url.replace("1600", "x")] {
            let missing = shop.nobody().request(Method::GET, &path).send().await.unwrap();
            assert_eq!(missing.status(), 404, "{path}");
        }
        let holes = RgbaImage::from_fn(10, 10, |x, _| Rgba([0, 255, 0, if x < 5 { 0 } else { 255 }]));
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let made = upload(&person, &encoded(&holes.clone().into(), format)).await.is(201).data;
            assert_eq!(made["contentType"], "image/png");
        }
        // Larger than what is read ahead of an answer.
        let mut noise = 1_u32;
        let noisy = RgbImage::from_fn(400, 300, |_, _| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb(noise.to_be_bytes()[..3].try_into().unwrap())
        });
        let noisy = encoded(&noisy.into(), ImageFormat::Png);
        assert!(noisy.len() > 200_000, "{} bytes", noisy.len());
        upload(&person, &noisy).await.is(201);
        let whole = encoded(&halves(10, 10), ImageFormat::WebP);
        assert_eq!(upload(&person, &whole).await.is(201).data["contentType"], "image/jpeg");
    }

    async fn what_is_no_picture_is_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let person = shop.customer();
        let good = encoded(&halves(64, 64), ImageFormat::Png);
        let cut = &good[..good.len() / 2];
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        // The head of another kind, and the whole picture behind it.
        let polyglot = [b"GIF89a/*", &good[..]].concat();
        let pdf = [b"%PDF-1.7\n", &good[..]].concat();
        for (what, bytes) in [
            ("an SVG", &svg[..]),
            ("a polyglot", &polyglot),
            ("a PDF", &pdf),
            ("half a picture", cut),
            ("a head alone", &good[..8]),
            ("a bomb", &claiming(60_000, 60_000)),
            ("a long bomb", &claiming(9_999, 9_999)),
            ("nothing", b""),
        ] {
            let refused = upload(&person, bytes).await.refused(422, "INVALID");
            assert_eq!(refused.body["error"]["details"]["field"], "file", "{what}");
        }
        for fields in [
            form(&[("file", &good), ("file", &good)]),
            form(&[("picture", &good)]),
            form(&[]),
        ] {
            send(&person, fields).await.refused(422, "INVALID");
        }
        let whole = form(&[("file", &good)]);
        send(&person, whole[..whole.len() - 30].to_vec()).await.refused(400, "BAD_REQUEST");
        let zeros = vec![0; 2 * 1_024 * 1_024];
        upload(&person, &zeros).await.refused(422, "INVALID");
        let large = vec![0; 11 * 1_024 * 1_024];
        upload(&person, &large).await.refused(413, "PAYLOAD_TOO_LARGE");
        person.post("/api/images", &json!({})).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
        let token = session["accessToken"].as_str().unwrap().to_owned();
        upload(&shop.with_token(user, token), &good).await.refused(403, "ACCOUNT_REQUIRED");
        upload(&shop.nobody(), &good).await.refused(401, "UNAUTHORIZED");
        upload(&person, &good).await.is(201);
    }

    async fn a_picture_is_deleted_by_its_owner_once_nothing_shows_it(db: TestDb) {
        let shop = Shop::open(db).await;
        let (person, admin, event) = (shop.customer(), shop.admin(), shop.event().await);
        let good = encoded(&halves(64, 64), ImageFormat::Jpeg);
        let made = upload(&person, &good).await.is(201).data;
        let at = format!("/api/images/{}", made["id"].as_str().unwrap());
        let body = json!({"category": "CONCERT", "posterId": made["id"], "imageIds": [made["id"]]});
        let shown = admin.put(&event.at("concert"), &body).await.is(200).data;
        assert_eq!(shown["posterUrl"], json!(made["url"].as_str().unwrap().replace("1600", "800")));
        shop.customer().delete(&at).await.refused(404, "NOT_FOUND");
        person.delete(&at).await.refused(409, "WRONG_STATE");
        admin.delete(&event.at("concert")).await.is(200);
        person.delete(&at).await.is(200);
        person.delete(&at).await.refused(404, "NOT_FOUND");
        let url = made["url"].as_str().unwrap();
        let gone = shop.nobody().request(Method::GET, url).send().await.unwrap();
        assert_eq!(gone.status(), 404);
    }
}
