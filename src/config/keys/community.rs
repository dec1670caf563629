//! The settings of what fans do around a sale.

use super::key::Key;
use super::values::issuer;
use crate::config::LinkTitles;

/// The settings of all parts.
pub(super) const COMMUNITY: &[Key] = &[key!(
    "link_titles",
    "ADMITONE_LINK_TITLES",
    "on|off|URL",
    "Ask YouTube and Spotify, or a proxy at this URL, for the titles of songs that setlists link to [off]",
    |c, v| link_titles(v).map(|v| c.link_titles = v)
)];

fn link_titles(value: &str) -> Result<LinkTitles, String> {
    match value {
        "off" => Ok(LinkTitles::Off),
        "on" => Ok(LinkTitles::On),
        url => match issuer(url) {
            Ok(url) => Ok(LinkTitles::At(url.trim_end_matches('/').to_owned())),
            Err(why) => Err(format!("{why}, on, or off")),
        },
    }
}
