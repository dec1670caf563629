//! Series that are written at the time of a scrape, in Prometheus's text format: those that exist
//! only as long as their subjects, which the recorder would show for ever, and those that the
//! operating system counts.

use std::fmt::{Display, Write};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The value only grows.
    Counter,
    /// The value goes up and down.
    Gauge,
}

/// The text written so far.
#[derive(Debug, Default)]
pub struct Exposition(String);

/// The series of one name, which must be written together.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// Starts with text that was rendered elsewhere.
    #[must_use]
    pub fn after(text: String) -> Self {
        Self(text)
    }

    /// Begins the series of `name`.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        write(&mut self.0, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: &mut self.0, name }
    }

    /// Returns the whole text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Writes a series.
    pub fn series(&mut self, labels: &[(&str, &dyn Display)], value: impl Display) -> &mut Self {
        self.text.push_str(self.name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write(self.text, format_args!("{before}{label}=\""));
            write(&mut Escaped(self.text), format_args!("{value}"));
            self.text.push('"');
        }
        let after = if labels.is_empty() { "" } else { "}" };
        write(self.text, format_args!("{after} {value}\n"));
        self
    }
}

/// Escapes the text of a label's value.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for char in text.chars() {
            match char {
                '\\' => self.0.push_str(r"\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str(r"\n"),
                char => self.0.push(char),
            }
        }
        Ok(())
    }
}

fn write(text: &mut impl Write, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut text = Exposition::after("before 1\n".into());
        text.family("places", Kind::Gauge, "Places.")
            .series(&[("event", &7), ("state", &"sold")], 3)
            .series(&[("event", &8), ("state", &"sold")], 0);
        text.family("seconds_total", Kind::Counter, "Seconds.").series(&[], 0.25);
        let expected = "before 1\n# HELP places Places.\n# TYPE places gauge\n\
            places{event=\"7\",state=\"sold\"} 3\nplaces{event=\"8\",state=\"sold\"} 0\n\
            # HELP seconds_total Seconds.\n# TYPE seconds_total counter\nseconds_total 0.25\n";
        assert_eq!(text.into_text(), expected);
    }

    #[test]
    fn whatever_a_label_says_it_ends_where_it_ends() {
        let mut text = Exposition::default();
        text.family("a", Kind::Gauge, "A.").series(&[("name", &"\"Ö\" \\ \n x")], 1);
        let written = r#"a{name="\"Ö\" \\ \n x"} 1"#;
        assert!(text.into_text().ends_with(&format!("{written}\n")));
    }
}
