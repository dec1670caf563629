//! The curve of sales over time: places sold up to each moment, as a drawing and as a table.

use chrono_tz::Tz;
use maud::{Markup, html};

use super::tables::scrolling;
use crate::inventory::TimestampMs;
use crate::offerings::Sales;
use crate::web::format::{self, money, number};
use crate::web::visitor::Visitor;

/// Size of the drawing's area, in its own units.
const WIDTH: i64 = 600;
const HEIGHT: i64 = 160;

/// Renders the sales of an event up to `now`.
pub(super) fn render(
    visitor: &Visitor,
    sales: &Sales,
    (currency, zone): (&str, Tz),
    now: TimestampMs,
) -> Markup {
    let Some(first) = sales.slices.first() else {
        return html! { p.hint { (visitor.text("organiser_live.no_sales")) } };
    };
    let sold: u64 = sales.slices.iter().map(|slice| slice.places).sum();
    let label = visitor.fill("organiser_live.curve_label", &[("places", &number(sold))]);
    let time = |at| format::date_time(visitor.language, at, zone);
    html! {
        figure.curve {
            p.curve-title { (visitor.fill("organiser_live.sold_by_now", &[("places", &number(sold))])) }
            div.curve-scale aria-hidden="true" { span { (number(sold)) } span { "0" } }
            svg role="img" aria-label=(label) preserveAspectRatio="none"
                viewBox={ "0 0 " (WIDTH) " " (HEIGHT) }
            {
                path.curve-grid d={ "M0 0H" (WIDTH) "M0 " (HEIGHT) "H" (WIDTH) } {}
                path.curve-area d=(area(sales, now)) {}
                path.curve-line d=(line(sales, now)) {}
            }
            figcaption {
                span { (time(first.from)) }
                span { (time(now)) }
            }
        }
        details {
            summary { (visitor.text("organiser_live.as_table")) }
            (scrolling(visitor.text("organiser_live.sales"), &html! {
                table {
                    thead { tr {
                        th scope="col" { (visitor.text("organiser_live.from")) }
                        th.number scope="col" { (visitor.text("organiser_live.orders")) }
                        th.number scope="col" { (visitor.text("organiser_live.places")) }
                        th.number scope="col" { (visitor.text("organiser_live.amount")) }
                    } }
                    tbody {
                        @for slice in sales.slices.iter().rev() {
                            tr {
                                th scope="row" { (time(slice.from)) }
                                td.number { (number(slice.orders)) }
                                td.number { (number(slice.places)) }
                                td.number { (money(visitor.language, slice.total, currency)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// The points of the curve: it stays level between sales, and reaches the present.
fn points(sales: &Sales, now: TimestampMs) -> Vec<(i64, i64)> {
    let total = sales.slices.iter().map(|slice| slice.places).sum::<u64>().max(1);
    let first = sales.slices.first().map_or(now, |slice| slice.from);
    let last = sales.slices.last().map_or(now, |slice| slice.from + sales.slice_ms);
    let span = (last.max(now) - first).max(1);
    let x = |at: TimestampMs| scale(at - first, span, WIDTH);
    let y = |sold: u64| {
        let sold = i64::try_from(sold).unwrap_or(i64::MAX);
        HEIGHT - scale(sold, i64::try_from(total).unwrap_or(i64::MAX), HEIGHT)
    };
    let mut points = vec![(0, HEIGHT)];
    let mut sold = 0;
    for slice in &sales.slices {
        points.push((x(slice.from), y(sold)));
        sold += slice.places;
        points.push((x(slice.from + sales.slice_ms), y(sold)));
    }
    points.push((WIDTH, y(sold)));
    points
}

/// `part` of `whole` on a scale of `length`.
fn scale(part: i64, whole: i64, length: i64) -> i64 {
    let scaled = i128::from(part) * i128::from(length) / i128::from(whole);
    i64::try_from(scaled).unwrap_or(length).clamp(0, length)
}

fn line(sales: &Sales, now: TimestampMs) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points(sales, now).into_iter().enumerate() {
        path.push_str(&format!("{}{x} {y}", if index == 0 { 'M' } else { 'L' }));
    }
    path
}

fn area(sales: &Sales, now: TimestampMs) -> String {
    format!("{}L{WIDTH} {HEIGHT}Z", line(sales, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SalesSlice;

    #[test]
    fn the_curve_rises_with_each_slice_and_ends_at_the_present() {
        let slice = |from, places| SalesSlice { from, orders: 1, places, total: 0 };
        let sales = Sales { slice_ms: 10, slices: vec![slice(0, 1), slice(50, 3)] };
        assert_eq!(
            points(&sales, 100),
            [(0, 160), (0, 160), (60, 120), (300, 120), (360, 0), (600, 0)]
        );
        assert_eq!(area(&sales, 100), "M0 160L0 160L60 120L300 120L360 0L600 0L600 160Z");
        // The last slice is not over yet.
        let last = points(&sales, 55).last().copied();
        assert_eq!(last, Some((WIDTH, 0)));
    }
}
