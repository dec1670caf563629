//! The forms that a short text can be asked for. The set is fixed: users write no regular
//! expressions, so no answer takes long to check.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The form of a short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Pattern {
    /// An e-mail address in ASCII.
    Email,
    /// The digits 0 to 9.
    Digits,
    /// Letters of any script, and spaces.
    Letters,
    /// Letters and digits in ASCII.
    Alphanumeric,
    /// Hangul syllables and spaces.
    Korean,
    /// An address that begins with `https://` or `http://`, in ASCII.
    Url,
    /// Five digits.
    PostalCodeKr,
}

impl Pattern {
    /// All patterns.
    pub const ALL: [Self; 7] = [
        Self::Email,
        Self::Digits,
        Self::Letters,
        Self::Alphanumeric,
        Self::Korean,
        Self::Url,
        Self::PostalCodeKr,
    ];

    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Digits => "DIGITS",
            Self::Letters => "LETTERS",
            Self::Alphanumeric => "ALPHANUMERIC",
            Self::Korean => "KOREAN",
            Self::Url => "URL",
            Self::PostalCodeKr => "POSTAL_CODE_KR",
        }
    }

    /// Parses the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Returns the same rule as a regular expression of JSON Schema.
    #[must_use]
    pub fn regex(self) -> &'static str {
        match self {
            Self::Email => r"^[!-?A-~]+@[-0-9A-Za-z]+(\.[-0-9A-Za-z]+)+$",
            Self::Digits => "^[0-9]+$",
            Self::Letters => r"^[\p{Alphabetic} ]+$",
            Self::Alphanumeric => "^[0-9A-Za-z]+$",
            Self::Korean => "^[가-힣 ]+$",
            Self::Url => r"^https?://[-.0-9A-Za-z]+(:[0-9]{1,5})?([/?#][!-~]*)?$",
            Self::PostalCodeKr => "^[0-9]{5}$",
        }
    }

    /// Returns the end of the sentence that says what an answer must be.
    #[must_use]
    pub fn demand(self) -> &'static str {
        match self {
            Self::Email => "must be an e-mail address",
            Self::Digits => "must have digits only",
            Self::Letters => "must have letters and spaces only",
            Self::Alphanumeric => "must have the letters A to Z and digits only",
            Self::Korean => "must have Korean syllables and spaces only",
            Self::Url => "must be an address that begins with https:// or http://",
            Self::PostalCodeKr => "must be a postal code of five digits",
        }
    }

    /// True if a text has this form. Takes time in proportion to the text.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        let all = |is_good: fn(char) -> bool| !text.is_empty() && text.chars().all(is_good);
        match self {
            Self::Email => text.split_once('@').is_some_and(|(name, host)| {
                let is_visible = |c: char| c.is_ascii_graphic() && c != '@';
                let mut labels = host.split('.');
                let is_label = |label: &str| !label.is_empty() && label.chars().all(is_of_host);
                !name.is_empty()
                    && name.chars().all(is_visible)
                    && host.contains('.')
                    && labels.all(is_label)
            }),
            Self::Digits => all(|c| c.is_ascii_digit()),
            Self::Letters => all(|c| c.is_alphabetic() || c == ' '),
            Self::Alphanumeric => all(|c| c.is_ascii_alphanumeric()),
            Self::Korean => all(|c| ('가'..='힣').contains(&c) || c == ' '),
            Self::Url => is_url(text),
            Self::PostalCodeKr => text.len() == 5 && all(|c| c.is_ascii_digit()),
        }
    }
}

fn is_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    let (host, port) =
        place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
    let is_port =
        |port: &str| (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit());
    !host.is_empty()
        && host.chars().all(|c| is_of_host(c) || c == '.')
        && port.is_none_or(is_port)
        && path.chars().all(|c| c.is_ascii_graphic())
}
