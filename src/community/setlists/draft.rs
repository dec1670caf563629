//! A setlist as it is written and stored.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::links::{MusicService, Target};
use crate::text::{self, InvalidField};

/// The most songs of a setlist.
pub const MAX_SONGS: usize = 100;
/// The most characters of a title, an artist or a note.
pub const MAX_CHARS: usize = 200;

/// A song of a setlist, in the order in which it was played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Song {
    pub title: String,
    /// For a cover, or a guest.
    pub artist: Option<String>,
    pub note: Option<String>,
    pub is_encore: bool,
    pub youtube_music: Option<String>,
    pub spotify: Option<String>,
}

/// Playlists or albums with all songs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Playlists {
    pub youtube_music: Option<String>,
    pub spotify: Option<String>,
}

/// A setlist to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetlistDraft {
    /// The version that the writer has read; 0 if there was none.
    pub version: u32,
    /// In the order in which they were played.
    pub songs: Vec<Song>,
    /// Where all songs can be heard.
    pub playlists: Playlists,
}

impl SetlistDraft {
    /// Returns the setlist as it is stored: texts trimmed, links in their usual form.
    pub(super) fn checked(self) -> Result<Self, InvalidField> {
        if self.songs.is_empty() || self.songs.len() > MAX_SONGS {
            return Err(InvalidField::new("songs", format!("must have 1 to {MAX_SONGS} items")));
        }
        let songs = self.songs.into_iter().enumerate();
        let songs =
            songs.map(|(index, song)| checked_song(index, song)).collect::<Result<_, _>>()?;
        let of = |service: MusicService, field: &str, link: Option<String>| {
            link.map(|link| service.link(field, &link, Target::Playlist)).transpose()
        };
        let Playlists { youtube_music, spotify } = self.playlists;
        let playlists = Playlists {
            youtube_music: of(
                MusicService::YoutubeMusic,
                "playlists.youtubeMusicUrl",
                youtube_music,
            )?,
            spotify: of(MusicService::Spotify, "playlists.spotifyUrl", spotify)?,
        };
        Ok(Self { version: self.version, songs, playlists })
    }
}

fn checked_song(index: usize, song: Song) -> Result<Song, InvalidField> {
    let field = |name: &str| format!("songs[{index}].{name}");
    let optional = |name: &str, value: Option<String>| {
        value.map(|value| text::line(&field(name), &value, MAX_CHARS)).transpose()
    };
    let link = |service: MusicService, name: &str, link: Option<String>| {
        link.map(|link| service.link(&field(name), &link, Target::Song)).transpose()
    };
    Ok(Song {
        title: text::line(&field("title"), &song.title, MAX_CHARS)?,
        artist: optional("artist", song.artist)?,
        note: match song.note {
            Some(note) => {
                let note = text::paragraph(&field("note"), &note, MAX_CHARS)?;
                Some(note).filter(|note| !note.is_empty())
            }
            None => None,
        },
        is_encore: song.is_encore,
        youtube_music: link(MusicService::YoutubeMusic, "youtubeMusicUrl", song.youtube_music)?,
        spotify: link(MusicService::Spotify, "spotifyUrl", song.spotify)?,
    })
}

/// Returns all links of a setlist, each once.
pub(super) fn links(songs: &[Song], playlists: &Playlists) -> Vec<String> {
    let of_songs = songs.iter().flat_map(|song| [&song.youtube_music, &song.spotify]);
    let all = of_songs.chain([&playlists.youtube_music, &playlists.spotify]);
    let mut seen = HashSet::new();
    all.flatten().filter(|link| seen.insert(link.as_str())).cloned().collect()
}
