//! What the journal, commands, answers and snapshots hold of a waiting room's queue.

use super::{Sample, check_pinned, every, id};
use crate::box_office::views::queue_state::QueueAnswer;
use crate::ids::{HoldId, QueueEntryId, UserId};
use crate::inventory::{
    Admission, Change, Definition, Draw, Lane, Line, Pass, QueueChange, QueueEnd, QueueEntry,
    QueueEntryView, QueuePhase, QueuePlace, QueueProgress, QueueRules, QueueTotals, SessionEnd,
    chained, commitment_of, first_link, seed_of,
};

const AT: i64 = 1_795_000_000_000;
pub(super) const SECRET: [u8; 32] = [0x31; 32];
pub(super) const COMMITMENT: [u8; 32] = [0x32; 32];
pub(super) const ROOT: [u8; 32] = [0x33; 32];
pub(super) const PASS: Pass = Pass { generation: 2, number: 300 };

pub(super) fn rules() -> QueueRules {
    QueueRules {
        opens_at: Some(AT),
        passes_per_minute: 600,
        active_limit: 500,
        admit_percent: 120,
        pass_ms: 240_000,
        silence_ms: 900_000,
        turns: 3,
        paused: true,
        draining: false,
        account_before: Some(AT - 86_400_000),
        confirmed_only: true,
        challenge_bits: 18,
        public_source: Some("drand 4711".into()),
    }
}

pub(super) fn change() -> QueueChange {
    QueueChange {
        enabled: Some(true),
        opens_at: Some(Some(AT)),
        passes_per_minute: Some(600),
        active_limit: Some(500),
        admit_percent: Some(120),
        pass_ms: Some(240_000),
        silence_ms: Some(900_000),
        turns: Some(3),
        paused: Some(true),
        draining: Some(false),
        account_before: Some(Some(AT - 86_400_000)),
        confirmed_only: Some(true),
        challenge_bits: Some(18),
        public_source: Some(Some("drand 4711".into())),
        commitment: COMMITMENT,
        recommits: true,
    }
}

pub(super) fn entries() -> Vec<QueueEntry> {
    vec![(UserId(id(4)), QueueEntryId(id(0x34))), (UserId(id(9)), QueueEntryId(id(0x35)))]
}

pub(super) fn admitted() -> Vec<Admission> {
    vec![
        Admission { number: 300, lane: Lane::Priority },
        Admission { number: 2, lane: Lane::Returned },
        Admission { number: 7, lane: Lane::Line },
    ]
}

fn totals() -> QueueTotals {
    QueueTotals {
        admitted: 300,
        used: 200,
        lapsed: 6,
        left: 5,
        voided: 4,
        set_aside: 3,
        returned: 2,
    }
}

fn progress() -> QueueProgress {
    QueueProgress {
        generation: 2,
        phase: QueuePhase::Open,
        opens_at: Some(AT),
        rules: rules(),
        commitment: COMMITMENT,
        chain: [0x36; 32],
        closed: Some((1_000, ROOT)),
        seed: Some([0x37; 32]),
        entered: 2_000,
        next: 300,
        ahead: 2,
        waiting: 1_700,
        sessions: 120,
        idle: 20,
        totals: totals(),
        on_sale: true,
        places_left: 400,
        places_held: 90,
        places: 5_000,
    }
}

fn entry() -> QueueEntryView {
    let place = QueuePlace::InLine { place: 301 };
    QueueEntryView { generation: 2, id: QueueEntryId(id(0x34)), number: 300, place, turns_left: 4 }
}

pub(super) fn answer() -> QueueAnswer {
    QueueAnswer { as_of: AT, progress: progress(), entries: vec![Some(entry()), None] }
}

/// The changes up to a queue with an entry in each state, one of them its customer's second, with
/// sessions that are new, used and used elsewhere, and with entries ahead of the line.
pub(super) fn history(definition: Definition, standing: &Line) -> Vec<Change> {
    let enter = |number: u8| (UserId(id(100 + number)), QueueEntryId(id(50 + number)));
    let listed: Vec<QueueEntry> = (0..8).map(enter).collect();
    let root = listed.iter().fold(first_link(), |list, (_, id)| chained(list, *id.0.as_bytes()));
    let draw = Draw::new(seed_of(&SECRET, &root, "4711"), 8);
    let order: Vec<u32> = (0..8).map(|place| draw.number_at(place)).collect();
    let customer = |place: usize| listed[order[place] as usize].0;
    let admit = |number, lane| Admission { number, lane };
    let reason = || String::from("a reason");
    let hold = |place: usize| HoldId(id(u8::try_from(order[place]).unwrap() + 1));
    let hold_placed = |place: usize| Change::HoldPlaced {
        hold: hold(place),
        customer: customer(place),
        lines: vec![standing.clone()],
        expires_at: AT + 300_000,
    };
    let ended = |place: usize, how| Change::SessionsEnded { sessions: vec![(order[place], how)] };
    vec![
        Change::Created { definition },
        Change::QueueSet { rules: QueueRules::default(), commitment: commitment_of(&SECRET) },
        Change::QueueEntered { entries: listed.clone() },
        Change::QueueClosed { count: 8, root },
        Change::QueueDrawn { secret: SECRET, public_value: "4711".into() },
        Change::QueuePrioritised {
            entries: vec![enter(8)],
            numbers: vec![order[7]],
            reason: reason(),
        },
        Change::QueueSetAside { numbers: vec![order[6], order[5]] },
        Change::QueueReturned { numbers: vec![order[6]] },
        Change::QueueAdmitted {
            admitted: vec![
                admit(order[7], Lane::Priority),
                admit(8, Lane::Priority),
                admit(order[6], Lane::Returned),
                admit(order[0], Lane::Line),
                admit(order[1], Lane::Line),
            ],
            next: 2,
        },
        hold_placed(0),
        Change::PassUsed { number: order[1] },
        hold_placed(7),
        Change::HoldReleased { hold: hold(7) },
        ended(7, SessionEnd::Idle),
        ended(6, SessionEnd::Lapsed),
        Change::QueueLeft { number: order[2] },
        Change::QueueVoided { numbers: vec![order[3]], reason: reason() },
        Change::QueueEntered { entries: vec![enter(9), (customer(6), QueueEntryId(id(70)))] },
        Change::QueueSetAside { numbers: vec![9] },
        Change::QueueReturned { numbers: vec![9] },
        Change::QueuePrioritised { entries: vec![enter(10)], numbers: vec![], reason: reason() },
    ]
}

#[test]
fn the_parts_of_queues_keep_their_bytes() {
    let mut samples = Vec::new();
    let mut pin = |named: Vec<Sample>| samples.extend(named);
    macro_rules! pin_all {
        ($($named:expr),+ $(,)?) => {
            $(pin($named.iter().flat_map(|(name, value)| {
                [Sample::of(name, value), Sample::json(name, value)]
            }).collect());)+
        };
    }
    let (admitted_at, ends_at, is_used) = (AT, AT + 300_000, true);
    pin_all!(
        every!(Lane { Line, Returned, Priority }),
        every!(SessionEnd { Lapsed, Bought, Idle, TimedOut, Left }),
        every!(QueueEnd { SwitchedOff, Drained, SaleOver }),
        every!(QueuePhase { PreQueue, Drawing, Open }),
        every!(QueuePlace {
            BeforeDraw,
            InLine { place: 301 },
            Ahead { before: 2 },
            Aside,
            Inside { admitted_at, ends_at, is_used },
            Lapsed,
            Served,
            Left,
            Voided,
        }),
        [("QueueRules", rules())],
        [("QueueRules, default", QueueRules::default())],
        [("QueueChange", change())],
        [("QueueChange, default", QueueChange::default())],
        [("QueueTotals", totals())],
        [("QueueAnswer", answer())],
    );
    check_pinned(&samples, "src/box_office/encodings/queue.txt", include_str!("queue.txt"));
}
