//! The shapes of generated blocks: the rows of one section, in its own frame.

use crate::inventory::MAX_ROW;
use crate::text::InvalidField;
use crate::venues::generate::spec::{BlockKind, BlockSpec, GeneratedNumbering};
use crate::venues::geometry::{self, rounded};
use crate::venues::plan::{PlanDirection, PlanGap, PlanNumbering, PlanRow, PlanSection};

/// The distance of rows.
const ROW_SPACE: f64 = 1.2;
/// The width of an aisle.
const AISLE: f64 = 2.0;
/// The space around a table, from its seats to those of the next.
const TABLE_SPACE: f64 = 2.5;
/// The most that rows on circles go around the stage, in degrees.
const MOST_SWEEP: f64 = 270.0;
/// How far the first rows on circles go around the stage, in degrees.
const SWEEP: f64 = 110.0;

/// The circles of an arc.
#[derive(Clone, Copy, Debug)]
pub(super) struct Centre {
    /// Where their centre is in the plan, set once the block is placed.
    pub(super) origin: (f64, f64),
    /// The radius of the last row.
    pub(super) outer: f64,
}

/// Checks the numbers of a block; returns how many seats it has.
pub(super) fn check(field: &str, block: &BlockSpec) -> Result<u64, InvalidField> {
    let wrong =
        |name: &str, reason: &str| Err(InvalidField::new(format!("{field}.{name}"), reason));
    if !(1..=1_000).contains(&block.rows) {
        return wrong("rows", "must be 1 to 1000");
    }
    if !(1..=MAX_ROW).contains(&block.seats_per_row) {
        return wrong("seatsPerRow", "must be 1 to 1000");
    }
    if block.tables_per_row.is_some() && block.kind != BlockKind::Tables {
        return wrong("tablesPerRow", "is for tables only: leave it out");
    }
    let tables = block.tables_per_row.unwrap_or(1);
    if !(1..=200).contains(&tables) {
        return wrong("tablesPerRow", "must be 1 to 200");
    }
    if block.widening.is_some() && block.kind != BlockKind::Tribune {
        return wrong("widening", "is for tribunes only: leave it out");
    }
    if block.widening.is_some_and(|widening| widening > 20) {
        return wrong("widening", "must be 0 to 20");
    }
    let longest = row_length(block, block.rows - 1);
    if u64::from(longest) + block.aisles.len() as u64 > u64::from(MAX_ROW) {
        return wrong("rows", "make the last row longer than 1000 places");
    }
    if !block.aisles.is_empty() && block.kind == BlockKind::Tables {
        return wrong("aisles", "are for rows: leave them out for tables");
    }
    if !block.aisles.is_sorted_by(|a, b| a < b)
        || block.aisles.iter().any(|after| !(1..block.seats_per_row).contains(after))
    {
        return wrong("aisles", "must rise, from 1 to one less than seatsPerRow");
    }
    let (has, needs) = (block.start_number.unwrap_or(1) % 2, block.numbering);
    if block.start_number.is_some()
        && (needs == Some(GeneratedNumbering::Odd) && has == 0
            || needs == Some(GeneratedNumbering::Even) && has == 1)
    {
        return wrong("startNumber", "must be odd for odd numbers and even for even numbers");
    }
    let most = match block.kind {
        BlockKind::Tables => block.rows * tables * u32::from(block.seats_per_row > 1),
        BlockKind::Block | BlockKind::Arc | BlockKind::Tribune => block.seats_per_row / 2,
    };
    if block.accessible > most {
        let reason = format!("must be at most {most}: each needs a seat for a companion beside it");
        return wrong("accessible", &reason);
    }
    let rows = (0..block.rows).map(|row| u64::from(row_length(block, row)));
    Ok(rows.sum::<u64>() * u64::from(tables))
}

/// Returns the number of seats of a row, counted from 0.
fn row_length(block: &BlockSpec, row: u32) -> u32 {
    match block.kind {
        BlockKind::Tribune => block.seats_per_row + row * block.widening.unwrap_or(2),
        BlockKind::Block | BlockKind::Arc | BlockKind::Tables => block.seats_per_row,
    }
}

/// Returns the section of a checked block, and its circles if it is an arc. `around` are the circles
/// around which an arc goes.
pub(super) fn section(
    field: &str,
    block: &BlockSpec,
    around: Option<Centre>,
) -> Result<(PlanSection, Option<Centre>), InvalidField> {
    let mut names = RowNames::of(field, block)?;
    let mut rows = Vec::new();
    let mut centre = None;
    match block.kind {
        BlockKind::Block | BlockKind::Tribune => {
            for row in 0..block.rows {
                rows.push(straight(block, row, names.take()));
            }
        }
        BlockKind::Arc => {
            let inner = inner_radius(field, block, around)?;
            for row in 0..block.rows {
                let radius = inner + f64::from(row) * ROW_SPACE;
                rows.push(on_circle(block, radius, names.take()));
            }
            let outer = inner + f64::from(block.rows - 1) * ROW_SPACE;
            centre = Some(Centre { origin: (0.0, 0.0), outer });
        }
        BlockKind::Tables => {
            let (tables, per_line) = tables_of(block);
            for table in 0..tables {
                rows.push(round_table(block, table_place(table, tables, per_line), names.take()));
            }
        }
    }
    mark_accessible(block, &mut rows);
    let (name, zone) = (block.section.clone(), block.zone.clone());
    let (x, y, rotation, outline) = (0.0, 0.0, 0.0, Vec::new());
    Ok((PlanSection { name, zone, x, y, rotation, outline, rows }, centre))
}

/// Returns a row without a place.
fn row_of(block: &BlockSpec, name: String, seats: u32) -> PlanRow {
    let (start, step) = match block.numbering.unwrap_or(GeneratedNumbering::All) {
        GeneratedNumbering::All => (1, 1),
        GeneratedNumbering::Odd => (1, 2),
        GeneratedNumbering::Even => (2, 2),
    };
    let start = block.start_number.unwrap_or(start);
    let plain = (start, step) == (1, 1);
    let numbering =
        PlanNumbering { start: Some(start), step: (step != 1).then_some(step), labels: None };
    PlanRow {
        name,
        x: 0.0,
        y: 0.0,
        rotation: 0.0,
        spacing: 1.0,
        curve: 0.0,
        seats,
        direction: PlanDirection::Ltr,
        numbering: (!plain).then_some(numbering),
        gaps: Vec::new(),
        accessible: Vec::new(),
        companion: Vec::new(),
        restricted: Vec::new(),
        zones: Vec::new(),
    }
}

fn straight(block: &BlockSpec, row: u32, name: String) -> PlanRow {
    let seats = row_length(block, row);
    // The aisles of a wider row are where those of the first row are.
    let shift = (seats - block.seats_per_row) / 2;
    let gaps: Vec<PlanGap> = gaps(block, shift);
    let length = f64::from(seats - 1) + gaps.iter().map(|gap| gap.width).sum::<f64>();
    let (x, y) = (rounded(-length / 2.0), rounded(f64::from(row) * ROW_SPACE));
    PlanRow { x, y, gaps, ..row_of(block, name, seats) }
}

fn gaps(block: &BlockSpec, shift: u32) -> Vec<PlanGap> {
    let gap = |after: &u32| PlanGap { after: after + shift, width: AISLE };
    block.aisles.iter().map(gap).collect()
}

/// The steps from the first to the last seat of a row, aisles included.
fn steps(block: &BlockSpec) -> f64 {
    f64::from(block.seats_per_row - 1)
        + AISLE * f64::from(u32::try_from(block.aisles.len()).unwrap_or(0))
}

fn inner_radius(
    field: &str,
    block: &BlockSpec,
    around: Option<Centre>,
) -> Result<f64, InvalidField> {
    let by_sweep = steps(block) / SWEEP.to_radians();
    let radius = match around {
        Some(inner) => inner.outer + 2.0 * ROW_SPACE,
        None => by_sweep.max(6.0),
    };
    if steps(block) / radius > MOST_SWEEP.to_radians() {
        let reason =
            "make the rows of an arc meet behind the stage: use fewer, or more rows before";
        return Err(InvalidField::new(format!("{field}.seatsPerRow"), reason));
    }
    Ok(radius)
}

/// Returns a row on the circle around (0, 0) below it, from left to right, with its middle straight
/// below the centre.
fn on_circle(block: &BlockSpec, radius: f64, name: String) -> PlanRow {
    // The angle at the centre between neighbouring seats, whose distance is 1.
    let turn = 2.0 * (0.5 / radius).asin().to_degrees();
    let gaps = gaps(block, 0);
    let mut row =
        PlanRow { curve: rounded(-turn), gaps, ..row_of(block, name, block.seats_per_row) };
    let place = |row: &mut PlanRow, half: f64| {
        let at = (90.0 + half).to_radians();
        (row.x, row.y) = (rounded(radius * at.cos()), rounded(radius * at.sin()));
        row.rotation = rounded(half - turn / 2.0);
    };
    let half = steps(block) * turn / 2.0;
    place(&mut row, half);
    // A step over an aisle leaves the circle a little: turn the row until both ends are level.
    let last = geometry::path(&row).last().unwrap_or([0.0, 0.0]);
    let reached = 90.0 - last[1].atan2(last[0]).to_degrees();
    place(&mut row, half - (half - reached) / 2.0 + 0.0);
    row
}

/// Returns how many tables there are, and how many stand in a full line. Unless that is stated, the
/// lines make a room about half as wide again as deep; among numbers near that, one that fills all lines
/// is preferred.
fn tables_of(block: &BlockSpec) -> (u32, u32) {
    if let Some(per_line) = block.tables_per_row {
        return (block.rows * per_line, per_line);
    }
    let tables = block.rows;
    let mut wanted = 1;
    while 3 * (wanted * wanted + wanted) < 2 * tables {
        wanted += 1;
    }
    let fits = |lines: u32| {
        let per_line = tables / lines;
        tables.is_multiple_of(lines) && lines <= per_line && 2 * per_line <= 5 * lines
    };
    let near = [wanted, wanted - 1, wanted + 1].into_iter().filter(|lines| *lines > 0);
    let lines = near.into_iter().find(|lines| fits(*lines)).unwrap_or(wanted);
    (tables, tables.div_ceil(lines))
}

/// Returns where a table stands, in steps from the first one. A shorter last line is in the middle.
fn table_place(table: u32, tables: u32, per_line: u32) -> (f64, f64) {
    let (line, nth) = (table / per_line, table % per_line);
    let in_line = per_line.min(tables - line * per_line);
    (f64::from(nth) + f64::from(per_line - in_line) / 2.0, f64::from(line))
}

/// Returns a table as a row: its seats are the corners of a polygon with sides of length 1.
fn round_table(block: &BlockSpec, (across, down): (f64, f64), name: String) -> PlanRow {
    let seats = block.seats_per_row;
    let angle = 360.0 / f64::from(seats);
    let radius = match seats {
        1 => 0.0,
        _ => 0.5 / (angle / 2.0).to_radians().sin(),
    };
    let pitch = 2.0 * radius + TABLE_SPACE;
    let (x, y) = (across * pitch, down * pitch);
    // The first side is the upper one, and its left end the first seat.
    let side = (angle / 2.0).to_radians();
    let (dx, dy) = match seats {
        1 => (0.0, 0.0),
        _ => (-0.5, -radius * side.cos()),
    };
    let curve = if seats == 1 { 0.0 } else { rounded(angle) };
    PlanRow { x: rounded(x + dx), y: rounded(y + dy), curve, ..row_of(block, name, seats) }
}

fn mark_accessible(block: &BlockSpec, rows: &mut [PlanRow]) {
    if block.kind == BlockKind::Tables {
        let marked = usize::try_from(block.accessible).unwrap_or_default();
        for row in rows.iter_mut().take(marked) {
            (row.accessible, row.companion) = (vec![1], vec![2]);
        }
        return;
    }
    let Some(first) = rows.first_mut() else { return };
    for pair in 0..block.accessible {
        // From the left end, from the right end, and so on towards the middle.
        let outer = 1 + pair / 2 * 2;
        let (seat, beside) = match pair % 2 {
            0 => (outer, outer + 1),
            _ => (first.seats + 1 - outer, first.seats - outer),
        };
        first.accessible.push(seat);
        first.companion.push(beside);
    }
    first.accessible.sort_unstable();
    first.companion.sort_unstable();
}

/// The names of rows: A … Z, AA …, or numbers.
enum RowNames {
    Letters(u64),
    Numbers(u64),
}

impl RowNames {
    fn of(field: &str, block: &BlockSpec) -> Result<Self, InvalidField> {
        let default = if block.kind == BlockKind::Tables { "1" } else { "A" };
        let first = block.first_row.as_deref().unwrap_or(default);
        let is_short = (1..=6).contains(&first.len());
        if is_short && first.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let value = |sum: u64, byte: u8| sum * 26 + u64::from(byte - b'A') + 1;
            return Ok(Self::Letters(first.bytes().fold(0, value)));
        }
        match first.parse() {
            Ok(number) if is_short && first.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self::Numbers(number))
            }
            _ => {
                let reason = "must be capital letters or a number, of at most 6 characters";
                Err(InvalidField::new(format!("{field}.firstRow"), reason))
            }
        }
    }

    fn take(&mut self) -> String {
        match self {
            Self::Numbers(next) => {
                *next += 1;
                (*next - 1).to_string()
            }
            Self::Letters(next) => {
                let (mut rest, mut name) = (*next, Vec::new());
                while rest > 0 {
                    rest -= 1;
                    name.push(b'A' + u8::try_from(rest % 26).expect("a letter"));
                    rest /= 26;
                }
                *next += 1;
                name.reverse();
                String::from_utf8(name).expect("letters")
            }
        }
    }
}
