//! Text for the page: which font has a character, how wide a text is, and where a line ends. Text of
//! any script comes out without a panic; characters that no font has are drawn as boxes.

use std::ops::Range;
use std::sync::LazyLock;

use krilla::text::Font;
use ttf_parser::Face;
use unicode_bidi::ParagraphBidiInfo;
use unicode_normalization::UnicodeNormalization;

use crate::text::is_visible;

/// The fonts, in the order in which they are asked for a character.
static FONTS: [&[u8]; 2] =
    [include_bytes!("fonts/admit_one_sans.ttf"), include_bytes!("fonts/admit_one_more.ttf")];
static TYPEFACES: LazyLock<[Typeface; 2]> = LazyLock::new(|| FONTS.map(Typeface::new));

struct Typeface {
    face: Face<'static>,
    font: Font,
}

impl Typeface {
    fn new(data: &'static [u8]) -> Self {
        Self {
            face: Face::parse(data, 0).expect("an embedded font can be read"),
            font: Font::new(data.into(), 0).expect("an embedded font can be read"),
        }
    }

    fn has(&self, c: char) -> bool {
        self.face.glyph_index(c).is_some()
    }

    /// Returns the width of a character, relative to the size of the font.
    fn width(&self, c: char) -> f32 {
        let glyph = self.face.glyph_index(c).unwrap_or_default();
        let width = self.face.glyph_hor_advance(glyph).unwrap_or_default();
        f32::from(width) / f32::from(self.face.units_per_em())
    }
}

/// A part of a line that is drawn at once.
pub(super) struct Run<'a> {
    pub(super) text: &'a str,
    pub(super) font: Font,
    pub(super) is_right_to_left: bool,
    /// Relative to the size of the font.
    pub(super) width: f32,
}

/// Returns the text as one line: composed characters, single spaces, and no characters that control
/// a terminal, a file or the direction of writing.
pub(super) fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.nfc() {
        let turns = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}');
        if c.is_whitespace() || c.is_control() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if is_visible(c) && !turns {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Returns the parts of a line from left to right.
pub(super) fn runs(line: &str) -> Vec<Run<'_>> {
    // The bidi algorithm has no levels to return for an empty line.
    if line.is_empty() {
        return Vec::new();
    }
    let bidi = ParagraphBidiInfo::new(line, None);
    let (levels, visual) = bidi.visual_runs(0..line.len());
    let mut runs = Vec::new();
    for range in visual {
        let is_right_to_left = levels[range.start].is_rtl();
        let mut parts = by_typeface(line, range);
        if is_right_to_left {
            parts.reverse();
        }
        runs.extend(parts.into_iter().map(|(range, typeface)| {
            let (text, typeface) = (&line[range], &TYPEFACES[typeface]);
            let width = text.chars().map(|c| typeface.width(c)).sum();
            Run { text, font: typeface.font.clone(), is_right_to_left, width }
        }));
    }
    runs
}

/// Splits a part of a line where another typeface is needed.
fn by_typeface(line: &str, range: Range<usize>) -> Vec<(Range<usize>, usize)> {
    let mut parts: Vec<(Range<usize>, usize)> = Vec::new();
    for (at, c) in line[range.clone()].char_indices() {
        let at = range.start + at;
        let before = parts.last().map(|(_, typeface)| *typeface);
        let typeface = typeface_of(c, before);
        match parts.last_mut() {
            Some((part, same)) if *same == typeface => part.end = at + c.len_utf8(),
            Some(_) | None => parts.push((at..at + c.len_utf8(), typeface)),
        }
    }
    parts
}

/// Returns the position of the typeface for a character. Spaces, marks and accents stay with what is
/// `before` them, if they can.
fn typeface_of(c: char, before: Option<usize>) -> usize {
    let stays = before.filter(|before| !c.is_alphanumeric() && TYPEFACES[*before].has(c));
    stays.or_else(|| TYPEFACES.iter().position(|typeface| typeface.has(c))).unwrap_or(0)
}

/// Returns the width of a line, relative to the size of the font.
pub(super) fn width(line: &str) -> f32 {
    by_typeface(line, 0..line.len())
        .into_iter()
        .flat_map(|(range, typeface)| {
            line[range].chars().map(move |c| TYPEFACES[typeface].width(c))
        })
        .sum()
}

/// A text in lines, and the size of the font in which they fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    pub(super) size: f32,
    pub(super) lines: Vec<String>,
}

/// Returns the text in the first of `sizes` (with the most lines that it may have) in which it fits.
/// In the last one, a text that is too long ends in an ellipsis.
pub(super) fn fit(text: &str, page_width: f32, sizes: &[(f32, usize)]) -> Fitted {
    let text = clean(text);
    let mut fitted = Fitted { size: 1.0, lines: Vec::new() };
    for &(size, most) in sizes {
        let mut lines = wrap(&text, page_width / size);
        if lines.len() <= most {
            return Fitted { size, lines };
        }
        lines.truncate(most);
        fitted = Fitted { size, lines };
    }
    if let Some(last) = fitted.lines.last_mut() {
        while !last.is_empty() && width(last) + width("…") > page_width / fitted.size {
            last.pop();
        }
        last.push('…');
    }
    fitted
}

/// Breaks a text into lines at spaces, and within words that are longer than a line.
fn wrap(text: &str, most: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let together = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&together) <= most {
            line = together;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if width(&line) > most && line.chars().nth(1).is_some() {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_clean_line() {
        for (text, expected) in [
            ("  Hamlet \r\n\t tonight ", "Hamlet tonight"),
            ("evil\u{202e}txt\u{2066}", "eviltxt"),
            ("a\0b\u{7}c", "a b c"),
            ("\u{200b}\u{feff}", ""),
            // Decomposed, as macOS writes names.
            ("\u{1112}\u{1162}\u{11b7}\u{1105}\u{1175}\u{11ba}", "햄릿"),
            ("e\u{301}", "é"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn each_script_has_a_typeface_and_right_to_left_text_its_order() {
        for text in
            ["Hamlet", "햄릿 (Hamlet)", "Łódź", "Ωμέγα", "Гамлет", "המלט", "مسرح", "₩150,000 €9"]
        {
            let missing = |c: &char| !TYPEFACES.iter().any(|typeface| typeface.has(*c));
            assert_eq!(text.chars().find(missing), None, "{text}");
            let all: f32 = runs(text).iter().map(|run| run.width).sum();
            assert!((all - width(text)).abs() < 0.001 && all > 1.0, "{text}: {all}");
        }
        let mixed = runs("Row א of מסרח x");
        let texts: Vec<_> =
            mixed.iter().map(|run| (run.text.trim(), run.is_right_to_left)).collect();
        assert!(texts.contains(&("א", true)) && texts.contains(&("Row", false)), "{texts:?}");
        let arabic = runs("مسرح 12");
        assert_eq!(arabic.first().map(|run| run.text), Some("12"), "numbers come left of it");
        assert!(runs("").is_empty());
    }

    #[test]
    fn a_long_text_wraps_then_shrinks_then_ends() {
        let sizes = [(20.0, 1), (10.0, 3)];
        let short = fit("Hamlet", 200.0, &sizes);
        assert_eq!((short.size, short.lines.len()), (20.0, 1));
        for text in ["word ".repeat(20), "가".repeat(50), "x".repeat(80)] {
            let fitted = fit(&text, 200.0, &sizes);
            assert!((fitted.size - 10.0).abs() < 0.01 && fitted.lines.len() <= 3, "{fitted:?}");
            assert!(
                fitted.lines.iter().all(|line| width(line) * fitted.size <= 200.5),
                "{fitted:?}"
            );
            let whole = fitted.lines.concat().replace(' ', "");
            assert_eq!(whole, clean(&text).replace(' ', ""), "nothing is lost");
        }
        let cut = fit(&"가".repeat(500), 200.0, &sizes);
        assert!(cut.lines.len() == 3 && cut.lines[2].ends_with('…'), "{cut:?}");
        assert!(cut.lines.iter().all(|line| width(line) * 10.0 <= 200.5));
        assert!(fit("", 200.0, &sizes).lines.is_empty());
        // Narrower than a letter: a letter on each line, and an end.
        assert_eq!(fit("abc", 1.0, &[(10.0, 9)]).lines, ["a", "b", "c"]);
    }
}
