//! The settings of what fans do around a sale.

use super::key::Key;
use super::values::{file, issuer, text, word};
use crate::config::LinkTitles;

/// The settings of all parts.
pub(super) const COMMUNITY: &[Key] = &[
    key!(
        "link_titles",
        "ADMITONE_LINK_TITLES",
        "on|off|URL",
        "Ask YouTube and Spotify, or a proxy at this URL, for the titles of songs that setlists link to [off]",
        |c, v| link_titles(v).map(|v| c.link_titles = v)
    ),
    key!(
        "objects",
        "ADMITONE_OBJECTS",
        "PLACE",
        "Where pictures are kept: a folder, which all instances share, or s3://bucket/prefix [a folder of the data directory; nowhere in a cluster]",
        |c, v| text(v, 1_024).map(|v| c.objects.place = Some(v))
    ),
    key!(
        "objects_endpoint",
        "ADMITONE_OBJECTS_ENDPOINT",
        "URL",
        "The S3 service of the bucket [Amazon's]",
        |c, v| issuer(v).map(|v| c.objects.endpoint = Some(v))
    ),
    key!(
        "objects_region",
        "ADMITONE_OBJECTS_REGION",
        "NAME",
        "The region of the bucket [us-east-1]",
        |c, v| text(v, 64).map(|v| c.objects.region = Some(v))
    ),
    key!(
        "objects_key_id",
        "ADMITONE_OBJECTS_KEY_ID",
        "ID",
        "The id of the access key of the bucket [required with a bucket]",
        |c, v| text(v, 255).map(|v| c.objects.key_id = Some(v))
    ),
    key!(secret
        "objects_key_secret",
        "ADMITONE_OBJECTS_KEY_SECRET",
        "SECRET",
        "The secret that goes with it [required with the id]",
        |c, v| word(v).map(|v| c.objects.key_secret = Some(v))
    ),
    key!(
        "objects_key_secret_file",
        "ADMITONE_OBJECTS_KEY_SECRET_FILE",
        "FILE",
        "A file that has the secret, in place of the text [unset]",
        |c, v| file(v).and_then(|v| word(&v)).map(|v| c.objects.key_secret = Some(v))
    ),
];

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
