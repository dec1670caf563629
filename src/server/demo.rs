//! The demo event: a theatre with a thousand numbered seats and a standing area, on sale at once.

use super::StartError;
use super::admin::Admin;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId};
use crate::inventory::{
    DEFAULT_EVENT_LENGTH_MS, Definition, EventTimes, Minor, Policy, ProductDefinition,
    RowDefinition, SaleState, SaleWindow, SectionDefinition, TimestampMs,
};
use crate::store::{EventDetails, NewEvent, Terms};

/// Name by which a later start recognises the event.
const NAME: &str = "Admit One Demo Night";
const DAY_MS: TimestampMs = 24 * 3_600_000;

/// Sections with rows × seats, and their price in won; front to back.
const SECTIONS: [(&str, u16, u32, Minor); 3] =
    [("Stalls", 10, 30, 150_000), ("Circle", 10, 40, 110_000), ("Balcony", 10, 30, 70_000)];
const STANDING: (&str, u32, Minor) = ("Standing", 200, 50_000);

/// Returns the demo event of this store; makes it if the store has no event at all.
pub(super) async fn find_or_make(
    state: &AppState,
    admin: Option<&Admin>,
) -> Result<Option<OfferingId>, StartError> {
    // Ids are ordered by time: on a store with many events only the first ones are searched for the
    // demo.
    let events = state.store.event_list(None, 50).await?;
    if !events.is_empty() {
        return Ok(events.iter().find(|event| event.details.name == NAME).map(|event| event.id));
    }
    let by = match admin {
        Some(admin) => Some(admin.id),
        // A start may have been killed between the two: the administrator exists, the event does not.
        None => state.store.user_by_email(&state.config.admin_email).await?.map(|user| user.id),
    };
    let Some(created_by) = by else { return Ok(None) };
    let now = state.clock.now_ms();
    let (products, definition) = theatre(now);
    let details = EventDetails {
        name: NAME.into(),
        description: "Made at the first start, to try things out. ADMITONE_DEMO=false starts \
                      without it."
            .into(),
        venue: "The Little Theatre".into(),
        event_date: now + 90 * DAY_MS,
    };
    let starts_at = details.event_date;
    let times = Some(EventTimes { starts_at, ends_at: starts_at + DEFAULT_EVENT_LENGTH_MS });
    let (id, terms) = (OfferingId::new(), Terms { times, ..Terms::default() });
    let (further, plan, time_zone) = (Vec::new(), None, None);
    let event =
        NewEvent { id, details, products, definition, terms, further, plan, time_zone, created_by };
    state.store.event_create(&event, None, now).await?;
    Ok(Some(event.id))
}

fn theatre(now: TimestampMs) -> (Vec<(String, String)>, Definition) {
    let open = SaleWindow::default();
    let numbered =
        |price| ProductDefinition { price, capacity: None, max_per_customer: None, sale: open };
    let mut products: Vec<ProductDefinition> =
        SECTIONS.iter().map(|(_, _, _, price)| numbered(*price)).collect();
    let (standing, capacity, price) = STANDING;
    products.push(ProductDefinition { capacity: Some(capacity), ..numbered(price) });
    let sections = (0_u16..)
        .zip(SECTIONS)
        .map(|(product, (name, rows, seats, _))| SectionDefinition {
            name: name.into(),
            product: ProductId(product),
            rows: (0..rows).map(|row| RowDefinition { name: row_name(row), seats }).collect(),
        })
        .collect();
    let mut names: Vec<(String, String)> = SECTIONS
        .iter()
        .map(|(name, rows, seats, _)| {
            ((*name).to_owned(), format!("Numbered, {rows} rows of {seats} seats"))
        })
        .collect();
    names.push((standing.to_owned(), "No seat, the best view".to_owned()));
    let definition = Definition {
        currency: *b"KRW",
        products,
        sections,
        policy: Policy::default(),
        sale: SaleWindow { start: Some(now), end: Some(now + 90 * DAY_MS) },
        sale_state: SaleState::Open,
    };
    (names, definition)
}

/// Returns the name of a row: A, B, C, …
fn row_name(row: u16) -> String {
    let letter = u8::try_from(row % 26).unwrap_or_default() + b'A';
    char::from(letter).to_string()
}
