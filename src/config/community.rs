//! Settings of what fans do around a sale.

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
