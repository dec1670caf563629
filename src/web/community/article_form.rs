//! Writing an article: the form, a look at the result before it is kept, and the draft.

use actix_web::{HttpResponse, web};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

use super::articles::category_text;
use super::parts::{key_of, member, new_key};
use crate::community::articles::markdown;
use crate::community::articles::{
    ArticleCategory, ArticleChange, ArticleDraft, MAX_TITLE, ShownArticle,
};
use crate::http::error::{ApiError, ErrorCode, mark_refused};
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ArticleId, OfferingId};
use crate::text::InvalidField;
use crate::web::errors::explain;
use crate::web::fields::{Field, refusal, select};
use crate::web::forms::{Form, see_other};
use crate::web::layout::{self, Page};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/articles/new").get(new).post(create))
        .service(web::resource("/articles/{article}/edit").get(edit).post(change));
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    concert: String,
}

/// The fields as people enter them.
#[derive(Clone, Debug, Default, Deserialize)]
struct Written {
    #[serde(default)]
    key: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    concert: String,
    #[serde(rename = "do", default)]
    what: String,
}

impl Written {
    fn of(article: &ShownArticle) -> Self {
        let head = &article.row.head;
        Self {
            key: new_key(),
            version: head.version.to_string(),
            title: head.title.clone(),
            content: article.row.content.clone(),
            category: head.category.as_str().to_owned(),
            tags: head.tags.join(", "),
            concert: head.concert.map(|id| id.to_string()).unwrap_or_default(),
            what: String::new(),
        }
    }

    fn category(&self) -> Result<ArticleCategory, InvalidField> {
        let named = |it: &ArticleCategory| it.as_str() == self.category;
        let found = ArticleCategory::ALL.into_iter().find(named);
        found.ok_or_else(|| InvalidField::new("category", "is not a category of articles"))
    }

    fn tags(&self) -> Vec<String> {
        let tags = self.tags.split(',').map(|tag| tag.trim().trim_start_matches('#'));
        tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
    }

    fn concert(&self) -> Result<Option<OfferingId>, InvalidField> {
        match self.concert.trim() {
            "" => Ok(None),
            id => {
                let wrong = |_| InvalidField::new("concertId", "is not the id of an event");
                id.parse().map(Some).map_err(wrong)
            }
        }
    }

    fn draft(&self) -> Result<ArticleDraft, InvalidField> {
        Ok(ArticleDraft {
            title: self.title.clone(),
            content: self.content.clone(),
            category: self.category()?,
            tags: self.tags(),
            concert: self.concert()?,
            images: Vec::new(),
        })
    }

    fn change(&self) -> Result<ArticleChange, InvalidField> {
        let ArticleDraft { title, content, category, tags, concert, images: _ } = self.draft()?;
        Ok(ArticleChange {
            title: Some(title),
            content: Some(content),
            category: Some(category),
            tags: Some(tags),
            concert: Some(concert),
            images: None,
        })
    }

    /// What identifies the request beside its key.
    fn fields(&self) -> [&str; 7] {
        let Self { version, title, content, category, tags, concert, what, .. } = self;
        [version, title, content, category, tags, concert, what]
    }
}

/// Where the form leads.
#[derive(Clone, Copy)]
enum Of<'a> {
    New,
    Article(&'a ShownArticle),
}

async fn new(visitor: Visitor, query: web::Query<Query>) -> Result<HttpResponse, ApiError> {
    member(&visitor)?;
    let category = ArticleCategory::Talk.as_str().to_owned();
    let concert = query.into_inner().concert;
    let written = Written { key: new_key(), category, concert, ..Written::default() };
    Ok(show(&visitor, Of::New, &written, None))
}

async fn edit(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ArticleId>,
) -> Result<HttpResponse, ApiError> {
    let article = own(&state, &visitor, id).await?;
    Ok(show(&visitor, Of::Article(&article), &Written::of(&article), None))
}

/// Returns an article of the visitor's own.
async fn own(state: &AppState, visitor: &Visitor, id: ArticleId) -> Result<ShownArticle, ApiError> {
    let caller = member(visitor)?;
    let article = state.articles.read(Some(caller), id).await?;
    match article.row.head.author == Some(caller.user) {
        true => Ok(article),
        false => Err(ApiError::not_found("article")),
    }
}

fn show(visitor: &Visitor, of: Of<'_>, written: &Written, refused: Option<&str>) -> HttpResponse {
    let (title, action) = match of {
        Of::New => (visitor.text("articles.write"), "/articles/new".to_owned()),
        Of::Article(article) => {
            (visitor.text("articles.edit"), format!("/articles/{}/edit", article.row.head.id))
        }
    };
    let is_published = matches!(of, Of::Article(article) if article.row.head.is_published);
    let main = html! {
        section.narrow {
            p.back { a href="/account/articles" { (visitor.text("articles.mine")) } }
            h1 { (title) }
            (preview(visitor, written))
            form.stack method="post" action=(action) {
                (refusal(refused))
                input type="hidden" name="key" value=(written.key);
                input type="hidden" name="version" value=(written.version);
                (fields(visitor, written))
                div.row {
                    button.button.quiet name="do" value="preview" { (visitor.text("articles.preview_it")) }
                    @if is_published {
                        button.button name="do" value="save" { (visitor.text("articles.save")) }
                    } @else {
                        button.button.quiet name="do" value="save" { (visitor.text("articles.save_draft")) }
                        button.button name="do" value="publish" { (visitor.text("articles.publish")) }
                    }
                }
            }
        }
    };
    layout::render(visitor, Page::new(title).main(main))
}

fn preview(visitor: &Visitor, written: &Written) -> Markup {
    if written.what != "preview" {
        return Markup::default();
    }
    let html = markdown::render(&written.content).unwrap_or_default();
    html! {
        section.preview aria-label=(visitor.text("articles.preview_it")) {
            h2 { (written.title) }
            div.prose { (PreEscaped(html)) }
        }
    }
}

fn fields(visitor: &Visitor, written: &Written) -> Markup {
    let options = ArticleCategory::ALL
        .map(|it| (it.as_str().to_owned(), category_text(visitor, it).to_owned()));
    let title = Field {
        name: "title",
        label: visitor.text("articles.title_of"),
        value: &written.title,
        required: true,
        max_length: u32::try_from(MAX_TITLE).ok(),
        ..Field::default()
    };
    let content = Field {
        name: "content",
        label: visitor.text("articles.content"),
        value: &written.content,
        required: true,
        hint: Some(visitor.text("articles.content_hint")),
        ..Field::default()
    };
    let tags = Field {
        name: "tags",
        label: visitor.text("articles.tags"),
        value: &written.tags,
        hint: Some(visitor.text("articles.tags_hint")),
        ..Field::default()
    };
    let concert = Field {
        name: "concert",
        label: visitor.text("articles.concert"),
        value: &written.concert,
        hint: Some(visitor.text("articles.concert_hint")),
        max_length: Some(40),
        ..Field::default()
    };
    html! {
        (title.render())
        (select("category", visitor.text("articles.category"), &written.category, &options))
        (content.area(16))
        p { a href="/account/pictures" target="_blank" { (visitor.text("pictures.title")) } }
        (tags.render())
        (concert.render())
    }
}

async fn create(
    state: web::Data<AppState>,
    visitor: Visitor,
    Form(written): Form<Written>,
) -> Result<HttpResponse, ApiError> {
    let caller = member(&visitor)?;
    if written.what == "preview" {
        return looked_at(&visitor, Of::New, &written);
    }
    let publishes = written.what == "publish";
    let made = match written.draft() {
        Err(error) => Err(ApiError::from(error)),
        Ok(draft) => {
            let key = key_of(&written.key);
            let key = key.row_key(caller.user, "write article by form", &written.fields());
            let (articles, now) = (&state.articles, visitor.now);
            articles.create(caller, draft, publishes, key.as_ref(), now).await.map_err(Into::into)
        }
    };
    match made {
        Ok((id, _)) => Ok(lead_on(id, publishes)),
        Err(failure) => refuse(&visitor, Of::New, &written, &failure),
    }
}

async fn change(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ArticleId>,
    Form(mut written): Form<Written>,
) -> Result<HttpResponse, ApiError> {
    let article = own(&state, &visitor, id).await?;
    let of = Of::Article(&article);
    let caller = member(&visitor)?;
    if written.what == "preview" {
        return looked_at(&visitor, of, &written);
    }
    let version = written.version.parse().unwrap_or_default();
    let changed = match written.change() {
        Err(error) => Err(ApiError::from(error)),
        Ok(change) => {
            let key = key_of(&written.key);
            let key = key.row_key(caller.user, "change article by form", &(id, written.fields()));
            let (articles, of, now) = (&state.articles, (id, version), visitor.now);
            articles.change(caller, of, change, key.as_ref(), now).await.map_err(Into::into)
        }
    };
    if let Err(failure) = changed {
        if failure.code() == ErrorCode::VersionConflict {
            // To be sent again, it replaces what was written elsewhere.
            (written.version, written.key) = (article.row.head.version.to_string(), new_key());
        }
        return refuse(&visitor, of, &written, &failure);
    }
    let publishes = written.what == "publish";
    if publishes {
        state.articles.publish(caller, id, true, visitor.now).await?;
    }
    Ok(lead_on(id, publishes))
}

fn lead_on(id: ArticleId, is_published: bool) -> HttpResponse {
    let notice = if is_published { "published" } else { "saved" };
    see_other(&format!("/articles/{id}?notice={notice}"))
}

/// Shows the result before it is kept; the form is as it was.
fn looked_at(visitor: &Visitor, of: Of<'_>, written: &Written) -> Result<HttpResponse, ApiError> {
    match markdown::render(&written.content) {
        Ok(_) => Ok(show(visitor, of, written, None)),
        Err(error) => refuse(visitor, of, written, &error.into()),
    }
}

fn refuse(
    visitor: &Visitor,
    of: Of<'_>,
    written: &Written,
    failure: &ApiError,
) -> Result<HttpResponse, ApiError> {
    if matches!(failure.code().status().as_u16(), 404 | 500..) {
        return Err(failure.clone());
    }
    let said = match failure.code() {
        ErrorCode::VersionConflict => visitor.text("articles.changed_elsewhere").to_owned(),
        _ => explain(visitor, failure),
    };
    let mut page = show(visitor, of, written, Some(&said));
    mark_refused(&mut page, failure.code());
    Ok(page)
}
