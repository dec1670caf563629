//! The only path from rows to state: recovery, cold reads, snapshots, audit and `journal verify`
//! all fold through here, so that all of them see the same history.

use super::{LoadError, Loaded, Record, Row, Snapshot};
use crate::inventory::Inventory;

/// Folds the rows that [`super::Journal::load`] returned onto its snapshot.
///
/// # Errors
/// [`LoadError::Damaged`] when a row does not fit the state before it.
pub fn fold(loaded: &Loaded) -> Result<Inventory, LoadError> {
    let inventory = match &loaded.snapshot {
        Some(snapshot) => from_snapshot(snapshot)?,
        None => Inventory::empty(),
    };
    fold_onto(inventory, &loaded.tail)
}

/// Folds verified rows onto the state that they follow.
///
/// # Errors
/// [`LoadError::Damaged`] when a row does not fit the state before it.
pub fn fold_onto(mut inventory: Inventory, rows: &[(Row, Record)]) -> Result<Inventory, LoadError> {
    for (row, record) in rows {
        fold_row(&mut inventory, row, record)?;
    }
    Ok(inventory)
}

/// Folds one verified row.
///
/// # Errors
/// [`LoadError::Damaged`] when the row does not fit the state; `inventory` must not be used any
/// further then.
pub fn fold_row(inventory: &mut Inventory, row: &Row, record: &Record) -> Result<(), LoadError> {
    let damaged = |reason: String| LoadError::Damaged { seq: row.seq, reason };
    let at = inventory.begin_batch(row.seq, row.at);
    if at != row.at {
        return Err(damaged(format!("its time {} is before the row before it", row.at)));
    }
    inventory.begin_row();
    match record {
        Record::Takeover => {}
        Record::Batch(transitions) => {
            for transition in transitions {
                inventory.apply(transition).map_err(|violation| damaged(violation.to_string()))?;
            }
        }
    }
    Ok(())
}

fn from_snapshot(snapshot: &Snapshot) -> Result<Inventory, LoadError> {
    let unfit = |reason| LoadError::Damaged {
        seq: snapshot.seq,
        reason: format!("the snapshot at this row: {reason}"),
    };
    let read = Inventory::from_snapshot(&snapshot.payload);
    let inventory = read.map_err(|violation| unfit(violation.to_string()))?;
    if inventory.at() != snapshot.at {
        return Err(unfit(format!("its state is of {}, not of {}", inventory.at(), snapshot.at)));
    }
    Ok(inventory)
}
