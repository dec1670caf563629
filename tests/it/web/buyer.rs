//! The buyer's pages over HTTP, in both languages: refusals, the state of the sale, guests, and what is
//! said of seats before they are chosen.

mod guests;
mod refusals;
mod sale;
mod seats;

use reqwest::StatusCode;

use super::sessions::Browser;
use crate::http::api_client::Shop;

/// A page: its status, its text, and where it leads.
struct Page {
    status: StatusCode,
    location: String,
    text: String,
}

/// A browser whose pages are in a language.
struct Visitor(Browser);

impl Visitor {
    fn new(shop: &Shop, language: &str) -> Self {
        let mut browser = Browser::at(shop.app.url(""));
        browser.cookies.push(("language".to_owned(), language.to_owned()));
        Self(browser)
    }

    /// A visitor who has signed in.
    async fn member(shop: &Shop, language: &str, email: &str) -> Self {
        let mut browser = super::sessions::member(shop, email).await;
        browser.cookies.push(("language".to_owned(), language.to_owned()));
        Self(browser)
    }

    async fn get(&mut self, path: &str) -> Page {
        Page::of(self.0.get(path).await).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        Page::of(self.0.post(path, form).await).await
    }
}

impl Page {
    async fn of(answer: reqwest::Response) -> Self {
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let (status, location) = (answer.status(), location.unwrap_or_default());
        Self { status, location, text: answer.text().await.expect("a page") }
    }

    #[track_caller]
    fn shows(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.text.contains(text), "{text:?} is not on the page:\n{}", self.text);
        }
        self
    }

    #[track_caller]
    fn hides(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.text.contains(text), "{text:?} is on the page:\n{}", self.text);
        }
        self
    }

    /// Returns the text of the first element with `role="alert"`, without its tags.
    #[track_caller]
    fn alert(&self) -> String {
        let (_, behind) = self.text.split_once("role=\"alert\"").unwrap_or_else(|| {
            panic!("{} without an alert:\n{}", self.status, self.text);
        });
        let (_, inner) = behind.split_once('>').expect("a tag");
        let end = inner.find("</p>").expect("a paragraph");
        let mut text = String::new();
        let mut is_tag = false;
        for c in inner[..end].chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text
    }
}
