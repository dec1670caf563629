//! The drawing of an event's seats: the geometry of its plan in global coordinates, with the core's
//! seats in it. An event without a plan gets a plain drawing, and so do rows that were added later.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::ids::{OfferingId, ProductId};
use crate::inventory::{RowView, SectionView};
use crate::venues::geometry::{self, Bounds, Frame, rounded, rounded_point};
use crate::venues::layouts::EventSeats;
use crate::venues::outline;
use crate::venues::plan::{
    PlanDirection, PlanGap, PlanLabel, PlanNumbering, PlanRow, PlanSection, PlanStage,
};
use crate::venues::seats::{PlanSeats, Run};

/// The space between drawn sections.
const SPACE: f64 = 3.0;

/// An event's seats to be drawn. All coordinates are global: lengths in seat pitches, y downwards,
/// angles in degrees clockwise.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drawing {
    /// The event.
    pub event_id: OfferingId,
    /// Changes whenever anything of the drawing does.
    pub version: String,
    /// The number of seat indexes, which is the length of `states` in the seat states.
    pub seat_count: u32,
    /// A seat's id is this and its index.
    pub seat_id_prefix: String,
    /// False if the event has no plan: the drawing is plain then.
    pub drawn: bool,
    /// `[minX, minY, maxX, maxY]`.
    pub bounds: [f64; 4],
    /// The stage.
    #[schema(required = true)]
    pub stage: Option<PlanStage>,
    /// Texts.
    pub labels: Vec<PlanLabel>,
    /// The price zones.
    pub zones: Vec<DrawnZone>,
    /// The sections.
    pub sections: Vec<DrawnSection>,
}

/// A price zone with its product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct DrawnZone {
    pub name: String,
    pub product_id: String,
}

/// A section.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawnSection {
    /// The name.
    pub name: String,
    /// The products of its seats.
    pub product_ids: Vec<String>,
    /// The corners of its outline.
    pub outline: Vec<[f64; 2]>,
    /// Where its name is drawn.
    pub label: [f64; 2],
    /// The rows.
    pub rows: Vec<DrawnRow>,
}

/// A row: a path as in a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in a plan")]
pub struct DrawnRow {
    pub name: String,
    pub x: f64,
    pub y: f64,
    pub rotation: f64,
    pub spacing: f64,
    pub curve: f64,
    /// The number of positions.
    pub seats: u32,
    pub direction: PlanDirection,
    pub numbering: PlanNumbering,
    pub gaps: Vec<PlanGap>,
    pub accessible: Vec<u32>,
    pub companion: Vec<u32>,
    pub restricted: Vec<u32>,
    /// The seats at its positions.
    pub runs: Vec<DrawnRun>,
}

/// Neighbouring positions whose seats have neighbouring indexes and one product.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawnRun {
    /// The first position.
    pub from: u32,
    /// The number of seats.
    pub count: u32,
    /// The index of the seat at the first position.
    pub first_seat: u32,
    /// The product.
    pub product_id: String,
}

/// Draws an event's seats. `sections` are those of the core at present, `names` those of the
/// products.
#[must_use]
pub fn draw(
    event: OfferingId,
    sections: &[Arc<SectionView>],
    seats: &EventSeats,
    names: &[String],
) -> Drawing {
    let ends = sections.iter().flat_map(|section| &section.rows).map(end_of);
    let mut drawing = Drawing {
        event_id: event,
        version: String::new(),
        seat_count: ends.max().unwrap_or(0),
        seat_id_prefix: format!("s{:08x}-", event.tag()),
        drawn: seats.plan().is_some(),
        bounds: [0.0; 4],
        stage: None,
        labels: Vec::new(),
        zones: Vec::new(),
        sections: Vec::new(),
    };
    let mut bounds = Bounds::default();
    let planned = seats.plan().map_or(0, |plan| {
        bounds = outline::bounds(plan.plan());
        draw_plan(&mut drawing, plan);
        plan.places()
    });
    if !drawing.drawn {
        drawing.zones = product_zones(event, sections, names);
    }
    draw_rest(&mut drawing, &mut bounds, sections, planned);
    if !bounds.is_empty() {
        drawing.bounds = bounds.0.map(rounded);
    }
    let json = serde_json::to_vec(&drawing).expect("a drawing is plain data");
    drawing.version = blake3::hash(&json).to_hex()[..16].to_owned();
    drawing
}

fn end_of(row: &RowView) -> u32 {
    row.first_seat.0 + u32::try_from(row.seats.len()).expect("rows are short")
}

fn draw_plan(drawing: &mut Drawing, seats: &PlanSeats) {
    let (event, plan) = (drawing.event_id, seats.plan());
    drawing.stage = plan.stage.clone();
    drawing.labels.clone_from(&plan.labels);
    let products = seats.products();
    let zone = |name: &String| {
        let product_id = products.get(name)?.to_public(event);
        Some(DrawnZone { name: name.clone(), product_id })
    };
    drawing.zones = plan.zones.iter().filter_map(|of| zone(&of.name)).collect();
    let mut runs: Vec<Vec<Vec<Run>>> =
        plan.sections.iter().map(|section| vec![Vec::new(); section.rows.len()]).collect();
    for of in seats.rows() {
        runs[of.section as usize][of.row as usize].extend(seats.runs(of));
    }
    for (section, runs) in plan.sections.iter().zip(runs) {
        drawing.sections.push(draw_section(event, section, runs));
    }
}

fn draw_section(event: OfferingId, section: &PlanSection, runs: Vec<Vec<Run>>) -> DrawnSection {
    let frame = Frame::of(section);
    let (outline, label) = outline::outlined(section);
    let mut products: Vec<ProductId> = runs.iter().flatten().map(|run| run.product).collect();
    products.sort_unstable();
    products.dedup();
    let row = |(row, mut runs): (&PlanRow, Vec<Run>)| {
        let [x, y] = rounded_point(frame.place([row.x, row.y]));
        runs.sort_unstable_by_key(|run| run.from);
        DrawnRow {
            x,
            y,
            rotation: rounded(frame.turn(row.rotation)),
            runs: runs.into_iter().map(|run| drawn_run(event, run)).collect(),
            ..drawn_row(row)
        }
    };
    DrawnSection {
        name: section.name.clone(),
        product_ids: products.into_iter().map(|product| product.to_public(event)).collect(),
        label: rounded_point(label),
        outline: outline.into_iter().map(rounded_point).collect(),
        rows: section.rows.iter().zip(runs).map(row).collect(),
    }
}

fn drawn_run(event: OfferingId, run: Run) -> DrawnRun {
    DrawnRun {
        from: run.from,
        count: run.count,
        first_seat: run.first_seat.0,
        product_id: run.product.to_public(event),
    }
}

fn drawn_row(row: &PlanRow) -> DrawnRow {
    let numbering = row.numbering.clone().unwrap_or_default();
    DrawnRow {
        name: row.name.clone(),
        x: row.x,
        y: row.y,
        rotation: row.rotation,
        spacing: row.spacing,
        curve: row.curve,
        seats: row.seats,
        direction: row.direction,
        numbering: match numbering.labels {
            Some(labels) => PlanNumbering { labels: Some(labels), ..PlanNumbering::default() },
            None => counted(numbering.start.unwrap_or(1), numbering.step.unwrap_or(1)),
        },
        gaps: row.gaps.clone(),
        accessible: row.accessible.clone(),
        companion: row.companion.clone(),
        restricted: row.restricted.clone(),
        runs: Vec::new(),
    }
}

fn counted(start: u32, step: u32) -> PlanNumbering {
    PlanNumbering { start: Some(start), step: Some(step), labels: None }
}

/// Returns the products of an event without a plan as its zones.
fn product_zones(
    event: OfferingId,
    sections: &[Arc<SectionView>],
    names: &[String],
) -> Vec<DrawnZone> {
    let mut products: Vec<ProductId> = sections.iter().map(|section| section.product).collect();
    products.sort_unstable();
    products.dedup();
    let name = |product: ProductId| names.get(product.index()).cloned().unwrap_or_default();
    let zone = |product: ProductId| DrawnZone {
        name: name(product),
        product_id: product.to_public(event),
    };
    products.into_iter().map(zone).collect()
}

/// Draws the core's rows that begin at the seat `from` or later, in straight blocks below one another.
fn draw_rest(drawing: &mut Drawing, bounds: &mut Bounds, sections: &[Arc<SectionView>], from: u32) {
    let event = drawing.event_id;
    for section in sections {
        let rows: Vec<&RowView> =
            section.rows.iter().filter(|row| row.first_seat.0 >= from).collect();
        if rows.is_empty() {
            continue;
        }
        let middle = if bounds.is_empty() { 0.0 } else { bounds.middle() };
        let mut y = if bounds.is_empty() { 0.0 } else { bounds.0[3] + SPACE };
        let mut ends = Vec::with_capacity(2 * rows.len());
        let mut drawn = Vec::with_capacity(rows.len());
        for row in rows {
            let seats = u32::try_from(row.seats.len()).expect("rows are short");
            let x = middle - f64::from(seats.saturating_sub(1)) / 2.0;
            ends.extend([[x, y], [x + f64::from(seats.saturating_sub(1)), y]]);
            drawn.push(DrawnRow {
                name: row.name.clone(),
                x: rounded(x),
                y: rounded(y),
                rotation: 0.0,
                spacing: 1.0,
                curve: 0.0,
                seats,
                direction: PlanDirection::Ltr,
                numbering: counted(1, 1),
                gaps: Vec::new(),
                accessible: Vec::new(),
                companion: Vec::new(),
                restricted: Vec::new(),
                runs: vec![DrawnRun {
                    from: 1,
                    count: seats,
                    first_seat: row.first_seat.0,
                    product_id: section.product.to_public(event),
                }],
            });
            y += 1.2;
        }
        let outline = geometry::around(geometry::hull(ends));
        outline.iter().for_each(|corner| bounds.add(*corner));
        drawing.sections.push(DrawnSection {
            name: section.name.clone(),
            product_ids: vec![section.product.to_public(event)],
            label: rounded_point(geometry::centre(&outline)),
            outline: outline.into_iter().map(rounded_point).collect(),
            rows: drawn,
        });
    }
}
