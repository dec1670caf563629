//! What fans see of an event beside its sale, in a form: artists are entered by their names, series are
//! chosen, pictures are named by the numbers of one's uploads.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::entered;
use crate::community::catalogue::{
    ArtistDraft, CatalogueError, ConcertCategory, ConcertDraft, ConcertRow, SeriesDraft,
    ShownConcert, TicketLink,
};
use crate::http::error::{ApiError, mark_refused};
use crate::http::extract::{IdempotencyKey, Path};
use crate::http::state::AppState;
use crate::ids::{ArtistId, ImageId, OfferingId, SeriesId};
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::places::zone_of;
use crate::web::visitor::Visitor;

/// The newest series, which can be chosen.
const SERIES: u64 = 100;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/organiser/events/{event}/concert").get(page).post(save));
}

/// The fields as people enter them.
#[derive(Clone, Debug, Default, Deserialize)]
struct Entered {
    #[serde(default)]
    key: String,
    #[serde(default)]
    category: String,
    /// One name a line.
    #[serde(default)]
    artists: String,
    #[serde(default)]
    series: String,
    #[serde(default)]
    new_series: String,
    #[serde(default)]
    poster: String,
    /// One number a line.
    #[serde(default)]
    images: String,
    /// A name and an address a line.
    #[serde(default)]
    links: String,
    #[serde(default)]
    opens: String,
    #[serde(rename = "do", default)]
    what: String,
}

impl Entered {
    fn of(visitor: &Visitor, shown: &ShownConcert) -> Self {
        let zone = zone_of(visitor, &shown.event);
        let names: Vec<&str> = shown.artists.iter().map(|(_, name)| &**name).collect();
        let key = uuid::Uuid::new_v4().to_string();
        let Some(concert) = &shown.concert else {
            let category = ConcertCategory::Concert.as_str().to_owned();
            return Self { key, category, ..Self::default() };
        };
        let ConcertRow { images, ticket_links, .. } = concert;
        let lines = |items: Vec<String>| items.join("\n");
        let link = |link: &TicketLink| format!("{} {}", link.name, link.url);
        Self {
            key,
            category: concert.category.as_str().to_owned(),
            artists: names.join("\n"),
            series: concert.series.map(|id| id.to_string()).unwrap_or_default(),
            poster: concert.poster.map(|id| id.to_string()).unwrap_or_default(),
            images: lines(images.iter().map(ToString::to_string).collect()),
            links: lines(ticket_links.iter().map(link).collect()),
            opens: concert.ticket_open.map(|at| entered::local_text(at, zone)).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// What identifies the request beside its key.
    fn fields(&self) -> [&str; 8] {
        let Self { category, artists, series, new_series, poster, images, links, opens, .. } = self;
        [category, artists, series, new_series, poster, images, links, opens]
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn image(field: &str, number: &str) -> Result<ImageId, InvalidField> {
    let wrong = |_| InvalidField::new(field, "must name pictures that were uploaded");
    number.parse().map_err(wrong)
}

/// Returns a category, in words.
pub(super) fn category_text(visitor: &Visitor, category: ConcertCategory) -> &'static str {
    visitor.text(match category {
        ConcertCategory::Concert => "concert.concert",
        ConcertCategory::Festival => "concert.festival",
        ConcertCategory::Classical => "concert.classical",
        ConcertCategory::Musical => "concert.musical",
        ConcertCategory::Theatre => "concert.theatre",
        ConcertCategory::Fanmeeting => "concert.fanmeeting",
        ConcertCategory::Other => "concert.other",
    })
}

async fn page(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = state.catalogue.concert(event, visitor.now).await?;
    let entered = Entered::of(&visitor, &shown);
    show(&state, &visitor, &shown, &entered, None).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    shown: &ShownConcert,
    entered: &Entered,
    refused: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let series = state.catalogue.all_series(None, SERIES).await?;
    let mut options = vec![(String::new(), visitor.text("concert.no_series").to_owned())];
    options.extend(series.into_iter().map(|row| (row.id.to_string(), row.name)));
    let event = &shown.event;
    let address = format!("/organiser/events/{}/concert", event.id);
    let title = visitor.text("concert.title");
    let main = html! {
        section.narrow {
            p.back { a href={ "/organiser/events/" (event.id) } { (event.details.name) } }
            h1 { (title) }
            p.hint { (visitor.text("concert.explained")) }
            form.stack method="post" action=(address) {
                (refusal(refused))
                input type="hidden" name="key" value=(entered.key);
                (fields(visitor, entered, &options))
                div.row {
                    button.button name="do" value="save" { (visitor.text("account.save")) }
                    @if shown.concert.is_some() {
                        button.button.quiet name="do" value="delete" { (visitor.text("concert.take_back")) }
                    }
                }
            }
            p { a href={ "/events/" (event.id) "/fans" } { (visitor.text("fans.link")) } }
        }
    };
    Ok(layout::render(visitor, Page::new(title).main(main)))
}

fn fields(visitor: &Visitor, entered: &Entered, series: &[(String, String)]) -> Markup {
    let categories = ConcertCategory::ALL
        .map(|it| (it.as_str().to_owned(), category_text(visitor, it).to_owned()));
    let field = |name, label, value, hint: Option<&'static str>| Field {
        name,
        label: visitor.text(label),
        value,
        hint: hint.map(|key| visitor.text(key)),
        ..Field::default()
    };
    html! {
        (select("category", visitor.text("articles.category"), &entered.category, &categories))
        (field("artists", "concert.artists", &entered.artists, Some("concert.artists_hint")).area(3))
        (select("series", visitor.text("concert.series"), &entered.series, series))
        @if visitor.is_admin() {
            (field("new_series", "concert.new_series", &entered.new_series, None).render())
        }
        (field("poster", "concert.poster", &entered.poster, Some("concert.pictures_hint")).render())
        (field("images", "concert.images", &entered.images, Some("concert.images_hint")).area(2))
        p { a href="/account/pictures" { (visitor.text("pictures.title")) } }
        (field("links", "concert.links", &entered.links, Some("concert.links_hint")).area(3))
        (Field { kind: "datetime-local", ..field("opens", "concert.opens", &entered.opens, Some("concert.opens_hint")) }.render())
    }
}

async fn save(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    Form(entered): Form<Entered>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let shown = state.catalogue.concert(event, visitor.now).await?;
    let done = match &*entered.what {
        "delete" => state.catalogue.take_back(event).await.map_err(ApiError::from),
        _ => store(&state, &visitor, &shown, &entered).await,
    };
    let failure = match done {
        Ok(()) => return Ok(see_other(&format!("/organiser/events/{event}?notice=saved"))),
        Err(failure) if failure.code().status().as_u16() >= 500 => return Err(failure),
        Err(failure) => failure,
    };
    let said = explain(&visitor, &failure);
    let mut page = show(&state, &visitor, &shown, &entered, Some(&said)).await?;
    mark_refused(&mut page, failure.code());
    Ok(page)
}

async fn store(
    state: &AppState,
    visitor: &Visitor,
    shown: &ShownConcert,
    entered: &Entered,
) -> Result<(), ApiError> {
    let (staff, event, now) = (visitor.staff()?, shown.event.id, visitor.now);
    let categories = ConcertCategory::ALL.into_iter();
    let category = categories.into_iter().find(|it| it.as_str() == entered.category);
    let category =
        category.ok_or_else(|| InvalidField::new("category", "is not a category of concerts"))?;
    let images: Result<Vec<_>, _> =
        lines(&entered.images).map(|number| image("imageIds", number)).collect();
    let poster = lines(&entered.poster).next().map(|number| image("posterId", number));
    let link = |line: &str| {
        let (name, url) = line.rsplit_once(' ').unwrap_or((line, ""));
        TicketLink { name: name.trim().to_owned(), url: url.to_owned() }
    };
    let opens = entered::local_time(&entered.opens, zone_of(visitor, &shown.event));
    let opens = opens.map_err(|_| InvalidField::new("ticketOpenDate", "is not a time"))?;
    let draft = ConcertDraft {
        category,
        poster: poster.transpose()?,
        images: images?,
        ticket_links: lines(&entered.links).map(link).collect(),
        ticket_open: opens,
        artists: artists(state, visitor, shown, &entered.artists).await?,
        series: series(state, visitor, entered).await?,
    };
    let key = IdempotencyKey(Some(entered.key.clone()));
    let key = key.row_key(staff.user, "concert by form", &(event, entered.fields()));
    state.catalogue.put(event, draft, key.as_ref(), now).await?;
    Ok(())
}

/// Returns the artists with these names. Administrators add those that are not known.
async fn artists(
    state: &AppState,
    visitor: &Visitor,
    shown: &ShownConcert,
    names: &str,
) -> Result<Vec<ArtistId>, ApiError> {
    let mut found = Vec::new();
    for name in lines(names) {
        // One that the event names already is meant, where several have the same name.
        let named = shown.artists.iter().find(|(_, known)| known == name).map(|(id, _)| *id);
        let known = match named {
            Some(id) => Some(id),
            None => state.catalogue.artist_named(name).await?,
        };
        found.push(match known {
            Some(id) => id,
            None if visitor.is_admin() => {
                let (other_names, description) = (Vec::new(), String::new());
                let draft =
                    ArtistDraft { name: name.to_owned(), other_names, description, image: None };
                let by = visitor.staff()?.user;
                state.catalogue.create_artist(by, draft, None, visitor.now).await?.0.id
            }
            None => {
                let reason = "must be names of artists that an administrator has added";
                return Err(InvalidField::new("artistIds", reason).into());
            }
        });
    }
    Ok(found)
}

/// Returns the series that was chosen, or a new one with the name that was entered.
async fn series(
    state: &AppState,
    visitor: &Visitor,
    entered: &Entered,
) -> Result<Option<SeriesId>, ApiError> {
    let name = entered.new_series.trim();
    if !name.is_empty() && visitor.is_admin() {
        let draft = SeriesDraft { name: name.to_owned(), description: String::new() };
        let by = visitor.staff()?.user;
        // Sent twice, it is one series.
        let key = IdempotencyKey(Some(entered.key.clone()));
        let key = key.row_key(by, "new series by form", &name);
        let made = state.catalogue.create_series(by, draft, key.as_ref(), visitor.now).await;
        return Ok(Some(made.map_err(|error: CatalogueError| ApiError::from(error))?.0.id));
    }
    match entered.series.as_str() {
        "" => Ok(None),
        id => {
            let wrong = |_| InvalidField::new("seriesId", "must be the id of a series");
            Ok(Some(id.parse().map_err(wrong)?))
        }
    }
}
