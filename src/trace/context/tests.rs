use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn read(parent: &str) -> Option<Context> {
    Context::read([parent.as_bytes()], [])
}

#[test]
fn what_the_standard_allows_is_read_and_said_again() {
    for (parent, sampled, again) in [
        (format!("00-{TRACE}-{SPAN}-01"), true, format!("00-{TRACE}-{SPAN}-01")),
        (format!("00-{TRACE}-{SPAN}-00"), false, format!("00-{TRACE}-{SPAN}-00")),
        // Level 2: the id is random.
        (format!("00-{TRACE}-{SPAN}-03"), true, format!("00-{TRACE}-{SPAN}-03")),
        (format!("00-{TRACE}-{SPAN}-02"), false, format!("00-{TRACE}-{SPAN}-02")),
        // Unknown flags are not passed on.
        (format!("00-{TRACE}-{SPAN}-ff"), true, format!("00-{TRACE}-{SPAN}-03")),
        (format!("00-{TRACE}-{SPAN}-fc"), false, format!("00-{TRACE}-{SPAN}-00")),
        // Later versions, which may have more fields.
        (format!("01-{TRACE}-{SPAN}-01"), true, format!("00-{TRACE}-{SPAN}-01")),
        (
            format!("cc-{TRACE}-{SPAN}-01-what-the-future-has"),
            true,
            format!("00-{TRACE}-{SPAN}-01"),
        ),
        (format!("cc-{TRACE}-{SPAN}-01-"), true, format!("00-{TRACE}-{SPAN}-01")),
    ] {
        let context = read(&parent).unwrap_or_else(|| panic!("{parent}"));
        assert_eq!(context.is_sampled(), sampled, "{parent}");
        assert_eq!(context.parent(), again, "{parent}");
        assert_eq!(
            (context.trace_id.to_string(), context.span_id.to_string()),
            (TRACE.to_owned(), SPAN.to_owned())
        );
    }
}

#[test]
fn what_is_malformed_is_as_good_as_absent() {
    let zeros = "0".repeat(32);
    for parent in [
        "",
        "00",
        "nonsense",
        &format!("00-{TRACE}-{SPAN}"),
        &format!("00-{TRACE}-{SPAN}-"),
        &format!("00-{TRACE}-{SPAN}-0"),
        &format!("00-{TRACE}-{SPAN}-0x"),
        &format!("00-{TRACE}-{SPAN}-01-more"),
        &format!("00-{TRACE}-{SPAN}-01 "),
        &format!(" 00-{TRACE}-{SPAN}-01"),
        &format!("00-{TRACE}-{SPAN}-011"),
        &format!("cc-{TRACE}-{SPAN}-01more"),
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!("0-{TRACE}-{SPAN}-01"),
        &format!("0x-{TRACE}-{SPAN}-01"),
        &format!("0A-{TRACE}-{SPAN}-01"),
        &format!("00-{zeros}-{SPAN}-01"),
        &format!("00-{TRACE}-0000000000000000-01"),
        &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        &format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        &format!("00-{TRACE}-{SPAN}-0A"),
        &format!("00_{TRACE}_{SPAN}_01"),
        &format!("00-{}-{SPAN}-01", &TRACE[1..]),
        &format!("00-{SPAN}-{TRACE}-01"),
        &format!("00-{}g-{SPAN}-01", &TRACE[1..]),
        &format!("00-{TRACE}-{SPAN}-\u{e9}"),
    ] {
        assert_eq!(read(parent), None, "{parent:?}");
    }
    let one = format!("00-{TRACE}-{SPAN}-01");
    let twice = Context::read([one.as_bytes(), one.as_bytes()], []);
    assert_eq!((Context::read([], []), twice), (None, None), "one and one only");
    assert_eq!(Context::read([&[0xff; 55][..]], []), None);
}

#[test]
fn what_others_keep_in_the_trace_is_passed_on_within_limits() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let long = |length: usize, key: &str| format!("{key}={}", "x".repeat(length - key.len() - 1));
    let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    for (sent, expected) in [
        (vec![], None),
        (vec![""], None),
        (
            vec!["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"],
            Some("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ),
        (vec!["a=1", "b=2"], Some("a=1,b=2")),
        (vec!["a=1 ,\tb=2,,"], Some("a=1,b=2")),
        (
            vec!["tenant@system=value with blanks", "1a/*_-=!~"],
            Some("tenant@system=value with blanks,1a/*_-=!~"),
        ),
        (vec!["a"], None),
        (vec!["=1"], None),
        (vec!["a="], None),
        (vec!["A=1"], None),
        (vec!["@a=1"], None),
        (vec!["a=1=2"], None),
        (vec!["a=\u{e9}"], None),
        (vec!["good=1,b\u{7f}d=2"], None),
        (vec![&many(32)], Some(&*many(32))),
        (vec![&many(33)], None),
        // Too long in total: large entries are dropped first, then the last.
        (vec![&format!("{},a=1,{}", long(200, "x"), long(400, "y").replace('y', "z"))], None),
        (vec![&long(256, "x")], Some(&*long(256, "x"))),
        (
            vec![
                &[long(250, "x"), "a=1".into(), long(250, "y"), "b=2".into(), long(128, "z")]
                    .join(","),
            ],
            Some(&*["a=1".into(), "b=2".into(), long(128, "z")].join(",")),
        ),
        (
            vec![&(0..6).map(|n| long(100, &format!("k{n}"))).collect::<Vec<_>>().join(",")],
            Some(&*(0..5).map(|n| long(100, &format!("k{n}"))).collect::<Vec<_>>().join(",")),
        ),
    ] {
        let states: Vec<&[u8]> = sent.iter().map(|state| state.as_bytes()).collect();
        let context = Context::read([parent.as_bytes()], states).unwrap();
        assert_eq!(context.state(), expected, "{sent:?}");
    }
}

#[test]
fn a_new_trace_is_random_recorded_and_never_zero() {
    let (a, b) = (Context::begun(TraceId::draw()), Context::begun(TraceId::draw()));
    assert!(a.is_sampled() && a.parent().ends_with("-03"), "{a:?}");
    assert!(a.trace_id != b.trace_id && a.span_id != b.span_id);
    assert_eq!(read(&a.parent()), Some(a.clone()));
    assert!(!a.unsampled().is_sampled());
}
