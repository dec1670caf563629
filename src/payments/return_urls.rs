//! The pages to which a gateway may send customers back. An address that anyone could choose would
//! make of this server a way to lead customers elsewhere.

use reqwest::Url;

/// The longest return URL, in bytes.
const LONGEST: usize = 2_048;

/// The allowed return URLs: each entry allows itself and all pages below it.
#[derive(Clone, Debug, Default)]
pub struct ReturnUrls(Vec<Url>);

impl ReturnUrls {
    /// Reads the list.
    ///
    /// # Errors
    /// What is wrong with the first bad entry.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        entries.into_iter().map(|entry| read(entry.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Checks what a request asks for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, url: &str) -> Result<(), String> {
        let asked = read(url)?;
        let is_allowed = self.0.iter().any(|allowed| {
            let is_below = asked.path() == allowed.path()
                || asked.path().starts_with(&format!("{}/", allowed.path().trim_end_matches('/')));
            asked.origin() == allowed.origin() && is_below
        });
        if is_allowed {
            return Ok(());
        }
        Err("is not allowed: the operator lists such addresses in ADMITONE_PAYMENT_RETURN_URLS"
            .into())
    }
}

fn read(text: &str) -> Result<Url, String> {
    let example = "write https://shop.example/paid";
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let url: Url = text.parse().map_err(|_| format!("is not a URL: {example}"))?;
    let is_plain = url.scheme() == "https" || url.scheme() == "http";
    if !is_plain || url.host().is_none() {
        return Err(format!("is not the URL of a page: {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("holds a name or a password: {example}"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::ReturnUrls;

    #[test]
    fn only_listed_pages_and_those_below_them_are_returned_to() {
        let urls = ReturnUrls::parse(["https://shop.example/paid", "http://127.0.0.1:8080"]);
        let urls = urls.expect("both are URLs");
        for good in [
            "https://shop.example/paid",
            "https://shop.example/paid/1?order=2#x",
            "https://SHOP.example:443/paid",
            "http://127.0.0.1:8080/orders/1",
        ] {
            assert_eq!(urls.check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "paid",
            "//shop.example/paid",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://shop.example/paidx",
            "https://shop.example/",
            "https://shop.example/paid/../other",
            "https://shop.example.evil.example/paid",
            "https://shop.example@evil.example/paid",
            "https://user:pw@shop.example/paid",
            "http://shop.example/paid",
            "https://shop.example:8443/paid",
            "http://127.0.0.1:8081/orders/1",
            &format!("https://shop.example/paid/{}", "x".repeat(3_000)),
        ] {
            assert!(urls.check(bad).is_err(), "{bad}");
        }
        assert!(ReturnUrls::parse(["https://a.example", "ftp://b.example"]).is_err());
        assert!(ReturnUrls::default().check("https://shop.example/paid").is_err());
    }
}
