//! Settings of what fans do around a sale.

use super::Secret;

/// Where titles of links to music services are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkTitles {
    /// Nowhere.
    #[default]
    Off,
    /// At YouTube and Spotify.
    On,
    /// At another server with the paths `/youtube/oembed` and `/spotify/oembed`.
    At(String),
}

/// Where objects such as pictures are kept.
#[derive(Clone, Debug, Default)]
pub struct ObjectsConfig {
    /// A folder, or `s3://bucket/prefix`; `None` for a folder of the data directory, and for nowhere in a
    /// cluster, whose instances do not share theirs.
    pub place: Option<String>,
    /// The address of the S3 service; that of Amazon when absent.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` when absent.
    pub region: Option<String>,
    /// The id of the access key.
    pub key_id: Option<String>,
    /// The secret that goes with it.
    pub key_secret: Option<Secret>,
}

impl ObjectsConfig {
    /// Returns the bucket and the prefix, if the place is one.
    #[must_use]
    pub fn bucket(&self) -> Option<(&str, &str)> {
        let place = self.place.as_deref()?.strip_prefix("s3://")?;
        Some(place.split_once('/').unwrap_or((place, "")))
    }

    /// Checks that a bucket has its key.
    pub(super) fn check(&self) -> Result<(), String> {
        let has_key = self.key_id.is_some() && self.key_secret.is_some();
        match self.bucket() {
            Some(("", _)) => {
                Err("ADMITONE_OBJECTS names no bucket: write s3://bucket/prefix".into())
            }
            Some(_) if !has_key => {
                Err("ADMITONE_OBJECTS is a bucket: set ADMITONE_OBJECTS_KEY_ID \
                 and ADMITONE_OBJECTS_KEY_SECRET too"
                    .into())
            }
            _ => Ok(()),
        }
    }
}
