//! As much of Prometheus's language as these tests need: which metrics and which selectors are in a
//! text. Whether the text is right is for Prometheus to say.

/// The metrics of the server that a text names, without what histograms put behind them.
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

/// The selectors of an expression: names of series with the labels that are asked for.
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

/// Names, and where they begin; a colon is part of the name of a rule.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(move |c| !is_in_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// Behind the brace that closes the labels: one in quotes is part of a value.
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
