//! Writing a setlist: a row of fields for each song, and some empty ones below.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::parts::{key_of, member, new_key};
use crate::community::moderation::BanScope;
use crate::community::setlists::{MAX_SONGS, Playlists, Setlist, SetlistDraft, SetlistError, Song};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::web::errors::explain;
use crate::web::fields::refusal;
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Empty rows below those that are filled in.
const SPARE: usize = 5;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/events/{event}/setlist/edit").get(page).post(save));
}

/// The fields as people enter them: pairs of names and values, since their number is open.
type Pairs = Vec<(String, String)>;

/// A setlist as a form has it.
#[derive(Clone, Debug, Default)]
struct Entered {
    key: String,
    version: u32,
    songs: Vec<Song>,
    playlists: Playlists,
    /// True if only more rows were asked for.
    is_more: bool,
}

impl Entered {
    fn of(setlist: Option<Setlist>, version: u32) -> Self {
        let (songs, playlists) =
            setlist.map_or_else(Default::default, |setlist| (setlist.songs, setlist.playlists));
        Self { key: new_key(), version, songs, playlists, is_more: false }
    }

    /// Reads the pairs; rows without any value are left out.
    fn parse(pairs: Pairs) -> Self {
        let mut entered = Self::default();
        let mut rows: Vec<Song> = Vec::new();
        for (name, value) in pairs {
            let text = value.trim().to_owned();
            let optional = (!text.is_empty()).then(|| text.clone());
            match name.as_str() {
                "key" => entered.key = text,
                "version" => entered.version = text.parse().unwrap_or_default(),
                "do" => entered.is_more = text == "more",
                "playlist_youtube" => entered.playlists.youtube_music = optional,
                "playlist_spotify" => entered.playlists.spotify = optional,
                other => {
                    let Some((what, index)) = other.rsplit_once('-') else { continue };
                    let Some(index) = index.parse::<usize>().ok().filter(|it| *it < MAX_SONGS)
                    else {
                        continue;
                    };
                    if rows.len() <= index {
                        rows.resize_with(index + 1, empty_song);
                    }
                    let song = &mut rows[index];
                    match what {
                        "title" => song.title = text,
                        "artist" => song.artist = optional,
                        "note" => song.note = optional,
                        "youtube" => song.youtube_music = optional,
                        "spotify" => song.spotify = optional,
                        "encore" => song.is_encore = true,
                        _ => {}
                    }
                }
            }
        }
        rows.retain(|song| *song != empty_song());
        entered.songs = rows;
        entered
    }

    /// What identifies the request beside its key.
    fn fields(&self) -> String {
        format!("{} {:?} {:?}", self.version, self.songs, self.playlists)
    }
}

fn empty_song() -> Song {
    Song {
        title: String::new(),
        artist: None,
        note: None,
        is_encore: false,
        youtube_music: None,
        spotify: None,
    }
}

/// Returns the setlist as it is, and the number of its last version; a deletion has one too.
async fn current(state: &AppState, id: OfferingId) -> Result<(Option<Setlist>, u32), ApiError> {
    let last = state.setlists.versions(id, None, 1).await?;
    let version = last.first().map_or(0, |version| version.version);
    match state.setlists.current(id).await {
        Ok(setlist) => Ok((Some(setlist), version)),
        Err(SetlistError::NoSetlist) => Ok((None, version)),
        Err(error) => Err(error.into()),
    }
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    member(&visitor)?;
    let (setlist, version) = current(&state, id).await?;
    Ok(show(&visitor, id, &Entered::of(setlist, version), None))
}

fn show(
    visitor: &Visitor,
    id: OfferingId,
    entered: &Entered,
    refused: Option<&str>,
) -> HttpResponse {
    let title = visitor.text("setlist.write");
    let rows = (entered.songs.len() + SPARE).min(MAX_SONGS);
    let playlist = |name: &str, label: &'static str, value: &Option<String>| {
        html! {
            div.field {
                label for={ "field-" (name) } { (visitor.text(label)) }
                input id={ "field-" (name) } name=(name) type="url" value=[value.as_deref()];
            }
        }
    };
    let main = html! {
        section {
            p.back { a href={ "/events/" (id) "/setlist" } { (visitor.text("setlist.title")) } }
            h1 { (title) }
            p.hint { (visitor.text("setlist.hint")) }
            form.stack method="post" action={ "/events/" (id) "/setlist/edit" } {
                (refusal(refused))
                input type="hidden" name="key" value=(entered.key);
                input type="hidden" name="version" value=(entered.version);
                @for index in 0..rows { (song(visitor, index, entered.songs.get(index))) }
                (playlist("playlist_youtube", "setlist.playlist_youtube", &entered.playlists.youtube_music))
                (playlist("playlist_spotify", "setlist.playlist_spotify", &entered.playlists.spotify))
                div.row {
                    button.button name="do" value="save" { (visitor.text("setlist.save")) }
                    @if rows < MAX_SONGS {
                        button.button.quiet name="do" value="more" { (visitor.text("setlist.more")) }
                    }
                }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

fn song(visitor: &Visitor, index: usize, song: Option<&Song>) -> Markup {
    let value = |of: fn(&Song) -> Option<&str>| song.and_then(of);
    let field = |name: &str, label: &'static str, value: Option<&str>| {
        let id = format!("field-{name}-{index}");
        html! {
            div.field {
                label for=(id) { (visitor.text(label)) }
                input id=(id) name={ (name) "-" (index) } value=[value];
            }
        }
    };
    let is_encore = song.is_some_and(|song| song.is_encore);
    html! {
        fieldset.song {
            legend { (visitor.fill("setlist.song", &[("n", &(index + 1).to_string())])) }
            (field("title", "setlist.song_title", value(|song| Some(&song.title))))
            (field("artist", "setlist.song_artist", value(|song| song.artist.as_deref())))
            (field("note", "setlist.song_note", value(|song| song.note.as_deref())))
            (field("youtube", "setlist.youtube", value(|song| song.youtube_music.as_deref())))
            (field("spotify", "setlist.spotify", value(|song| song.spotify.as_deref())))
            label.check {
                input type="checkbox" name={ "encore-" (index) } value="on" checked[is_encore];
                span { (visitor.text("setlist.encore")) }
            }
        }
    }
}

async fn save(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<OfferingId>,
    Form(pairs): Form<Pairs>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    let mut entered = Entered::parse(pairs);
    if entered.is_more {
        return Ok(show(&visitor, id, &entered, None));
    }
    let key = key_of(&entered.key);
    let key = key.row_key(caller.user, "write setlist by form", &(id, entered.fields()));
    state.moderation.allow(caller, BanScope::All, None, visitor.now).await?;
    let (songs, playlists) = (entered.songs.clone(), entered.playlists.clone());
    let draft = SetlistDraft { version: entered.version, songs, playlists };
    let written = state.setlists.put(caller, id, draft, key.as_ref(), visitor.now).await;
    let failure = match written {
        Ok(_) => return Ok(see_other(&format!("/events/{id}/setlist?notice=saved"))),
        Err(error) => ApiError::from(error),
    };
    if matches!(failure.code().status().as_u16(), 404 | 500..) {
        return Err(failure);
    }
    let said = match failure.code() {
        ErrorCode::VersionConflict => {
            // To be sent again, it becomes the version after the other one.
            (entered.version, entered.key) = (current(&state, id).await?.1, new_key());
            visitor.text("setlist.changed_elsewhere").to_owned()
        }
        _ => explain(&visitor, &failure),
    };
    let mut page = show(&visitor, id, &entered, Some(&said));
    mark_refused(&mut page, failure.code());
    Ok(page)
}
