//! The valid forms of names, addresses and passwords. Each error is the end of a sentence that
//! starts with the field.

use crate::text::is_visible;

/// Trims an e-mail address and converts it to lower case.
///
/// # Errors
/// The defect of the address.
pub fn normalise_email(text: &str) -> Result<String, String> {
    let email = text.trim().to_lowercase();
    if email.len() > 254 {
        return Err("may have at most 254 bytes".into());
    }
    let bad = || "is not an e-mail address such as name@example.com".to_owned();
    let (local, domain) = email.rsplit_once('@').ok_or_else(bad)?;
    let forbidden = |c: char| c.is_whitespace() || is_unprintable(c) || "@,;<>\"()[]\\".contains(c);
    let local_good = (1..=64).contains(&local.len())
        && !local.contains(forbidden)
        && !local.starts_with('.')
        && !local.ends_with('.');
    // Stand for no address in rows of accounts.
    let is_reserved = matches!(domain, "deleted.invalid" | "none.invalid");
    let labels: Vec<&str> = domain.split('.').collect();
    let label_good = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    if local_good && !is_reserved && labels.len() >= 2 && labels.iter().all(label_good) {
        return Ok(email);
    }
    Err(bad())
}

/// The passwords that guessers try first, one per line, in lower case.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// Checks that a password has 8 to 128 characters, of any kind, and is none of the first guesses.
/// There are no rules of composition, as NIST SP 800-63B advises.
///
/// # Errors
/// The defect of the password.
pub fn check_password(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if !(8..=128).contains(&length) {
        return Err(format!("must have 8 to 128 characters, not {length}"));
    }
    let first = text.chars().next();
    if text.chars().all(|character| Some(character) == first) || !text.contains(is_visible) {
        return Err("must not be one character over and over".into());
    }
    let lower = text.trim().to_lowercase();
    if COMMON_PASSWORDS.lines().any(|common| common == lower) {
        return Err("is one of the first that guessers try: choose another".into());
    }
    Ok(())
}

/// Trims a person's name, in any script.
///
/// # Errors
/// The defect of the name.
pub fn check_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if !name.contains(is_visible) {
        return Err("must not be empty".into());
    }
    if name.chars().count() > 100 {
        return Err("may have at most 100 characters".into());
    }
    if name.contains(is_unprintable) {
        return Err("must not contain control characters".into());
    }
    Ok(name.to_owned())
}

/// Digits with the usual decoration, at most 32 characters.
///
/// # Errors
/// The defect of the number.
pub fn normalise_phone(text: &str) -> Result<String, String> {
    let number = text.trim();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let decorated = number.chars().all(|c| c.is_ascii_digit() || "+-. ()".contains(c));
    if (4..=20).contains(&digits) && decorated && number.len() <= 32 {
        return Ok(number.to_owned());
    }
    Err("is not a phone number such as 010-1234-5678".into())
}

/// True for control characters, and for those that change the direction of the text around them:
/// they make one name look like another, or break the lines they are printed in.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised_or_refused() {
        assert_eq!(
            normalise_email("  Kim.Min+a@Example.CO.kr ").unwrap(),
            "kim.min+a@example.co.kr"
        );
        assert_eq!(normalise_email("kim@예시.한국").unwrap(), "kim@예시.한국");
        for bad in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a@b.c\0",
            "a\n@b.c",
            "a@b@c.d",
            "<a@b.c>",
            ".a@b.c",
            "a@.b.c",
            &format!("{}@b.c", "a".repeat(65)),
            &format!("a@{}.c", "b".repeat(260)),
        ] {
            assert!(normalise_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_any_script_are_kept_and_tricks_refused() {
        for good in ["김민수", "José Ñandú", "李小龍", "👩‍🚀 Ana", "O'Brien-Smith", "محمد"]
        {
            assert_eq!(check_name(good).unwrap(), good);
        }
        for bad in [
            "",
            "   ",
            "\u{200b}",
            "\u{3164}",
            "\u{ad}\u{e0041}",
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            "\u{7}",
            &"가".repeat(101),
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name(&"가".repeat(100)).is_ok(), "characters count, not bytes");
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        assert!(check_password("비밀번호여덟자임").is_ok());
        assert!(check_password("1234567").is_err());
        assert!(check_password(&"xy".repeat(64)).is_ok());
        assert!(check_password(&"xy".repeat(65)).is_err());
    }

    #[test]
    fn first_guesses_are_no_passwords() {
        for bad in
            ["password", "Password1 ", "QWER1234", "        ", "\t \t \t \t ", "aaaaaaaaaaaa"]
        {
            assert!(check_password(bad).is_err(), "{bad:?}");
        }
        for good in ["password of mine", "correct horse battery", "비밀번호는비밀이다"] {
            assert!(check_password(good).is_ok(), "{good:?}");
        }
        let is_listed_right = |line: &str| line.len() >= 8 && line == line.to_lowercase();
        assert!(COMMON_PASSWORDS.lines().all(is_listed_right));
    }
}
