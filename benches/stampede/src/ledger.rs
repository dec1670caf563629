//! The run's own journal: every request for a change, and its answer. The audit compares the
//! server's state with it. It can be saved and audited again later, for example after the server
//! was killed and restarted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::people::Told;
use admitone::ids::{OfferingId, UserId};

/// The version of the file format.
const FORMAT: u32 = 1;

/// The run that the journal belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The version of this file's format.
    pub format: u32,
    /// A random number that is part of all idempotency keys of the run.
    pub run: u32,
    /// The targets of the run, each as `HOST:PORT`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The accounts created by the run; entries name them by position.
    pub buyers: Vec<Account>,
    /// The events created by the run; entries name them by position.
    pub events: Vec<OfferingId>,
    /// True if the buyers' tokens were signed here, and they have no accounts.
    #[serde(default)]
    pub signed: bool,
    /// True if people whose tokens were signed here charged their wallets before the crowd came.
    #[serde(default)]
    pub prepaid: bool,
    /// The amount that each buyer charged to its wallet, in minor units.
    pub charged: i64,
    /// The currency of all amounts.
    pub currency: String,
}

/// A buyer, with the credentials for its login.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Account {
    pub id: UserId,
    pub email: String,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Position in [`Header::buyers`].
    pub buyer: u32,
    /// Position in [`Header::events`].
    pub event: u32,
    /// The number that, with the run, makes the idempotency key; no other request has it.
    pub number: u64,
    /// The request.
    pub asked: Asked,
    /// The final answer, after retries with the same key.
    pub answered: Answered,
}

/// The requests for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Asked {
    /// A number of places of a product, chosen by the server.
    Places {
        product: u16,
        quantity: u32,
    },
    /// Exactly these seats.
    Seats(Box<[u32]>),
    Extend {
        hold: Uuid,
    },
    Release {
        hold: Uuid,
    },
    Reserve {
        hold: Uuid,
    },
    Pay {
        reservation: Uuid,
    },
    Cancel {
        reservation: Uuid,
    },
    Join {
        product: u16,
        party: u32,
    },
    Leave {
        entry: Uuid,
    },
    Accept {
        entry: Uuid,
    },
    /// A place in a class.
    Apply,
    /// The end of an enrollment.
    Unenroll {
        enrollment: Uuid,
    },
    /// The end of an entry in a waiting room, or of a session there.
    LeaveQueue,
    /// Money for one's own wallet.
    Charge,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Answered {
    /// A hold, recorded in this row of the journal, of these seats (or of this number of places).
    Held {
        hold: Uuid,
        seq: u64,
        places: u32,
        seats: Box<[u32]>,
        price: i64,
    },
    Reserved {
        reservation: Uuid,
        price: i64,
    },
    Paid {
        amount: i64,
    },
    Waiting {
        entry: Uuid,
    },
    /// An enrollment in a class: with a place, or in line.
    Enrolled {
        enrollment: Uuid,
        waits: bool,
    },
    /// The request was carried out.
    Done,
    /// The request was refused, or not decided at all: it has no effect.
    Refused,
    /// There was no answer, or one that leaves the outcome open: the request has its whole effect,
    /// or none.
    Unknown,
}

/// The whole journal of a run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ledger {
    pub header: Header,
    pub entries: Vec<Entry>,
    /// What people were told by a waiting room.
    pub told: Vec<Told>,
}

/// A line after the header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Entry(Entry),
    Told(Told),
}

impl Header {
    /// An empty journal, in the format that this program writes.
    #[must_use]
    pub fn new(run: u32, charged: i64, currency: &str) -> Self {
        let (targets, buyers, events) = (Vec::new(), Vec::new(), Vec::new());
        let currency = currency.into();
        let (signed, prepaid) = (false, false);
        Self { format: FORMAT, run, targets, buyers, events, signed, prepaid, charged, currency }
    }

    /// The idempotency key that a request is sent with.
    #[must_use]
    pub fn key(&self, number: u64) -> String {
        key(self.run, number)
    }
}

/// The idempotency key of a request of a run.
#[must_use]
pub fn key(run: u32, number: u64) -> String {
    format!("stampede-{run:08x}-{number:x}")
}

impl Ledger {
    /// Writes the journal: the header, then one entry per line, then what people were told.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let mut file = BufWriter::new(File::create(path)?);
            serde_json::to_writer(&mut file, &self.header)?;
            for entry in &self.entries {
                file.write_all(b"\n")?;
                serde_json::to_writer(&mut file, entry)?;
            }
            for told in &self.told {
                file.write_all(b"\n")?;
                serde_json::to_writer(&mut file, told)?;
            }
            file.write_all(b"\n")?;
            file.flush()?;
            Ok(())
        };
        write()
            .with_context(|| format!("the run's journal cannot be written to {}", path.display()))
    }

    /// Reads a journal that [`Self::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is not such a journal.
    pub fn load(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
        let mut lines = BufReader::new(file).lines();
        let Some(first) = lines.next() else { bail!("{shown} is empty") };
        let first = first.with_context(|| format!("cannot read {shown}"))?;
        let not_ours = || format!("{shown} is not what `stampede --journal` wrote");
        let header: Header = serde_json::from_str(&first).with_context(not_ours)?;
        if header.format != FORMAT {
            bail!("{shown} has the form {}, this program knows {FORMAT}", header.format);
        }
        let (mut entries, mut told) = (Vec::new(), Vec::new());
        let mut numbers = HashMap::new();
        for (line, number) in lines.zip(2_u64..) {
            let line = line.with_context(|| format!("cannot read {shown}"))?;
            let line: Line =
                serde_json::from_str(&line).with_context(|| format!("{shown}, line {number}"))?;
            let entry = match line {
                Line::Entry(entry) => entry,
                Line::Told(one) => {
                    if one.person as usize >= header.buyers.len() {
                        bail!("{shown}, line {number}: a person whom the header does not name");
                    }
                    told.push(one);
                    continue;
                }
            };
            let known = (entry.buyer as usize) < header.buyers.len()
                && (entry.event as usize) < header.events.len();
            if !known {
                bail!("{shown}, line {number}: a buyer or event that the header does not name");
            }
            if let Some(first) = numbers.insert(entry.number, number) {
                bail!("{shown}, line {number}: the same request as line {first}");
            }
            if header.charged == 0 && matches!(entry.asked, Asked::Pay { .. }) {
                bail!("{shown}, line {number}: a payment, and in the header nobody has money");
            }
            entries.push(entry);
        }
        Ok(Self { header, entries, told })
    }
}
