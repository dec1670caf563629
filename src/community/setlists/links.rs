//! Links to songs and playlists: YouTube Music and Spotify only, in one form each. What a link is is
//! decided by its host and its id alone; nothing is fetched here.

use reqwest::Url;

use crate::text::InvalidField;

/// The longest link that is read, in bytes.
const MAX_BYTES: usize = 2_048;
/// The identifiers of YouTube's videos, and of Spotify's objects, have a fixed length.
const VIDEO_ID: usize = 11;
const SPOTIFY_ID: usize = 22;
/// The lengths of the identifiers of YouTube's playlists, of which there are several kinds.
const PLAYLIST_ID: std::ops::RangeInclusive<usize> = 13..=64;

/// A music service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MusicService {
    YoutubeMusic,
    Spotify,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A single song.
    Song,
    /// A playlist or an album.
    Playlist,
}

impl MusicService {
    /// Returns a link of this service in its usual form: the same song has one text, and what trackers
    /// add to it is gone.
    ///
    /// # Errors
    /// The reason, for `field`.
    pub fn link(self, field: &str, text: &str, target: Target) -> Result<String, InvalidField> {
        let refused = || InvalidField::new(field, self.expectation(target));
        let text = text.trim();
        let url = (text.len() <= MAX_BYTES).then(|| Url::parse(text).ok()).flatten();
        let url = url.filter(is_plain).ok_or_else(refused)?;
        match self {
            Self::YoutubeMusic => youtube(&url, target),
            Self::Spotify => spotify(&url, target),
        }
        .ok_or_else(refused)
    }

    fn expectation(self, target: Target) -> &'static str {
        match (self, target) {
            (Self::YoutubeMusic, Target::Song) => {
                "must be a song at YouTube Music, such as https://music.youtube.com/watch?v=dQw4w9WgXcQ"
            }
            (Self::YoutubeMusic, Target::Playlist) => {
                "must be a playlist at YouTube Music, such as https://music.youtube.com/playlist?list=PL…"
            }
            (Self::Spotify, Target::Song) => {
                "must be a track at Spotify, such as https://open.spotify.com/track/…"
            }
            (Self::Spotify, Target::Playlist) => {
                "must be a playlist or an album at Spotify, such as https://open.spotify.com/playlist/…"
            }
        }
    }
}

/// True if the link has neither a name nor a password nor a port of its own: parts that make one
/// host look like another.
fn is_plain(url: &Url) -> bool {
    url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
}

fn youtube(url: &Url, target: Target) -> Option<String> {
    let query = |name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let is_long = matches!(
        url.host_str()?,
        "music.youtube.com" | "www.youtube.com" | "youtube.com" | "m.youtube.com"
    );
    let is_short = url.host_str()? == "youtu.be";
    match target {
        Target::Song => {
            let id = match url.path() {
                "/watch" if is_long => query("v")?,
                path if is_short => path.strip_prefix('/')?.to_owned(),
                _ => return None,
            };
            is_id(&id, VIDEO_ID..=VIDEO_ID)
                .then(|| format!("https://music.youtube.com/watch?v={id}"))
        }
        Target::Playlist => {
            let id = (is_long && url.path() == "/playlist").then(|| query("list"))??;
            is_id(&id, PLAYLIST_ID).then(|| format!("https://music.youtube.com/playlist?list={id}"))
        }
    }
}

fn spotify(url: &Url, target: Target) -> Option<String> {
    if url.host_str()? != "open.spotify.com" {
        return None;
    }
    let mut parts = url.path_segments()?.peekable();
    // The language of a shared link, such as `intl-ko`.
    parts.next_if(|part| part.starts_with("intl-"));
    let (kind, id, rest) = (parts.next()?, parts.next()?, parts.next());
    let fits = match target {
        Target::Song => kind == "track",
        Target::Playlist => matches!(kind, "playlist" | "album"),
    };
    let is_known = id.len() == SPOTIFY_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (fits && is_known && rest.is_none()).then(|| format!("https://open.spotify.com/{kind}/{id}"))
}

fn is_id(id: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    length.contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_one_form_and_other_hosts_are_refused() {
        use MusicService::{Spotify, YoutubeMusic};
        use Target::{Playlist, Song};
        let song = Some("https://music.youtube.com/watch?v=dQw4w9WgXcQ");
        let track = Some("https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC");
        let cases = [
            (YoutubeMusic, Song, "https://music.youtube.com/watch?v=dQw4w9WgXcQ", song),
            (YoutubeMusic, Song, "https://www.youtube.com/watch?si=x&v=dQw4w9WgXcQ&t=1", song),
            (YoutubeMusic, Song, " https://youtu.be/dQw4w9WgXcQ?si=abc ", song),
            (YoutubeMusic, Song, "https://youtu.be/dQw4w9WgXcQ/x", None),
            (YoutubeMusic, Song, "http://music.youtube.com/watch?v=dQw4w9WgXcQ", None),
            (
                YoutubeMusic,
                Song,
                "https://music.youtube.com.evil.example/watch?v=dQw4w9WgXcQ",
                None,
            ),
            (
                YoutubeMusic,
                Song,
                "https://music.youtube.com@evil.example/watch?v=dQw4w9WgXcQ",
                None,
            ),
            (YoutubeMusic, Song, "https://music.youtube.com:8443/watch?v=dQw4w9WgXcQ", None),
            (YoutubeMusic, Song, "https://music.youtube.com/watch?v=dQw4w9WgXc%22", None),
            (YoutubeMusic, Song, "https://music.youtube.com/redirect?q=https://evil.example", None),
            (YoutubeMusic, Song, "javascript:alert(1)", None),
            (YoutubeMusic, Song, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC", None),
            (YoutubeMusic, Playlist, "https://music.youtube.com/watch?v=dQw4w9WgXcQ", None),
            (
                YoutubeMusic,
                Playlist,
                "https://www.youtube.com/playlist?list=PL1234567890abcd",
                Some("https://music.youtube.com/playlist?list=PL1234567890abcd"),
            ),
            (Spotify, Song, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=1", track),
            (Spotify, Song, "https://open.spotify.com/intl-ko/track/4uLU6hMCjMI75M1A2tKUQC", track),
            (Spotify, Song, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQ", None),
            (Spotify, Song, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC/..", None),
            (Spotify, Song, "https://open.spotify.com/playlist/4uLU6hMCjMI75M1A2tKUQC", None),
            (Spotify, Song, "spotify:track:4uLU6hMCjMI75M1A2tKUQC", None),
            (
                Spotify,
                Playlist,
                "https://open.spotify.com/album/4uLU6hMCjMI75M1A2tKUQC",
                Some("https://open.spotify.com/album/4uLU6hMCjMI75M1A2tKUQC"),
            ),
        ];
        for (service, target, text, expected) in cases {
            assert_eq!(service.link("url", text, target).ok().as_deref(), expected, "{text}");
        }
    }
}
