//! Pins the bytes of all data that is journalled, snapshotted or sent between instances, so that no
//! change to a type makes an old journal unreadable or two instances misunderstand each other.
//!
//! Each sample has a line in `encodings/*.txt`: its name, and its postcard bytes in hex. **Append
//! only**: a line that is there never changes. To add a variant, append it to its enum, add a
//! sample to `every!` here (the crate does not compile before), and paste the line that the failing
//! test prints. Journalled data is pinned as JSON too, which `journal verify --file` compares.
//!
//! - `journal::FORMAT` rises when a row is written that the last released version cannot read: when
//!   `Change`, `Rejection` or anything in `Created` grows, or the canonical form of a row changes. Old
//!   rows stay readable, so their lines stay.
//! - `VERSION` of `inventory/snapshot.rs` rises with any change to the bytes of a snapshot.
//!   Snapshots of other versions are folded anew, so `snapshot.txt` may then be replaced;
//!   `snapshot_unsealed.txt`, which 0.1.0 wrote, is removed with the fields that it has. Archived
//!   events have no rows to fold: the changelog then asks for `admitone archive rebuild` of every
//!   archived event.
//! - `cluster::PROTOCOL` rises when a peer request, a peer reply or the seal changes so that an
//!   instance of the version before does not understand it. A new variant that is only sent to
//!   instances that know it does not raise it.

mod classes;
mod journal;
mod queue;
mod snapshot;
mod wire;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub(crate) use journal::rejections as every_rejection;

/// A value, under its name in the file of its kind.
pub(super) struct Sample {
    name: String,
    pinned: String,
}

impl Sample {
    /// Returns a sample of a value, after a check that it reads back as it was written.
    fn of<T: Serialize + DeserializeOwned>(name: &str, value: &T) -> Self {
        let bytes = postcard::to_stdvec(value).unwrap();
        let back: T = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_stdvec(&back).unwrap(), bytes, "{name} reads back as another");
        Self { name: name.into(), pinned: hex(&bytes) }
    }

    /// Returns a sample of bytes that postcard did not write.
    fn bytes(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.into(), pinned: hex(bytes) }
    }

    fn json(name: &str, value: &impl Serialize) -> Self {
        Self { name: format!("{name} as JSON"), pinned: serde_json::to_string(value).unwrap() }
    }
}

/// A named sample of each variant. The `match` has no `_`: a variant without a sample does not
/// compile.
macro_rules! every {
    ($type:ident {
        $($variant:ident $({ $($fields:tt)* })? $(( $($values:tt)* ))?),+ $(,)?
    }) => {{
        let _ = |value: &$type| match value { $($type::$variant { .. } => {}),+ };
        vec![$((
            concat!(stringify!($type), "::", stringify!($variant)),
            $type::$variant $({ $($fields)* })? $(( $($values)* ))?,
        )),+]
    }};
}
use every;

/// Compares the samples with the lines of `file`, whose content is `golden`.
fn check_pinned(samples: &[Sample], file: &str, golden: &str) {
    let split = |line| str::split_once(line, ": ").expect("a line is `name: bytes`");
    let golden: Vec<_> = golden.lines().map(split).collect();
    let mut pinned: BTreeMap<&str, &str> = golden.iter().copied().collect();
    assert_eq!(pinned.len(), golden.len(), "{file} has a name twice");
    let (mut missing, mut changed) = (Vec::new(), Vec::new());
    for sample in samples {
        let line = format!("{}: {}", sample.name, sample.pinned);
        match pinned.remove(&*sample.name) {
            None => missing.push(line),
            Some(old) if old != sample.pinned => changed.push(format!("{line}\n   was: {old}")),
            Some(_) => {}
        }
    }
    assert!(
        changed.is_empty(),
        "what is written already would be misread. Leave the type as it was and append a new \
         variant:\n{}",
        changed.join("\n")
    );
    assert!(
        pinned.is_empty(),
        "{file} pins what is gone, and is still written somewhere: {pinned:?}"
    );
    assert!(missing.is_empty(), "paste at the end of {file}:\n{}", missing.join("\n"));
}

/// Ids that are the same in every run.
fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
