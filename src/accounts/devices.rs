//! Devices that people have logged in on. A device keeps a signed token, which names it and the account,
//! and ends with the password that it was made for. It opens nothing: with it a wrong password counts
//! for the device, and not for the network that it is in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::inventory::TimestampMs;
use crate::store::UserRow;

const PREFIX: &str = "dev_";
const LIFE_MS: i64 = 180 * 86_400_000;
const MAC_BYTES: usize = 16;
/// Device, expiry.
const SAID_BYTES: usize = 16 + 8;
/// The characters of a token: no longer text was made here.
const MAX_TOKEN: usize = 64;

/// Signs and reads the tokens of devices.
pub(super) struct Devices {
    key: [u8; 32],
}

impl Devices {
    pub(super) fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("admitone 2026 tokens of devices", secret.as_bytes()) }
    }

    /// Returns a token for a device of this account; `None` makes a new device of it.
    pub(super) fn issue(&self, user: &UserRow, device: Option<Uuid>, now: TimestampMs) -> String {
        let device = device.unwrap_or_else(Uuid::new_v4);
        let mut bytes = device.as_bytes().to_vec();
        bytes.extend_from_slice(&now.saturating_add(LIFE_MS).to_be_bytes());
        let mac = self.mac(user, &bytes);
        bytes.extend_from_slice(&mac);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the device that a token names; `None` if it is not one of this account, or has ended.
    pub(super) fn read(&self, token: &str, user: &UserRow, now: TimestampMs) -> Option<Uuid> {
        let text = token.strip_prefix(PREFIX).filter(|_| token.len() <= MAX_TOKEN)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, mac) = bytes.split_at_checked(SAID_BYTES)?;
        // Every byte is compared, so that the time taken tells nothing.
        let expected = self.mac(user, said);
        let differs = expected.iter().zip(mac).fold(0, |differs, (a, b)| differs | (a ^ b));
        let (device, expires_at) = said.split_at_checked(16)?;
        let expires_at = TimestampMs::from_be_bytes(expires_at.try_into().ok()?);
        let is_good = mac.len() == MAC_BYTES && differs == 0 && now < expires_at;
        Uuid::from_slice(device).ok().filter(|_| is_good)
    }

    fn mac(&self, user: &UserRow, said: &[u8]) -> [u8; MAC_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(user.id.0.as_bytes()).update(said).update(user.password_hash.as_bytes());
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..MAC_BYTES]);
        mac
    }
}
