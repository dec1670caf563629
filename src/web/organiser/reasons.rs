//! The reasons of the rules in the visitor's language. The rules say them in English, in the words of
//! the API; a page says them in its own words, without the names of fields.

use crate::web::language::fill;
use crate::web::refusals;
use crate::web::visitor::Visitor;

/// Reasons of the rules with `{}` for values, and the keys of the texts, where these are `{a}`, `{b}`.
const REASONS: &[(&str, &str)] = &[
    ("must have {} to {} characters", "organiser_reason.length"),
    ("must have at most {} characters", "organiser_reason.too_long"),
    ("must have {} to {} items", "organiser_reason.items"),
    ("must have at most {} items", "organiser_reason.most_items"),
    ("must have at most {} seats in all", "organiser_reason.most_seats"),
    ("must have at most {} places in all", "organiser_reason.most_places"),
    ("have {} seats in all: at most {}", "organiser_reason.seats_of_plan"),
    ("must not contain control characters", "organiser_reason.control"),
    ("must not be empty", "organiser_reason.empty"),
    ("must be in the future{}", "organiser_reason.future"),
    ("must be three capital letters (ISO 4217)", "organiser_reason.currency"),
    ("must be the name of a time zone{}", "organiser_form.bad_zone"),
    ("is the name of another{}", "organiser_reason.name_twice"),
    ("is the label of another{}", "organiser_reason.name_twice"),
    ("has no product for the zone \"{}\":{}", "organiser_reason.zone_without_product"),
    ("is needed: the product has no seats{}", "organiser_form.no_places"),
    ("is needed{}", "organiser_reason.empty"),
    ("must be left out or be {}, the seats of its sections", "organiser_reason.seats_counted"),
    ("must be left out: its places are the seats{}", "organiser_reason.stock_of_seats"),
    ("must be after eventDate", "organiser_form.ends_before"),
    ("must not be after eventEndAt{}", "organiser_form.sale_ends_late"),
    ("must be after saleStartAt", "organiser_form.sale_ends_before"),
    ("has seat {} nearer than {}", "organiser_reason.overlap"),
    ("make the last row longer than {} places", "organiser_reason.row_too_long"),
    ("make the rows of an arc meet{}", "organiser_reason.arc_too_wide"),
    ("mix too many zones{}", "organiser_reason.too_many_zones"),
    ("must be {} to {} (30 days){}", "organiser_reason.month"),
    ("must be {} to {}:{}", "organiser_reason.range"),
    ("must be {} to {}", "organiser_reason.range"),
    ("must be at least {}", "organiser_reason.least"),
    ("must be more than {} and at most {}", "organiser_reason.range_open"),
];

/// Returns a reason in the visitor's language. A reason that has no text of its own follows a
/// sentence that says so much: that the value is not allowed.
pub(super) fn of(visitor: &Visitor, reason: &str) -> String {
    let found = REASONS.iter().find_map(|(pattern, key)| Some((values(pattern, reason)?, *key)));
    let Some((found, key)) = found else {
        let said = refusals::reason(visitor.language, reason);
        let said = said.as_deref().unwrap_or(reason);
        return visitor.fill("organiser_reason.other", &[("reason", said)]);
    };
    let grouped: Vec<String> = found.iter().map(|value| grouped(value)).collect();
    let named: Vec<(&str, &str)> =
        ["a", "b"].into_iter().zip(grouped.iter().map(String::as_str)).collect();
    visitor.language.find(key).map_or_else(|| reason.to_owned(), |text| fill(text, &named))
}

/// Writes a number as pages do; any other value stays.
fn grouped(value: &str) -> String {
    value.parse::<u64>().map_or_else(|_| value.to_owned(), crate::web::format::number)
}

/// Returns the values of a reason that fits a pattern. A `{}` at its end takes the rest.
fn values<'a>(pattern: &str, reason: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = reason.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    for part in parts {
        let (value, behind) = if part.is_empty() { (rest, "") } else { rest.split_once(part)? };
        values.push(value);
        rest = behind;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_known_by_their_patterns() {
        let value = |pattern| values(pattern, "must be 1 to 1000: make several rows of it");
        assert_eq!(
            value("must be {} to {}:{}"),
            Some(vec!["1", "1000", " make several rows of it"])
        );
        assert_eq!(value("must be at least {}"), None);
        assert_eq!(values("must be {} to {}", "must be 0 to 100"), Some(vec!["0", "100"]));
        assert_eq!(values("must not be empty", "must not be empty at all"), None);
        assert_eq!(values("is{}", "is"), Some(vec![""]));
        assert_eq!(grouped("200000"), "200,000");
    }
}
