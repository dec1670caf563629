//! The small part of PromQL that these tests need: the metrics and the selectors in a text.
//! Prometheus itself checks whether the text is valid.

/// Returns the names of the server's metrics in a text, without the suffixes of histograms.
pub fn metrics(text: &str) -> Vec<String> {
    let mut found: Vec<String> = words(text)
        .map(|(_, word)| word)
        .filter(|word| word.starts_with("admitone_"))
        .map(|word| {
            let suffix = ["_bucket", "_count", "_sum"].iter().find(|it| word.ends_with(*it));
            suffix.and_then(|it| word.strip_suffix(it)).unwrap_or(word).to_owned()
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Returns the selectors of an expression: names of series with their label matchers.
pub fn selectors(expression: &str) -> Vec<String> {
    let is_series = |word: &str| {
        word.starts_with("admitone_") || word.starts_with("job:admitone_") || word == "up"
    };
    let selectors = words(expression).filter(|(_, word)| is_series(word)).map(|(at, word)| {
        let rest = &expression[at + word.len()..];
        let labels = if rest.starts_with('{') { &rest[..end_of_labels(rest)] } else { "" };
        format!("{word}{labels}")
    });
    selectors.collect()
}

/// Returns names and their offsets; a colon is part of the name of a rule.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(move |c| !is_in_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// Returns the offset after the brace that closes the labels; a quoted brace is part of a value.
fn end_of_labels(labels: &str) -> usize {
    let mut quoted = false;
    for (at, c) in labels.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '}' if !quoted => return at + 1,
            _ => {}
        }
    }
    labels.len()
}

#[test]
fn metrics_and_selectors_are_found() {
    let expression = "sum by (up_to) (rate(admitone_x_seconds_bucket{route=~\"/a/[{]b[}]\",le=\"1\"}[5m])) \
                      / admitone_y > 0 and on () job:admitone_z:rate5m or absent(up{job=\"admitone\"})";
    assert_eq!(metrics(expression), ["admitone_x_seconds", "admitone_y"]);
    assert_eq!(
        selectors(expression),
        [
            "admitone_x_seconds_bucket{route=~\"/a/[{]b[}]\",le=\"1\"}",
            "admitone_y",
            "job:admitone_z:rate5m",
            "up{job=\"admitone\"}"
        ]
    );
}
