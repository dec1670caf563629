//! The languages of people: which there are, all texts in each, and how each writes money and times.
//! It knows neither pages nor mails.

pub(crate) mod format;
mod texts;

pub(crate) use texts::fill;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// All languages, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Korean, Self::English];

    /// Returns the language tag of HTML, under which the store keeps the language.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// Returns the language's own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
        }
    }

    /// Returns the language with a tag that [`Self::tag`] returns.
    #[must_use]
    pub fn by_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// Returns the first language of a header `Accept-Language` that there are texts in. Weights are
    /// ignored: browsers send the list in order.
    #[must_use]
    pub fn accepted(list: &str) -> Option<Self> {
        list.split(',').find_map(|one| {
            let tag = one.split([';', '-']).next().unwrap_or_default().trim();
            Self::by_tag(&tag.to_ascii_lowercase())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_of_a_browser_is_taken() {
        for (list, expected) in [
            ("ko-KR,ko;q=0.9,en;q=0.8", Some(Language::Korean)),
            ("fr, EN-gb;q=0.5", Some(Language::English)),
            ("fr", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(Language::accepted(list), expected, "{list}");
        }
    }
}
