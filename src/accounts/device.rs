//! Names of devices, so that people recognise their sessions in a list. A browser's name and system
//! are read from `User-Agent`; of any other program, the first word.

/// The longest name, in characters.
const MAX_CHARS: usize = 100;

/// Browsers by the mark in `User-Agent`, the more specific first: most contain the marks of others.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Whale/", "Whale"),
    ("KAKAOTALK", "KakaoTalk"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// Returns a name for the program that sent this `User-Agent`; empty if it sent none.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    let named = |table: &[(&'static str, &'static str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    if user_agent.starts_with("Mozilla/") {
        return match (named(BROWSERS), named(SYSTEMS)) {
            (Some(browser), Some(system)) => format!("{browser} ({system})"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => String::new(),
        };
    }
    let word = user_agent.split(['/', ' ', '(']).next().unwrap_or_default();
    word.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::device_name;

    #[test]
    fn browsers_and_programs_have_names() {
        let chrome = "Mozilla/5.0 (Linux; Android 15; SM-S921N) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                    Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        for (user_agent, name) in [
            (chrome, "Chrome (Android)"),
            (safari, "Safari (iPhone)"),
            (edge, "Edge (Windows)"),
            ("curl/8.5.0", "curl"),
            ("AdmitOneApp/3.1 (Pixel 8)", "AdmitOneApp"),
            ("Mozilla/5.0", ""),
            ("", ""),
        ] {
            assert_eq!(device_name(user_agent), name, "{user_agent}");
        }
        assert_eq!(device_name(&"a".repeat(10_000)).len(), 100);
    }
}
